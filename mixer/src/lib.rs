//! Mixer: decides on requests (Check) and takes their telemetry (Report), for all sidecars of a mesh.
//!
//! For the binary `mixer`, and for tools and benches that run its parts: [`PolicyBuilder`] compiles a
//! configuration, [`Mixer`] answers by it. It is no proxy and no metrics store.

mod answer;
mod batches;
mod check;
mod check_cache;
mod codes;
mod debug;
mod engine;
mod envoy;
#[cfg(test)]
mod fixture;
mod generate;
mod grpc;
mod handlers;
mod instance;
mod layered;
mod listener;
mod metrics;
pub mod native;
mod options;
mod policy;
mod report;
mod scrape;
mod serve;
mod service;
mod shedding;
mod source;
mod spans;
mod validate;

pub use answer::{UseCount, Verdict};
pub use check::{CacheLevel, Caller, CheckAnswer};
pub use check_cache::DEFAULT_CACHE_BYTES;
pub use metrics::Metrics;
pub use options::{DEFAULT_ROOT_NAMESPACE, ListenAddress, Options, OptionsError, serve_arguments};
pub use policy::{
    Announcement, Generation, NamespaceState, ParseGenerationError, Policy, PolicyBuilder,
};
pub use serve::{serve, serve_with};
pub use service::Mixer;
pub use shedding::{
    Admission, Limits, Permit, RateLimit, RequestKind, Shed, ShedReason, SheddingMode,
    SheddingOptions,
};
pub use validate::{Explained, explain, validate};
