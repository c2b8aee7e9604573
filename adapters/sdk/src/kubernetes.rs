use crate::bindings::kubernetes::exports::mixmesh::adapter::kubernetes as wire;
use crate::{Adapter, CallError, InstanceIndex};

pub use wire::{Endpoint, Workload, Workloads};

/// Serves the template `kubernetes`: generates attributes.
pub trait Kubernetes: Adapter {
    /// Says what is known of both ends of a request.
    ///
    /// # Errors
    /// When it cannot be said. That an end is not known is no error.
    fn generate(
        &mut self,
        instance: InstanceIndex,
        source: &Endpoint,
        destination: &Endpoint,
    ) -> Result<Workloads, CallError>;
}
