use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use mesh_runtime::LogFormat;

use crate::check_cache::DEFAULT_CACHE_BYTES;
use crate::grpc::GrpcOptions;

/// Rules of this namespace hold for all namespaces.
pub const DEFAULT_ROOT_NAMESPACE: &str = "istio-system";

/// What `mixer serve` is told.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Folder of configuration: YAML of the kinds attributemanifest, handler, instance and rule. Changes
    /// take effect as they are saved.
    #[arg(long, value_name = "DIR")]
    pub config: PathBuf,

    /// Address of the gRPC port: Check, Report and the watch of generations.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:9091")]
    pub grpc: SocketAddr,

    /// Address of the HTTP port: /healthz, /readyz, /metrics of Mixer itself, /debug/config. It shows the
    /// configuration: keep it inside the mesh.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9093")]
    pub http: SocketAddr,

    /// Address of the port where Prometheus scrapes the series of adapters.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:42422")]
    pub prometheus: SocketAddr,

    /// Folder of adapters, one `NAME.wasm` each. The default is `../adapters` from the executable.
    #[arg(long, value_name = "DIR")]
    pub adapters: Option<PathBuf>,

    /// Folder for compiled adapters, so that the next start is fast. Made with access for this user only;
    /// without it adapters are compiled at each start.
    #[arg(long, value_name = "DIR")]
    pub compile_cache: Option<PathBuf>,

    /// The namespace whose rules hold for all namespaces.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ROOT_NAMESPACE)]
    pub root_namespace: String,

    /// Bound of the check cache in bytes; 0 turns it off.
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_CACHE_BYTES)]
    pub check_cache_bytes: u64,

    /// Zipkin collector for Mixer's own spans, such as http://127.0.0.1:9411/api/v2/spans.
    #[arg(long, value_name = "URL")]
    pub zipkin: Option<String>,

    /// How log lines look: `text` or `json`.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// How the gRPC port is served.
    #[command(flatten)]
    pub grpc_port: GrpcOptions,
}
