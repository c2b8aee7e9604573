//! What every process of the mesh needs to run: owned tasks and drain, readiness, the admin HTTP
//! port and its probe, logs, metrics of the process, and export of our own spans.
//!
//! For the binaries. Nothing here knows what a process does.

mod admin;
mod logs;
mod probe;
mod process_metrics;
mod readiness;
mod spans;
mod tasks;

pub use admin::{admin_router, serve_http};
pub use logs::{
    DEFAULT_LOG_LEVEL, LogControl, LogFormat, LogLevelError, check_log_level, log_router,
    start_logs,
};
pub use probe::{ProbeError, probe};
pub use process_metrics::ProcessMetrics;
pub use readiness::{Gate, Readiness};
pub use spans::{
    SpanCounts, SpanExport, SpanExportError, SpanTarget, SpanTargetError, parent_context,
};
pub use tasks::{Drain, Tasks, until_terminated};
