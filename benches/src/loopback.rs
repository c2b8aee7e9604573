use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::{Args, FromArgMatches};
use http::uri::PathAndQuery;
use tempfile::TempDir;
use testbed::free_address;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tonic::Request;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};

use crate::policy;
use mesh_api::RawCodec;

/// Compiling two adapters takes most of it; unoptimised that is seconds.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How often a Mixer that starts is asked whether it is there.
const START_POLL: Duration = Duration::from_millis(10);

const CHECK: &str = "/istio.mixer.v1.Mixer/Check";

/// Whose threads a Mixer works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Its own, one for each core, as in production.
    Own,
    /// The client's one: what the two do can then be counted on it.
    Shared,
}

/// A whole Mixer, as `mixer serve` runs it, and a client with one connection to it.
pub(crate) struct Loopback {
    client: Grpc<Channel>,
    runtime: Runtime,
    server: Option<Runtime>,
    /// Mixer watches it.
    _config: TempDir,
}

impl Loopback {
    /// Starts both and waits until the first is ready. `compiled` keeps compiled adapters.
    ///
    /// # Errors
    /// When Mixer does not start: its reason.
    pub(crate) fn start(cache_bytes: u64, threads: Threads, compiled: &Path) -> Result<Self> {
        let config = policy::config()?;
        let address = free_address()?;
        let options = options(&[
            ("--config", config.path().display().to_string()),
            ("--grpc", address.to_string()),
            ("--http", free_address()?.to_string()),
            ("--prometheus", free_address()?.to_string()),
            ("--adapters", policy::adapters()?.display().to_string()),
            ("--compile-cache", compiled.display().to_string()),
            ("--check-cache-bytes", cache_bytes.to_string()),
        ])?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let server = match threads {
            Threads::Own => Some(Builder::new_multi_thread().enable_all().build()?),
            Threads::Shared => None,
        };
        let mut serving = server.as_ref().unwrap_or(&runtime).spawn(mixer::serve(options, None));
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
        let channel = runtime
            .block_on(async {
                tokio::time::timeout(START_LIMIT, connect(&endpoint, &mut serving)).await
            })
            .context("mixer did not start in time")??;
        Ok(Self { client: Grpc::new(channel), runtime, server, _config: config })
    }

    /// One Check, awaited. Fails when the answer does not come from `level` of the cache.
    pub(crate) fn check(&mut self, request: &Bytes, level: &str) -> Result<usize> {
        let Self { client, runtime, .. } = self;
        runtime.block_on(async {
            client.ready().await?;
            let mut request = Request::new(request.clone());
            request.metadata_mut().insert("mixmesh-filter", MetadataValue::from_static("bench"));
            let path = PathAndQuery::from_static(CHECK);
            let answer = client.unary(request, path, RawCodec).await?;
            let from = answer.metadata().get("mixmesh-cache").and_then(|from| from.to_str().ok());
            ensure!(from == Some(level), "the answer is from {from:?}, not {level}");
            Ok(answer.get_ref().len())
        })
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown_background();
        }
    }
}

/// What `mixer serve` makes of these flags.
fn options(flags: &[(&str, String)]) -> Result<mixer::Options> {
    let command = mixer::Options::augment_args(clap::Command::new("mixer").no_binary_name(true));
    let words = flags.iter().flat_map(|(flag, value)| [*flag, value.as_str()]);
    Ok(mixer::Options::from_arg_matches(&command.try_get_matches_from(words)?)?)
}

async fn connect(endpoint: &Endpoint, serving: &mut JoinHandle<Result<()>>) -> Result<Channel> {
    loop {
        if let Ok(channel) = endpoint.connect().await {
            return Ok(channel);
        }
        tokio::select! {
            ended = &mut *serving => {
                ended??;
                anyhow::bail!("mixer ended by itself");
            }
            () = tokio::time::sleep(START_POLL) => {}
        }
    }
}
