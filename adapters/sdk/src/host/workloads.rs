//! What the host knows of the workloads of the mesh. Look-ups read memory.

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::mixmesh::host::workloads as imports;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::imports::workloads as imports;

pub use crate::bindings::base::mixmesh::host::workloads::{Container, Pod};

/// The pod with the uid `kubernetes://name.namespace`; the prefix may be left out.
pub fn by_uid(uid: &str) -> Option<Pod> {
    imports::by_uid(uid)
}

/// The pod that has this address, of 4 or 16 bytes, to itself.
pub fn by_ip(ip: &[u8]) -> Option<Pod> {
    imports::by_ip(ip)
}
