//! The gRPC port: Istio's service, ours, and those that a stock Envoy speaks.

mod acceptor;
mod access_log;
mod connection;
mod connection_limits;
mod deadline;
mod ext_authz;
mod health;
mod mixer_service;
mod open_files;
mod rate_limit;
mod server;
mod watch_service;

pub(crate) use server::GrpcPort;
