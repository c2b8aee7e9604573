use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde::Serialize;
use tempfile::TempDir;
use testbed::{Launch, Layout, Mixer, MixerOptions, Process, free_address};

use super::usage::Usage;
use crate::policy;

/// A server that is not up by then does not come.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Our Mixer.
    Mixer,
    /// gRPC and protobuf alone.
    Bare,
    /// Istio's Mixer, in the same run.
    Peer,
}

/// Starts servers.
#[derive(Debug)]
pub(super) struct Servers {
    layout: Layout,
    peer: Option<PathBuf>,
}

/// A server in a process of its own. Stopped when dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    pub(super) running: Running,
    /// Logs, and the configuration that it watches.
    folder: TempDir,
}

#[derive(Debug)]
pub(super) enum Running {
    Mixer(Box<Mixer>),
    Other(Process),
}

impl Servers {
    /// `peer` is the program `mixs` of Istio 1.4.
    ///
    /// # Errors
    /// When that is no file.
    pub(super) fn new(peer: Option<PathBuf>) -> Result<Self> {
        if let Some(program) = &peer {
            ensure!(program.is_file(), "--peer-mixs: {} is no file", program.display());
        }
        Ok(Self { layout: Layout::of_checkout(), peer })
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Our Mixer with this configuration.
    ///
    /// # Errors
    /// When it does not start, or refuses a part of the configuration.
    pub(super) fn mixer(&self, config: &str, flags: &[&str]) -> Result<Server> {
        let folder = configured(config)?;
        let mut options =
            MixerOptions::new(&self.layout, &folder.path().join("config"), folder.path())?;
        options.adapters = policy::adapters()?;
        options.flags =
            ["--log-level", "error"].iter().chain(flags).map(|&f| f.to_owned()).collect();
        let mixer = Mixer::start(&self.layout, options)?;
        if mixer.metrics()?.sum("mixer_config_problems", &[]) > 0.0 {
            let page = testbed::http::get(&format!("{}/debug/config", mixer.http_url()))?;
            bail!("Mixer finds mistakes in the benches' configuration: {}", page.text());
        }
        let address = mixer.grpc();
        Ok(Server { kind: Kind::Mixer, address, running: Running::Mixer(Box::new(mixer)), folder })
    }

    /// A server that decodes requests and answers a constant.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn bare(&self) -> Result<Server> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let launch = Launch::new("bare", std::env::current_exe()?, folder.path())
            .arg("bare")
            .arg("--listen")
            .arg(address.to_string());
        Server::other(Kind::Bare, &launch, address, folder)
    }

    /// Istio's Mixer with this configuration, if its program was given.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn peer(&self, config: &str) -> Result<Option<Server>> {
        let Some(program) = &self.peer else { return Ok(None) };
        let folder = configured(config)?;
        let address = free_address()?;
        let launch = Launch::new("mixs", program, folder.path())
            .output_to(folder.path().join("access.log"))
            .arg("server")
            .arg(format!("--configStoreURL=fs://{}", folder.path().join("config").display()))
            .arg(format!("--address=tcp://{address}"))
            .arg(format!("--monitoringPort={}", free_address()?.port()))
            .arg(format!("--ctrlz_port={}", free_address()?.port()))
            .arg("--log_output_level=default:error");
        Server::other(Kind::Peer, &launch, address, folder).map(Some)
    }
}

impl Server {
    fn other(kind: Kind, launch: &Launch, address: SocketAddr, folder: TempDir) -> Result<Self> {
        let mut process = launch.start()?;
        process
            .wait_until("the server to listen", START_LIMIT, || Ok(TcpStream::connect(address)?))?;
        Ok(Self { kind, address, running: Running::Other(process), folder })
    }

    /// What its process takes.
    ///
    /// # Errors
    /// When it does not run.
    pub(super) fn usage(&self) -> Result<Usage> {
        let process = match &self.running {
            Running::Mixer(mixer) => mixer.id(),
            Running::Other(process) => Some(process.id()),
        };
        ensure!(process.is_some(), "the server does not run; see {}", self.folder.path().display());
        Ok(Usage::of(process.unwrap_or_default()))
    }

    /// How many instances of reports were lost so far. Others than our Mixer do not say.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) fn lost(&self) -> Result<u64> {
        match &self.running {
            Running::Mixer(mixer) => {
                Ok(mixer.metrics()?.count("mixer_report_elements_lost_total", &[]))
            }
            Running::Other(_) => Ok(0),
        }
    }
}

/// A folder with the configuration in `config/`.
fn configured(config: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let path: &Path = &folder.path().join("config");
    std::fs::create_dir(path)?;
    std::fs::write(path.join("policy.yaml"), config)?;
    Ok(folder)
}
