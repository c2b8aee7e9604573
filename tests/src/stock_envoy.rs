use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::http::{self, Answer, Connection};
use crate::{
    EnvoyStats, Greeter, Launch, Layout, Mixer, Process, StockEnvoyOptions, TestMesh, UpstreamTls,
    free_address,
};

const READY: Duration = Duration::from_secs(30);

/// An Envoy without our module, which uses a Mixer through services of Envoy's own.
#[derive(Debug)]
pub struct StockProxy {
    options: StockEnvoyOptions,
    _process: Process,
}

impl StockProxy {
    /// Starts it in `folder` and waits until it is ready.
    ///
    /// # Errors
    /// When it is not installed, ends or does not become ready.
    pub fn start(layout: &Layout, folder: &Path, options: StockEnvoyOptions) -> Result<Self> {
        let config = folder.join("stock-envoy.json");
        fs::write(&config, serde_json::to_vec_pretty(&options.bootstrap())?)?;
        let mut process = Launch::new("stock-envoy", layout.envoy(), folder)
            .arg("--config-path")
            .arg(&config)
            .arg("--concurrency")
            .arg("1")
            .arg("--disable-hot-restart")
            .arg("--log-level")
            .arg("warning")
            .start()?;
        let ready = format!("http://{}/ready", options.admin);
        process.wait_until("Envoy to be ready", READY, || http::get(&ready)?.require_ok())?;
        Ok(Self { options, _process: process })
    }

    /// Where it takes requests.
    pub fn address(&self) -> SocketAddr {
        self.options.proxy
    }

    /// Opens a connection to it.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn connect(&self) -> Result<Connection> {
        Connection::open(self.options.proxy)
    }
}

/// A service behind a stock Envoy, and a Mixer of its own.
#[derive(Debug)]
pub struct StockEnvoy {
    proxy: StockProxy,
    mixer: Mixer,
    greeter: Greeter,
}

impl StockEnvoy {
    /// Starts the service, Mixer and Envoy, and waits until all are ready. `change` may alter how Envoy
    /// is configured.
    ///
    /// # Errors
    /// When one of them is not installed or built, ends or does not become ready.
    pub fn start(mesh: TestMesh, change: impl FnOnce(&mut StockEnvoyOptions)) -> Result<Self> {
        let layout = Layout::of_checkout();
        let folder = mesh.folder().to_owned();
        let greeter = Greeter::start(&layout, "v1", &folder)?;
        let mixer = mesh.start_mixer()?;
        let mut options = StockEnvoyOptions {
            proxy: free_address()?,
            tcp: free_address()?,
            admin: free_address()?,
            mixer: mixer.grpc(),
            service: greeter.address(),
            tls: None,
            rate_limit_domain: None,
        };
        change(&mut options);
        let proxy = StockProxy::start(&layout, &folder, options)?;
        Ok(Self { proxy, mixer, greeter })
    }

    /// Its Mixer.
    pub fn mixer(&self) -> &Mixer {
        &self.mixer
    }

    /// Its Mixer, to be killed or started again.
    pub fn mixer_mut(&mut self) -> &mut Mixer {
        &mut self.mixer
    }

    /// How many requests have reached the service, by its own count.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn upstream_requests(&self) -> Result<u64> {
        self.greeter.count()
    }

    /// Opens a connection to Envoy.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn connect(&self) -> Result<Connection> {
        self.proxy.connect()
    }

    /// One request through Envoy on a connection of its own.
    ///
    /// # Errors
    /// When Envoy cannot be reached.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        self.connect()?.get(path, headers)
    }

    /// Where Envoy takes connections that it passes on as they are.
    pub fn tcp(&self) -> SocketAddr {
        self.proxy.options.tcp
    }

    /// How Envoy shows itself to Mixer.
    pub fn tls(&self) -> Option<&UpstreamTls> {
        self.proxy.options.tls.as_ref()
    }

    /// Envoy's statistics at this moment.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub fn stats(&self) -> Result<EnvoyStats> {
        EnvoyStats::read(&format!("http://{}", self.proxy.options.admin))
    }
}
