//! The time.

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::mixmesh::host::clock as imports;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::imports::clock as imports;

/// Nanoseconds since the Unix epoch. May jump.
pub fn now() -> i64 {
    imports::now()
}

/// Nanoseconds since some moment; never goes back.
pub fn monotonic() -> u64 {
    imports::monotonic()
}
