//! Messages to the operator, and the handler's own stream of lines.

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::mixmesh::host::log as imports;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::imports::log as imports;

pub use crate::bindings::base::mixmesh::host::log::{Level, WriteError};

/// Says something to the operator. The host limits rate and length.
pub fn log(level: Level, message: &str) {
    imports::log(level, message);
}

/// Appends text – whole lines, the last one ended too – to the stream that the handler's parameters
/// name. Not during configuration. Never waits.
///
/// # Errors
/// When the stream does not keep up or is closed; nothing was taken.
pub fn write(lines: &str) -> Result<(), WriteError> {
    imports::write(lines)
}
