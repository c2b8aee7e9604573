//! A whole mesh on this machine: Envoy with our filter, Mixer, a service behind them and whatever else a
//! run asks for, each started, awaited, read and stopped. The demo, the system tests and the benches
//! all stand on it.
//!
//! It starts programs and looks at them from outside; it links nothing of ours, so that what is under
//! test is the binaries that users run.

mod chromium;
mod connections;
mod envoy;
mod envoy_config;
mod etcd;
mod example_adapter;
mod fluent_server;
mod greeter;
pub mod http;
mod http_sink;
mod layout;
mod mesh;
mod mesh_options;
mod mixer;
mod otel_collector;
mod part;
mod ports;
mod process;
mod prometheus;
mod redis;
mod registry;
mod series;
mod soak;
mod span_collector;
mod stats;
mod statsd;
mod stock_envoy;
mod stock_envoy_config;
mod test_mesh;
mod wait;
mod watchdog;
mod whole_file;
mod zipkin;

pub use chromium::Chromium;
pub use envoy::{Envoy, WORKERS, launch_envoy, validate_envoy};
pub use envoy_config::{
    Direction, EnvoyOptions, FailPolicy, ListenerOptions, ServiceVersion, TcpListenerOptions,
};
pub use etcd::{Etcd, EtcdWrite};
pub use example_adapter::{ExampleAdapter, build as build_adapter, test_adapter};
pub use fluent_server::{FluentEntry, FluentLogin, FluentServer};
pub use greeter::Greeter;
pub use http_sink::{HttpSink, SinkAnswer, SunkRequest};
pub use layout::{ENVOY_VERSION, Layout};
pub use mesh::{ClientSidecar, Mesh};
pub use mesh_options::{EnvoyAddresses, MeshOptions};
pub use mixer::{Mixer, MixerOptions};
pub use otel_collector::OtelCollector;
pub use part::{MISSING_PARTS, Part};
pub use ports::{free_address, require_free};
pub use process::{Launch, Process, resident_bytes};
pub use prometheus::{Prometheus, lint_series};
pub use redis::{Persistence, Redis};
pub use registry::Registry;
pub use series::{Sample, Series};
pub use soak::{SoakOptions, Summary as SoakSummary, run_soak};
pub use span_collector::SpanCollector;
pub use stats::EnvoyStats;
pub use statsd::StatsD;
pub use stock_envoy::{StockEnvoy, StockProxy};
pub use stock_envoy_config::{StockEnvoyOptions, UpstreamTls};
pub use test_mesh::TestMesh;
pub use wait::wait_until;
pub use whole_file::write_at_once;
pub use zipkin::Zipkin;
