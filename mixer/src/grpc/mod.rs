//! The gRPC port: Istio's service, ours, and those that a stock Envoy speaks.

mod access_log;
mod ext_authz;
mod front_metrics;
mod mixer_service;
mod rate_limit;
mod raw_codec;
mod server;
mod watch_service;

pub(crate) use server::serve_grpc;
