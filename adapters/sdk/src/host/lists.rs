//! Documents that the host fetches, again and again, from addresses in the handler's parameters.

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::mixmesh::host::lists as imports;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::imports::lists as imports;

pub use crate::bindings::base::mixmesh::host::lists::{Document, Source};

/// Names a document and returns its number. Only during configuration, the same ones in the same order
/// in each instance of the component.
///
/// # Errors
/// What is wrong with the address; a problem of [`Source::parameter`].
pub fn open(source: &Source) -> Result<u32, String> {
    imports::open(source)
}

/// The version there is, which grows with each change. `None`: there is no document. Reads memory.
pub fn version(list: u32) -> Option<u64> {
    imports::version(list)
}

/// The document itself.
pub fn read(list: u32) -> Option<Document> {
    imports::read(list)
}
