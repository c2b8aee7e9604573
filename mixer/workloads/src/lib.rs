//! Where Mixer learns of the workloads of the mesh: pods in files, kept in the index that adapters read.
//!
//! For the process `mixer`. What pods mean for a request is an adapter's business.

mod controller;
mod error;
mod files;
mod manifest;
mod metrics;
mod pods;
mod source;

pub use self::error::WorkloadError;
pub use self::files::FileWorkloads;
pub use self::metrics::WorkloadMetrics;
pub use self::source::WorkloadSource;
