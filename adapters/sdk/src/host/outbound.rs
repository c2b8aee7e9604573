//! Bytes to systems outside, at addresses that the handler's parameters name.

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::mixmesh::host::outbound as imports;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::imports::outbound as imports;

pub use crate::bindings::base::mixmesh::host::outbound::{
    Assembly, HttpOptions, Message, Protocol, SendError, Target,
};

/// Names a target and returns its number. Only during configuration, the same ones in the same order in
/// each instance of the component.
///
/// # Errors
/// What is wrong with the address; a problem of [`Target::parameter`].
pub fn open(target: &Target) -> Result<u32, String> {
    imports::open(target)
}

/// Queues a message; never waits.
///
/// # Errors
/// Why it was not taken.
pub fn send(target: u32, message: &Message) -> Result<(), SendError> {
    imports::send(target, message)
}
