//! What every process of the mesh needs to run: owned tasks and drain, readiness, the admin HTTP
//! port, logs, and export of our own spans.
//!
//! For the binaries. Nothing here knows what a process does.

mod admin;
mod logs;
mod readiness;
mod spans;
mod tasks;

pub use admin::{admin_router, serve_http};
pub use logs::{LogFormat, start_logs};
pub use readiness::{Gate, Readiness};
pub use spans::{SpanExport, SpanExportError, parent_context};
pub use tasks::{Drain, Tasks, until_terminated};
