use crate::bindings::edge::exports::mixmesh::adapter::edge as wire;
use crate::column;
use crate::{Adapter, FailedElement, InstanceIndex};

/// Serves the template `edge`.
pub trait Edge: Adapter {
    /// Takes an edge of the graph of workloads.
    ///
    /// # Errors
    /// Why it cannot be taken; the others of the batch are not affected.
    fn edge(&mut self, edge: &WorkloadEdge<'_>) -> Result<(), String>;

    /// Called after the last edge of a batch, for adapters that collect.
    ///
    /// # Errors
    /// Why the whole batch could not be taken.
    fn end_batch(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// That one workload talked to another. What the configuration does not set is empty or the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkloadEdge<'a> {
    /// Which of the configuration's instances it is.
    pub instance: InstanceIndex,
    /// In nanoseconds since the Unix epoch.
    pub timestamp: i64,
    /// Who called.
    pub source: EdgeEnd<'a>,
    /// Who was called.
    pub destination: EdgeEnd<'a>,
    /// The namespace of the service that was called.
    pub destination_service_namespace: &'a str,
    /// The service that was called.
    pub destination_service_name: &'a str,
    /// What was spoken, such as `http` or `tcp`.
    pub context_protocol: &'a str,
    /// What the API is of, such as `http` or `grpc`.
    pub api_protocol: &'a str,
}

/// A workload at one end of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeEnd<'a> {
    /// Its namespace.
    pub workload_namespace: &'a str,
    /// Its name.
    pub workload_name: &'a str,
    /// What controls its pods.
    pub owner: &'a str,
    /// The pod.
    pub uid: &'a str,
}

/// Hands a batch of the host to the adapter, in the order of its elements.
pub(crate) fn report<A: Edge>(adapter: &mut A, batch: &wire::Batch) -> Vec<FailedElement> {
    let rows = column::rows(&batch.groups, |group| &group.elements);
    let mut failed = Vec::new();
    for (element, group, row) in &rows {
        let text = |column: &[u32]| column::text(&batch.texts, column, *row);
        let edge = WorkloadEdge {
            instance: InstanceIndex::new(group.instance),
            timestamp: column::at(&group.timestamps, *row),
            source: EdgeEnd {
                workload_namespace: text(&group.source_workload_namespaces),
                workload_name: text(&group.source_workload_names),
                owner: text(&group.source_owners),
                uid: text(&group.source_uids),
            },
            destination: EdgeEnd {
                workload_namespace: text(&group.destination_workload_namespaces),
                workload_name: text(&group.destination_workload_names),
                owner: text(&group.destination_owners),
                uid: text(&group.destination_uids),
            },
            destination_service_namespace: text(&group.destination_service_namespaces),
            destination_service_name: text(&group.destination_service_names),
            context_protocol: text(&group.context_protocols),
            api_protocol: text(&group.api_protocols),
        };
        if let Err(message) = adapter.edge(&edge) {
            failed.push(FailedElement { element: *element, message });
        }
    }
    column::end(failed, &rows, adapter.end_batch())
}
