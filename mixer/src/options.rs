//! What `mixer serve` is told: the table of its flags with their defaults.
//!
//! The same names, without the dashes, stand in the YAML file that `--options` names; flags win over it.
//! Fields are parsed once into plain data here, and each field's text is its documentation.

mod arguments;
mod gone;
mod grpc_port;
mod listen_address;
mod units;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use adapter_host::RegistryOptions;
use clap::Args;
use mesh_config::SourceLocation;
use mesh_runtime::{LogFormat, SpanTarget};
use mixer_workloads::WorkloadSource;

use self::units::{duration, log_level};
use crate::check_cache::DEFAULT_CACHE_BYTES;
use crate::shedding::{Limits, RateLimit, SheddingMode, SheddingOptions};

pub use self::arguments::{OptionsError, serve_arguments};
pub(crate) use self::grpc_port::GrpcOptions;
pub use self::listen_address::ListenAddress;

/// Rules of this namespace hold for all namespaces.
pub const DEFAULT_ROOT_NAMESPACE: &str = "istio-system";

/// The largest gRPC message taken, as in Istio's Mixer.
const DEFAULT_MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// What `mixer serve` is told.
#[derive(Debug, Clone, Args)]
#[command(args_override_self = true)]
pub struct Options {
    /// YAML file with these same options, such as `grpc: 0.0.0.0:9091`. What stands on the command line
    /// wins over the file.
    #[arg(long, value_name = "FILE")]
    pub options: Option<PathBuf>,

    /// Where configuration is: a folder of YAML files, `etcd://HOST:PORT[,HOST:PORT]/PREFIX`,
    /// `etcds://…?ca=FILE[&cert=FILE&key=FILE]` with TLS (either with `user=NAME&password-file=FILE`), or
    /// `k8s://[?namespace=A,B&kubeconfig=FILE&context=NAME]`. Changes take effect as they are saved; while
    /// the source is away, what was read stays in force.
    #[arg(long, value_name = "DIR|URL")]
    pub config: SourceLocation,

    /// How long to wait for the first configuration before giving up.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub config_wait_timeout: Duration,

    /// Address of the gRPC port, host:port or unix:///path: Check, Report and the watch of generations.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:9091")]
    pub grpc: ListenAddress,

    /// Address of the HTTP port: health, metrics of Mixer itself, debug pages. It shows the configuration
    /// and changes the log's level: keep it inside the mesh.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9093")]
    pub http: SocketAddr,

    /// Address of the port where Prometheus scrapes the series of adapters.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:42422")]
    pub prometheus: SocketAddr,

    /// The largest gRPC message taken, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MESSAGE_BYTES)]
    pub max_message_bytes: usize,

    /// Calls at once on one gRPC connection.
    #[arg(long, value_name = "COUNT", default_value = "1024")]
    pub max_concurrent_streams: NonZeroU32,

    /// gRPC connections at once; further ones are closed as they come, and counted.
    #[arg(long, value_name = "COUNT", default_value = "10000")]
    pub max_connections: NonZeroU32,

    /// Threads that serve; 0 takes one for each processor.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub worker_threads: u16,

    /// Folder of adapters, one `NAME.wasm` each. The default is `../adapters` from the executable.
    #[arg(long, value_name = "DIR")]
    pub adapters: Option<PathBuf>,

    /// Folder for compiled adapters, so that the next start is fast. Made with access for this user only;
    /// without it adapters are compiled at each start.
    #[arg(long, value_name = "DIR")]
    pub compile_cache: Option<PathBuf>,

    /// The longest that a component may take to be compiled; one that takes longer is refused, and used
    /// when it is done after all.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub compile_timeout: Duration,

    /// Folder for components that were pulled from registries, so that the next start needs none. What is
    /// there is held against its digest; without it components are pulled at each start.
    #[arg(long, value_name = "DIR")]
    pub component_cache: Option<PathBuf>,

    /// A configuration file of Docker (`config.json`) with the credentials of registries.
    #[arg(long, value_name = "FILE")]
    pub registry_credentials: Option<PathBuf>,

    /// Registries that speak plain HTTP. What they send is still held against its digest, but credentials
    /// for them go over the network in the clear. Those on this machine need not be named.
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    pub registry_plain_http: Vec<String>,

    /// The namespace whose rules hold for all namespaces.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ROOT_NAMESPACE)]
    pub root_namespace: String,

    /// Where the adapter `kubernetesenv` learns of workloads: a file of Kubernetes pods in YAML, such as
    /// `kubectl get pods -A -o yaml` writes, or a folder of such files, where changes take effect within
    /// two seconds; or `k8s://[?namespace=A,B&kubeconfig=FILE&context=NAME]`, the pods of the API server,
    /// watched. Without it no workload is known.
    #[arg(long, value_name = "FILE|DIR|URL")]
    pub workloads: Option<WorkloadSource>,

