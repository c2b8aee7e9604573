//! The sidecar filter: an Envoy dynamic module that checks requests with Mixer and reports them to it.
//!
//! Built as `libsidecar_filter.so` for stock Envoy; the library form is for its tests and benches. The
//! logic knows the proxy only through the traits in [`host`]; [`mock`] stands in for Envoy where there
//! is none. What a user configures stands in `docs/filter.md` and is read into [`config::Settings`], what
//! is counted at [`stats::Counter`]. The module's configuration in Envoy must set `do_not_close: true`, since threads
//! keep state of the module, and `metrics_namespace: mixmesh`.
//!
//! One file serves Envoy 1.38 to 1.40; `docs/filter.md` lists what the older ones cannot tell.

pub mod attributes;
pub mod cache;
pub mod check;
pub mod config;
pub mod control;
pub mod destination;
mod ffi;
pub mod filter;
pub mod generations;
pub mod grpc;
pub mod host;
pub mod mixer;
pub mod mock;
pub mod quota;
pub mod report;
pub mod stats;
pub mod tcp;
pub mod ticker;
pub mod waiting;
pub mod watch;
pub mod worker;
