use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    Direction, EnvoyOptions, FailPolicy, Greeter, Layout, ListenerOptions, Mesh, Mixer,
    MixerOptions, ServiceVersion, TcpListenerOptions, free_address,
};

/// What a mesh is made of.
#[derive(Debug)]
pub struct MeshOptions {
    layout: Layout,
    folder: PathBuf,
    fail_policy: FailPolicy,
    envoy: EnvoyAddresses,
    mixer: MixerOptions,
    zipkin: Option<SocketAddr>,
    v2_percent: u32,
    filter: Value,
    tcp: Option<TcpListenerOptions>,
    bootstrap_extension: bool,
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
            v2_percent: 0,
            filter: json!({}),
            tcp: None,
            bootstrap_extension: false,
        })
    }

    pub(crate) fn start_mixer(&self) -> Result<Mixer> {
        Mixer::start(&self.layout, self.mixer.clone())
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fields to add to the configuration of the sidecar's filter, or to replace in it.
    pub fn filter(&mut self, fields: Value) -> &mut Self {
        self.filter = fields;
        self
    }

    /// Has the sidecar take connections for `upstream` as well, with these fields of its network filter.
    ///
    /// # Errors
    /// When there are no free ports.
    pub fn tcp(&mut self, upstream: SocketAddr, filter: Value) -> Result<&mut Self> {
        self.tcp = Some(TcpListenerOptions { address: free_address()?, upstream, filter });
        Ok(self)
    }

    /// Has the sidecar send its last reports when it drains and ends.
    pub fn bootstrap_extension(&mut self) -> &mut Self {
        self.bootstrap_extension = true;
        self
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
        let mixer = self.start_mixer()?;
        let envoy = self.envoy_options(&greeters)?;
        Mesh::start(&self.layout, &self.folder, self.fail_policy, envoy, mixer, greeters)
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
                    name: fail_policy.listener(),
                    address,
                    fail_policy,
                })
                .to_vec(),
            admin: self.envoy.admin,
            filter_library: self.layout.filter_library()?,
            mixer: self.mixer.grpc,
            versions: versions.collect(),
            zipkin: self.zipkin,
            direction: Direction::Inbound,
            filter: self.filter.clone(),
            tcp: self.tcp.clone(),
            bootstrap_extension: self.bootstrap_extension,
            access_log: Some(self.folder.join("envoy_access.log")),
        })
    }
}
