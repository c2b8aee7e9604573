//! Counters of what a quota has granted, in the host's memory or in Redis.

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::mixmesh::host::counters as imports;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::imports::counters as imports;

pub use crate::bindings::base::mixmesh::host::counters::{
    Deduplication, Failure, Grant, Request, Rolling, Window,
};

/// Has the host decide a request; it may wait some 20 ms for the store. Not during configuration.
///
/// # Errors
/// When there is no decision; only [`Failure::Unknown`] may have taken something.
pub fn take(request: &Request) -> Result<Grant, Failure> {
    imports::take(request)
}
