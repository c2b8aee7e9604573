//! Adapters that are no components, end to end: configuration in, requests and reports through Mixer.
//!
//! Istio's own adapters for its gRPC protocol are Go programs that no package registry offers any more.
//! In their place stands [`fake::Adapter`], a gRPC server of tonic that knows templates by their
//! descriptors alone, as Mixer does.

#![expect(clippy::unwrap_used, reason = "a fixture that does not work fails its test")]

mod checks;
mod connections;
mod fake;
mod generators;
mod keyval;
mod mistakes;
mod native;
mod outages;
mod quotas;
mod reports;
mod sessions;
mod world;
