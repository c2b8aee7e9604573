//! What adapters send to systems outside: metrics to statsd, logs to Fluentd, spans to a collector.
//!
//! The goal is that a call of an adapter never waits for a peer, that a peer which is away costs nothing
//! but its own bounded queue, and that every element handed over is in the end counted once: as sent, as
//! lost with a reason, or as still queued.
//!
//! So the adapter names a target while it is configured, by the *parameter* that holds the address: what
//! the operator did not write cannot be reached. From then on it only puts messages into the target's
//! [`Queue`]; a task of the host takes them out in bundles, connects, and tries again. Queues and
//! connections belong to the handler, not to an instance of the component: instances come and go, and all
//! of them open the same targets in the same order, so that a target's number means the same in each.
//!
//! Trying again is bounded by the queue, not by a number of attempts: a peer that was away for an hour
//! finds what fitted into the queue, and the rest was counted as lost when it was refused. What may be
//! delivered twice (HTTP after a timeout, messages that were not acknowledged) is sent again; datagrams
//! are not. Sockets on which nobody answers cannot tell what the peer has read: a message counts as sent
//! when the kernel has taken it, unless a conversation says otherwise.
//!
//! Refused was a queue shared by targets: one that is away would starve the others.

mod address;
mod assembly;
mod backoff;
mod connection;
mod dial;
mod gzip;
mod health;
mod http;
mod http_client;
mod lead;
mod queue;
mod retry_after;
mod status;
mod target;
mod targets;
mod tcp;
mod tls;
mod udp;
mod url;

pub(crate) use self::backoff::Backoff;
pub(crate) use self::http_client::{HttpClient, http_client, read_body, why};
pub(crate) use self::lead::{Said, Step};
pub(crate) use self::queue::{Message, Refusal};
pub use self::status::{LostElements, TargetStatus};
pub(crate) use self::target::{Assembling, HttpOptions, Protocol, TargetSpec};
pub(crate) use self::targets::{Sending, Targets};
pub(crate) use self::tls::{Authorities, client_tls, no_tls};
pub(crate) use self::url::HttpUrl;
