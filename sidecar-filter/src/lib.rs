//! The sidecar filter: an Envoy dynamic module that checks requests with Mixer and reports them to it.
//!
//! Built as `libsidecar_filter.so` for stock Envoy; the library form is for its tests and benches. The
//! logic knows the proxy only through the traits in [`host`]; [`mock`] stands in for Envoy where there
//! is none. What a user configures is described at [`config::Settings`].

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
pub mod report;
pub mod stats;
pub mod ticker;
pub mod waiting;
pub mod watch;
pub mod worker;
