//! Messages to the operator and the handler's own stream of lines.

use crate::bindings::base::mixmesh::host::log as imports;

pub use crate::bindings::base::mixmesh::host::log::{Level, WriteError};

/// Says something to the operator. The host limits rate and length.
pub fn log(level: Level, message: &str) {
    imports::log(level, message);
}
