//! What is known of the workloads of the mesh: filled by who knows, read by adapters.

mod index;
mod pod;

pub use self::index::{MAX_PODS, Overflow, WorkloadIndex};
pub use self::pod::{Container, Pod};
