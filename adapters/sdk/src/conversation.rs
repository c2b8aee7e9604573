use crate::Adapter;

pub use crate::bindings::conversation::exports::mixmesh::adapter::conversation::Step;

/// Leads the connections of targets that were opened with `conversation`: see
/// [`crate::host::outbound::Target`].
///
/// A connection belongs to no instance of the component; what is to be remembered of it goes into
/// [`Step::state`].
pub trait Conversation: Adapter {
    /// A connection to a target was opened.
    ///
    /// # Errors
    /// Why it cannot be used: it is closed, and another one opened a little later.
    fn opened(&mut self, target: u32) -> Result<Step, String>;

    /// The peer has sent `data` on a connection whose last step left `state`.
    ///
    /// # Errors
    /// As [`Self::opened`].
    fn received(&mut self, target: u32, state: &[u8], data: &[u8]) -> Result<Step, String>;
}
