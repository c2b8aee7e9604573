use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::http::{Answer, Connection};
use crate::{
    Envoy, EnvoyOptions, FailPolicy, Greeter, Layout, ListenerOptions, Mixer, MixerOptions,
    ServiceVersion, free_address,
};

/// How long Envoy and Mixer may take to end when they are asked to.
const GRACE: Duration = Duration::from_secs(10);

/// What a mesh is made of.
#[derive(Debug)]
pub struct MeshOptions {
    layout: Layout,
    folder: PathBuf,
    fail_policy: FailPolicy,
    envoy: EnvoyAddresses,
    mixer: MixerOptions,
    zipkin: Option<SocketAddr>,
    filter: Value,
    v2_percent: u32,
}

/// Where a mesh's Envoy listens.
#[derive(Debug, Clone, Copy)]
pub struct EnvoyAddresses {
    /// The listener with the mesh's fail policy.
    pub proxy: SocketAddr,
    /// The admin pages.
    pub admin: SocketAddr,
}

impl MeshOptions {
    /// A mesh on free ports that keeps its files in `folder` and reads `folder/config`.
    ///
    /// # Errors
    /// When there are no free ports.
    pub fn new(layout: &Layout, folder: &Path) -> Result<Self> {
        Ok(Self {
            layout: layout.clone(),
            folder: folder.to_owned(),
            fail_policy: FailPolicy::Closed,
            envoy: EnvoyAddresses { proxy: free_address()?, admin: free_address()? },
            mixer: MixerOptions::new(layout, &folder.join("config"), folder)?,
            zipkin: None,
            filter: json!({}),
            v2_percent: 0,
        })
    }

    /// What the sidecar does with requests when Mixer gives no verdict.
    pub fn fail_policy(&mut self, policy: FailPolicy) -> &mut Self {
        self.fail_policy = policy;
        self
    }

    /// The addresses of Envoy.
    pub fn envoy_addresses(&mut self) -> &mut EnvoyAddresses {
        &mut self.envoy
    }

    /// How Mixer is started.
    pub fn mixer(&mut self) -> &mut MixerOptions {
        &mut self.mixer
    }

    /// Sends the spans of Envoy and of Mixer to the Zipkin collector at this address.
    pub fn spans_to(&mut self, collector: SocketAddr) -> &mut Self {
        self.zipkin = Some(collector);
        self.mixer.zipkin = Some(format!("http://{collector}/api/v2/spans"));
        self
    }

    /// Adds fields to the filter's configuration, or replaces them.
    pub fn filter(&mut self, fields: Value) -> &mut Self {
        self.filter = fields;
        self
    }

    /// Runs a second version of the service as well and sends it this share of the requests.
    pub fn second_version(&mut self, percent: u32) -> &mut Self {
        self.v2_percent = percent.min(100);
        self
    }

    /// Starts the service, Mixer and Envoy, and waits until all are ready.
    ///
    /// # Errors
    /// When one of them is not installed or built, ends or does not become ready.
    pub fn start(&self) -> Result<Mesh> {
        let mut greeters = vec![Greeter::start(&self.layout, "v1", &self.folder)?];
        if self.v2_percent > 0 {
            greeters.push(Greeter::start(&self.layout, "v2", &self.folder)?);
        }
        let mixer = Mixer::start(&self.layout, self.mixer.clone())?;
        let envoy_options = self.envoy_options(&greeters)?;
        let mut mesh = Mesh {
            layout: self.layout.clone(),
            folder: self.folder.clone(),
            fail_policy: self.fail_policy,
            envoy_options,
            envoy: None,
            mixer,
            greeters,
        };
        mesh.restart_envoy()?;
        Ok(mesh)
    }

    fn envoy_options(&self, greeters: &[Greeter]) -> Result<EnvoyOptions> {
        let other = self.fail_policy.other();
        let listeners = [(self.fail_policy, self.envoy.proxy), (other, free_address()?)];
        let shares = [("v1", 100 - self.v2_percent), ("v2", self.v2_percent)];
        let versions = greeters.iter().zip(shares).map(|(greeter, (name, percent))| {
            ServiceVersion { name, address: greeter.address(), percent }
        });
        Ok(EnvoyOptions {
            listeners: listeners
                .map(|(fail_policy, address)| ListenerOptions {
                    name: listener_name(fail_policy),
                    address,
                    fail_policy,
                })
                .to_vec(),
            admin: self.envoy.admin,
            filter_library: self.layout.filter_library()?,
            mixer: self.mixer.grpc,
            versions: versions.collect(),
            zipkin: self.zipkin,
            filter: self.filter.clone(),
        })
    }
}

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

impl Mesh {
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
        self.envoy()?.listener(listener_name(fail_policy))
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

    /// The folder that Mixer reads.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config")
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

/// A mesh for one test. Its files are kept until the same test runs again.
#[derive(Debug)]
pub struct TestMesh {
    options: MeshOptions,
}

impl TestMesh {
    /// A mesh with the attributes of the demo and no rules, named for the running test.
    ///
    /// # Errors
    /// When the file system refuses or there are no free ports.
    pub fn new() -> Result<Self> {
        let layout = Layout::of_checkout();
        let thread = thread::current();
        let name = thread.name().unwrap_or("unnamed").replace("::", "-");
        let folder = layout.cargo_target().join("tests").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
        }
        fs::create_dir_all(folder.join("config"))?;
        Self { options: MeshOptions::new(&layout, &folder)? }.with_demo_file("attributes.yaml")
    }

    /// Adds a file of the demo's configuration.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn with_demo_file(self, file: &str) -> Result<Self> {
        let path = self.options.layout.demo_config().join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        self.with_file(file, &text)
    }

    /// Adds a file of configuration.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn with_file(self, file: &str, text: &str) -> Result<Self> {
        write_at_once(&self.options.folder.join("config").join(file), text.as_bytes())?;
        Ok(self)
    }

    /// Changes what the mesh is made of.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut MeshOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// The folder of its configuration.
    pub fn config(&self) -> PathBuf {
        self.options.folder.join("config")
    }

    /// Starts it.
    ///
    /// # Errors
    /// As [`MeshOptions::start`].
    pub fn start(self) -> Result<Mesh> {
        self.options.start()
    }

    /// Starts its Mixer alone.
    ///
    /// # Errors
    /// As [`Mixer::start`].
    pub fn start_mixer(self) -> Result<Mixer> {
        Mixer::start(&self.options.layout, self.options.mixer)
    }
}

/// Writes a file so that no reader sees half of it.
///
/// # Errors
/// When the file system refuses.
pub fn write_at_once(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file is in a folder")?;
    // Hidden, so that nobody takes the unfinished file for one of theirs.
    let mut fresh = NamedTempFile::with_prefix_in(".", folder)?;
    fresh.write_all(bytes)?;
    fresh.persist(path).with_context(|| format!("write {}", path.display()))?;
    Ok(())
}

fn listener_name(fail_policy: FailPolicy) -> &'static str {
    match fail_policy {
        FailPolicy::Closed => "inbound-closed",
        FailPolicy::Open => "inbound-open",
    }
}
