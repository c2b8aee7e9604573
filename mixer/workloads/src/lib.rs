//! Where Mixer learns of the workloads of the mesh: pods in files or of a
//! Kubernetes API server, kept in the index that adapters read.
//!
//! For the process `mixer`. What pods mean for a request is an adapter's business.

mod controller;
mod error;
mod files;
mod kubernetes;
mod manifest;
mod metrics;
mod pods;
mod source;
mod workloads;

pub use self::error::WorkloadError;
pub use self::files::FileWorkloads;
pub use self::kubernetes::KubernetesWorkloads;
pub use self::metrics::WorkloadMetrics;
pub use self::source::WorkloadSource;
pub use self::workloads::Workloads;
