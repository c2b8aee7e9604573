use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::http::{Answer, Connection};
use crate::{
    Direction, Envoy, EnvoyOptions, FailPolicy, Greeter, Layout, ListenerOptions, Mixer,
    ServiceVersion, StockEnvoyOptions, StockProxy, free_address, write_at_once,
};

/// How long Envoy and Mixer may take to end when they are asked to.
const GRACE: Duration = Duration::from_secs(10);

/// A running mesh. Dropping it stops everything it started.
#[derive(Debug)]
pub struct Mesh {
    folder: PathBuf,
    layout: Layout,
    fail_policy: FailPolicy,
    envoy_options: EnvoyOptions,
    envoy: Option<Envoy>,
    mixer: Mixer,
    greeters: Vec<Greeter>,
}

/// A sidecar beside a client, until it is dropped.
#[derive(Debug)]
pub struct ClientSidecar {
    address: SocketAddr,
    _envoy: Envoy,
}

impl ClientSidecar {
    /// One request of the client on a connection of its own.
    ///
    /// # Errors
    /// When the sidecar cannot be reached.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        Connection::open(self.address)?.get(path, headers)
    }
}

impl Mesh {
    pub(crate) fn start(
        layout: &Layout,
        folder: &Path,
        fail_policy: FailPolicy,
        envoy_options: EnvoyOptions,
        mixer: Mixer,
        greeters: Vec<Greeter>,
    ) -> Result<Self> {
        let (layout, folder) = (layout.clone(), folder.to_owned());
        let mut mesh =
            Self { layout, folder, fail_policy, envoy_options, envoy: None, mixer, greeters };
        mesh.restart_envoy()?;
        Ok(mesh)
    }

    /// Its sidecar.
    ///
    /// # Errors
    /// When it was stopped.
    pub fn envoy(&self) -> Result<&Envoy> {
        self.envoy.as_ref().context("the sidecar was stopped")
    }

    /// Starts the sidecar again, stopping it first if it runs, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or does not become ready.
    pub fn restart_envoy(&mut self) -> Result<()> {
        if let Some(envoy) = self.envoy.take() {
            envoy.terminate(GRACE)?;
        }
        self.envoy = Some(Envoy::start(&self.layout, self.envoy_options.clone(), &self.folder)?);
        Ok(())
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
        self.greeters.iter().map(Greeter::count).sum()
    }

    /// Where the sidecar takes requests.
    ///
    /// # Errors
    /// When it was stopped.
    pub fn proxy(&self) -> Result<SocketAddr> {
        self.proxy_with(self.fail_policy)
    }

    /// Where the sidecar takes requests and does this with them when Mixer gives no verdict.
    ///
    /// # Errors
    /// When it was stopped.
    pub fn proxy_with(&self, fail_policy: FailPolicy) -> Result<SocketAddr> {
        self.envoy()?.listener(fail_policy.listener())
    }

    /// Where the sidecar takes connections.
    ///
    /// # Errors
    /// When it takes none.
    pub fn tcp(&self) -> Result<SocketAddr> {
        self.envoy_options
            .tcp
            .as_ref()
            .map(|tcp| tcp.address)
            .context("the mesh has no TCP listener")
    }

    /// Asks the sidecar to end and waits until it has.
    ///
    /// # Errors
    /// When it was stopped before, or does not end.
    pub fn terminate_envoy(&mut self) -> Result<()> {
        self.envoy.take().context("the sidecar was stopped")?.terminate(GRACE)
    }

    /// Opens a connection to the sidecar. Connections that are open together are spread evenly over its
    /// workers.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn connect(&self) -> Result<Connection> {
        Connection::open(self.proxy()?)
    }

    /// One request through the sidecar on a connection of its own.
    ///
    /// # Errors
    /// When the sidecar cannot be reached.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        self.connect()?.get(path, headers)
    }

    /// Starts a second sidecar with our filter and the same Mixer, beside a client called `shop`: it sends
    /// what it takes to the service's sidecar.
    ///
    /// # Errors
    /// As [`Envoy::start`], or when the service's sidecar was stopped.
    pub fn start_client_sidecar(&self) -> Result<ClientSidecar> {
        let address = free_address()?;
        let text = |value: &str| json!({ "t": "STRING", "v": value });
        let listener = ListenerOptions { name: "outbound", address, fail_policy: self.fail_policy };
        let options = EnvoyOptions {
            listeners: vec![listener],
            admin: free_address()?,
            versions: vec![ServiceVersion { name: "v1", address: self.proxy()?, percent: 100 }],
            direction: Direction::Outbound,
            filter: json!({ "attributes": {
                "context.reporter.uid": text("kubernetes://shop.default"),
                "source.uid": text("kubernetes://shop.default"),
                "source.namespace": text("default"),
                "source.workload.name": text("shop"),
                "source.workload.namespace": text("default"),
                "destination.service.host": text("greeter.default.svc.cluster.local"),
                "destination.service.name": text("greeter"),
                "destination.service.namespace": text("default"),
            }}),
            access_log: None,
            tcp: None,
            bootstrap_extension: false,
            ..self.envoy_options.clone()
        };
        let envoy = Envoy::start(&self.layout, options, &self.folder.join("client"))?;
        Ok(ClientSidecar { address, _envoy: envoy })
    }

    /// Starts an Envoy without our module beside the sidecar: before the same service, with the same Mixer.
    /// Its rate limits ask for the quota that `rate_limit_domain` names.
    ///
    /// # Errors
    /// As [`StockProxy::start`].
    pub fn start_stock_envoy(&self, rate_limit_domain: &'static str) -> Result<StockProxy> {
        let greeter = self.greeters.first().context("the mesh has a service")?;
        let options = StockEnvoyOptions {
            proxy: free_address()?,
            tcp: free_address()?,
            admin: free_address()?,
            mixer: self.mixer.grpc(),
            service: greeter.address(),
            tls: None,
            rate_limit_domain: Some(rate_limit_domain),
        };
        StockProxy::start(&self.layout, &self.folder, options)
    }

    /// The folder that Mixer reads.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config")
    }

    /// The lines of the sidecar's access log so far, oldest first. Envoy writes them some time after a
    /// request has ended.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn access_log(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(self.folder.join("envoy_access.log"))?;
        text.lines().map(|line| serde_json::from_str(line).context(line.to_owned())).collect()
    }

    /// The folder of its logs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file of configuration at once, by rename.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write_config(&self, file: &str, text: &str) -> Result<()> {
        write_at_once(&self.config().join(file), text.as_bytes())
    }

    /// Removes a file of configuration.
    ///
    /// # Errors
    /// When it is not there.
    pub fn remove_config(&self, file: &str) -> Result<()> {
        let path = self.config().join(file);
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))
    }

    /// Stops the sidecar, then Mixer, then the service.
    ///
    /// # Errors
    /// When one of them cannot be waited for.
    pub fn stop(mut self) -> Result<()> {
        if let Some(envoy) = self.envoy.take() {
            envoy.terminate(GRACE)?;
        }
        self.mixer.terminate(GRACE).map(drop)
    }
}
