//! What Envoy says, as attributes, and what Mixer answers, as Envoy reads it.
//!
//! A stock Envoy, without our module, speaks three services: external authorization, the access log
//! service and the rate limit service. This module turns their messages into bags of attributes and back;
//! the servers are in `grpc`. `docs/envoy.md` has the whole table.
//!
//! One rule holds in all three where an operator names attributes (context extensions, custom tags, node
//! metadata, descriptor entries): a name is `name`, whose type is that of Istio's vocabulary or else
//! STRING, or `name[TYPE]`. What a request itself says wins over what an operator states, except for
//! addresses, which a configuration knows better than a connection that may have been redirected. The
//! sidecar's module decides alike.

mod access_log;
mod address;
mod authorization;
mod check_request;
mod claims;
mod flags;
mod header_operations;
mod http_entry;
mod node;
mod rate_limit;
mod request_line;
mod stated;
mod tcp_entry;

pub(crate) use access_log::{EntrySource, LogEntry};
pub(crate) use authorization::{Answered, respond};
pub(crate) use check_request::{check_attributes, trace_headers};
pub(crate) use rate_limit::{Granted, descriptor_attributes};
pub(crate) use stated::StatedError;
pub(crate) use tcp_entry::Connections;
