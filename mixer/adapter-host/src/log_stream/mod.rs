//! Where a handler's log lines go: a stream that the handler's parameters name, never the adapter.
//!
//! A thread writes, so that a slow disk or a reader that does not read holds no call. The queue between
//! is bounded in bytes; lines that find it full are refused, and the adapter and the status say so.

mod rotation;
mod stream;
mod target;
mod writer;

pub(crate) use self::stream::{LogStream, LogStreams, Refusal};
pub(crate) use self::target::Target;
