//! The host's place in native tests of an adapter: configures it, calls it, and records what it asks
//! for. Each test thread has a host of its own.

mod batch;
pub mod bench;
mod calls;
mod handler;
pub(crate) mod imports;

pub use crate::bindings::base::exports::mixmesh::adapter::lifecycle::Instance as TestInstance;

pub use self::calls::{endpoint, map_property, property};
pub use self::handler::{TestHandler, TestSpan, instance};
pub use self::imports::{
    counter_requests, decide_next, exemplars, lines, messages, metrics_defined, refuse_messages,
    samples, sent, set_document, set_now, set_pods, sources, targets,
};
