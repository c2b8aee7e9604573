use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{Launch, Layout, Process, Series, free_address, http};

/// The first start compiles the adapters, which an unoptimised build does slowly: an interpreter takes a minute
/// and more.
const READY: Duration = Duration::from_secs(300);

/// How to start a Mixer.
#[derive(Debug, Clone)]
pub struct MixerOptions {
    /// The folder of its configuration, or the URL of another source.
    pub config: PathBuf,
    /// The folder of its adapters.
    pub adapters: PathBuf,
    /// Where its log (`mixer.log`) and its standard output (`access.log`, which the stdio adapter
    /// writes) go.
    pub folder: PathBuf,
    /// The addresses of its three ports.
    pub grpc: SocketAddr,
    /// As above: health, metrics and debugging.
    pub http: SocketAddr,
    /// As above: the series of adapters.
    pub prometheus: SocketAddr,
    /// Where its spans go, a URL.
    pub zipkin: Option<String>,
    /// Further flags, as on a command line.
    pub flags: Vec<String>,
    /// The file or folder of the pods that it knows.
    pub workloads: Option<PathBuf>,
}

impl MixerOptions {
    /// A Mixer on free ports that reads `config`.
    ///
    /// # Errors
    /// When there are no free ports.
    pub fn new(layout: &Layout, config: &Path, folder: &Path) -> Result<Self> {
        Ok(Self {
            config: config.to_owned(),
            adapters: layout.adapters(),
            folder: folder.to_owned(),
            grpc: free_address()?,
            http: free_address()?,
            prometheus: free_address()?,
            zipkin: None,
            flags: Vec::new(),
            workloads: None,
        })
    }
}

/// A Mixer, which may be killed and started again.
#[derive(Debug)]
pub struct Mixer {
    options: MixerOptions,
    launch: Launch,
    process: Option<Process>,
}

impl Mixer {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it is not built, ends or does not become ready; the text has the end of its log.
    pub fn start(layout: &Layout, options: MixerOptions) -> Result<Self> {
        std::fs::create_dir_all(layout.caches().join("mixmesh"))?;
        let mut launch = Launch::new("mixer", layout.binary("mixer")?, &options.folder)
            .output_to(options.folder.join("access.log"))
            .arg("serve")
            .arg("--config")
            .arg(&options.config)
            .arg("--grpc")
            .arg(options.grpc.to_string())
            .arg("--http")
            .arg(options.http.to_string())
            .arg("--prometheus")
            .arg(options.prometheus.to_string())
            .arg("--adapters")
            .arg(&options.adapters)
            .arg("--compile-cache")
            .arg(layout.compiled())
            .arg("--compile-timeout")
            .arg(format!("{}s", READY.as_secs()));
        if let Some(collector) = &options.zipkin {
            launch = launch.arg("--spans").arg(format!("zipkin={collector}"));
        }
        for flag in &options.flags {
            launch = launch.arg(flag);
        }
        if let Some(pods) = &options.workloads {
            launch = launch.arg("--workloads").arg(pods);
        }
        let mut mixer = Self { options, launch, process: None };
        mixer.restart()?;
        Ok(mixer)
    }

    /// Starts it again with the same arguments, stopping it first if it runs.
    ///
    /// # Errors
    /// When it ends or does not become ready.
    pub fn restart(&mut self) -> Result<()> {
        self.spawn()?;
        let ready = format!("{}/readyz", self.http_url());
        let process = self.process.as_mut().context("just started")?;
        process.wait_until("Mixer to be ready", READY, || http::get(&ready)?.require_ok())?;
        Ok(())
    }

    /// As [`Mixer::restart`], without waiting.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&mut self) -> Result<()> {
        self.kill()?;
        self.process = Some(self.launch.start()?);
        Ok(())
    }

    /// Kills it (SIGKILL), if it runs.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |process| process.kill().map(drop))
    }

    /// Asks it to end, if it runs, and returns how it did; kills it after `grace`.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn terminate(&mut self, grace: Duration) -> Result<Option<ExitStatus>> {
        self.process.take().map(|process| process.terminate(grace)).transpose()
    }

    /// Its process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The program and its arguments.
    pub fn argv(&self) -> Vec<String> {
        self.launch.argv()
    }

    /// Its log file.
    pub fn log(&self) -> PathBuf {
        self.options.folder.join("mixer.log")
    }

    /// The file of its standard output, where the stdio adapter writes.
    pub fn access_log(&self) -> PathBuf {
        self.options.folder.join("access.log")
    }

    /// The address of its gRPC port.
    pub fn grpc(&self) -> SocketAddr {
        self.options.grpc
    }

    /// The URL of its HTTP port, without a slash at the end.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.options.http)
    }

    /// The URL that Prometheus scrapes for the series of adapters.
    pub fn series_url(&self) -> String {
        format!("http://{}/metrics", self.options.prometheus)
    }

    /// Its own metrics.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metrics(&self) -> Result<Series> {
        Series::scrape(&format!("{}/metrics", self.http_url()))
    }

    /// The series of its adapters.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn series(&self) -> Result<Series> {
        Series::scrape(&self.series_url())
    }
}