    /// Bound of the check cache in bytes; 0 turns it off.
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_CACHE_BYTES)]
    pub check_cache_bytes: u64,

    /// How long past its lifetime a cached answer is still given, a second and ten uses at a time, while an
    /// adapter or what it depends on is away. 0s, the default, refuses such requests; in the time set here
    /// who was let in stays in, whatever the back end would say by now.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub check_cache_stale_window: Duration,

    /// How long requests under way, and then reports in queues, may take when the process ends.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub drain_timeout: Duration,

    #[command(flatten)]
    shedding: SheddingFlags,

    /// Where Mixer's own spans go: zipkin=URL or otlp=URL (OTLP over HTTP). Only requests that belong to
    /// a sampled trace make spans.
    #[arg(long, value_name = "FORMAT=URL")]
    pub spans: Option<SpanTarget>,

    /// What is logged: error, warn, info, debug, trace or off, or by module `info,mixer::policy=debug`.
    /// The default is the environment's RUST_LOG, or info. PUT /debug/log?level=… on the HTTP port
    /// changes it later.
    #[arg(long, value_name = "LEVEL", value_parser = log_level)]
    pub log_level: Option<String>,

    /// How log lines look: `text` or `json`.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    #[command(flatten)]
    pub(crate) grpc_port: GrpcOptions,
}

/// What happens under more load than can be served.
#[derive(Debug, Clone, Args)]
struct SheddingFlags {
    /// Load that exceeds the limits below: `enforce` answers it UNAVAILABLE with a hint when to retry,
    /// `logonly` only counts and logs it, `disabled` has no limits.
    #[arg(long, value_name = "MODE", default_value = "enforce")]
    shedding: SheddingMode,

    /// Checks dispatched at once; answers from the cache do not count.
    #[arg(long, value_name = "COUNT", default_value = "512")]
    max_concurrent_checks: NonZeroU32,

    /// Checks that wait for a place among those; further ones are shed.
    #[arg(long, value_name = "COUNT", default_value_t = 1024)]
    max_waiting_checks: u32,

    /// Reports worked on at once; 0 takes as many as there are threads, so that a check never waits for
    /// more than one report on its thread.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    max_concurrent_reports: u32,

    /// Reports that wait for a place among those; further ones are shed.
    #[arg(long, value_name = "COUNT", default_value_t = 256)]
    max_waiting_reports: u32,

    /// How long a request waits for a place before it is shed.
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = duration)]
    max_shedding_wait: Duration,

    /// Instances in all handlers' queues above which reports are shed.
    #[arg(long, value_name = "COUNT", default_value_t = 200_000)]
    max_queued_instances: u64,

    /// Checks and elements of reports taken in a second; 0 is no limit.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    max_requests_per_second: u32,

    /// How many of them may come at once; 0 takes those of one second.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    burst_size: u32,
}

impl Options {
    /// How registries of components are used.
    pub(crate) fn registry(&self) -> RegistryOptions {
        RegistryOptions {
            folder: self.component_cache.clone(),
            plain_http: self.registry_plain_http.clone(),
            credentials: self.registry_credentials.clone(),
        }
    }

    /// What happens under more load than can be served.
    pub fn shedding(&self) -> SheddingOptions {
        let flags = &self.shedding;
        let reports = match flags.max_concurrent_reports {
            0 => u32::try_from(self.threads()).unwrap_or(u32::MAX),
            reports => reports,
        };
        let per_second = NonZeroU32::new(flags.max_requests_per_second);
        SheddingOptions {
            mode: flags.shedding,
            check: Limits {
                concurrent: flags.max_concurrent_checks.get(),
                waiting: flags.max_waiting_checks,
            },
            report: Limits { concurrent: reports, waiting: flags.max_waiting_reports },
            max_wait: flags.max_shedding_wait,
            max_queued: flags.max_queued_instances,
            rate: per_second.map(|per_second| RateLimit {
                per_second,
                burst: NonZeroU32::new(flags.burst_size).unwrap_or(per_second),
            }),
        }
    }

    /// Threads that serve.
    pub fn threads(&self) -> usize {
        match self.worker_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads.into(),
        }
    }

    /// What is logged from the start.
    pub fn log_level(&self) -> String {
        let environment = || std::env::var("RUST_LOG").ok().filter(|level| !level.is_empty());
        self.log_level
            .clone()
            .or_else(environment)
            .unwrap_or_else(|| mesh_runtime::DEFAULT_LOG_LEVEL.to_owned())
    }
}

#[cfg(test)]
mod tests;
