use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{EnvoyOptions, EnvoyStats, Launch, Layout, Process, http};

const READY: Duration = Duration::from_secs(30);
/// Envoy's worker threads.
pub const WORKERS: usize = 2;

/// Starts the Envoy of a bootstrap file, called `name` in errors and by its log in `folder`, with two workers,
/// and waits until it is ready at its `admin` address.
///
/// # Errors
/// When it is not installed, refuses its configuration or does not become ready.
pub fn launch_envoy(
    layout: &Layout,
    name: &str,
    config: &Path,
    admin: SocketAddr,
    folder: &Path,
) -> Result<Process> {
    let mut process = Launch::new(name, layout.envoy(), folder)
        .arg("--config-path")
        .arg(config)
        .arg("--concurrency")
        .arg(WORKERS.to_string())
        .arg("--disable-hot-restart")
        .arg("--log-level")
        .arg("warning")
        .start()?;
    let ready = format!("http://{admin}/ready");
    process.wait_until("Envoy to be ready", READY, || http::get(&ready)?.require_ok())?;
    Ok(process)
}

/// A running Envoy with our filter.
#[derive(Debug)]
pub struct Envoy {
    options: EnvoyOptions,
    process: Process,
}

impl Envoy {
    /// Starts it with two workers and waits until it is ready.
    ///
    /// # Errors
    /// When it is not installed, refuses its configuration or does not become ready.
    pub fn start(layout: &Layout, options: EnvoyOptions, folder: &Path) -> Result<Self> {
        let config = write_bootstrap(&options, folder)?;
        let process = launch_envoy(layout, "envoy", &config, options.admin, folder)?;
        Ok(Self { options, process })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The address of the listener called `name`.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        let listener = self.options.listeners.iter().find(|listener| listener.name == name);
        listener
            .map(|listener| listener.address)
            .with_context(|| format!("there is no listener {name}"))
    }

    /// The URL of its admin port, without a slash at the end.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.options.admin)
    }

    /// Its statistics at this moment. Counters of the filter are up to a few milliseconds behind: each
    /// worker keeps its own and Envoy merges them.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn stats(&self) -> Result<EnvoyStats> {
        EnvoyStats::read(&self.admin_url())
    }

    /// Asks it to end and waits until it has, `grace` at most.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn terminate(self, grace: Duration) -> Result<()> {
        self.process.terminate(grace).map(drop)
    }
}

/// Lets Envoy judge a configuration without running it; the module is loaded and configured for that.
///
/// # Errors
/// When Envoy refuses it; the text is Envoy's.
pub fn validate_envoy(layout: &Layout, options: &EnvoyOptions, folder: &Path) -> Result<()> {
    let config = write_bootstrap(options, folder)?;
    let answer = Command::new(layout.envoy())
        .args(["--mode", "validate", "--log-level", "error", "--config-path"])
        .arg(&config)
        .output()
        .context("start Envoy")?;
    ensure!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    Ok(())
}

fn write_bootstrap(options: &EnvoyOptions, folder: &Path) -> Result<std::path::PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join("envoy.json");
    fs::write(&path, serde_json::to_vec_pretty(&options.bootstrap())?)?;
    Ok(path)
}
