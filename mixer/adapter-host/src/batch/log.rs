use crate::{AdapterValue, InstanceIndex};
use mesh_attributes::Timestamp;
/// placeholder
#[derive(Debug, Default)]
pub struct LogBatch {
    len: usize,
}
impl LogBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }
    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Adds an element.
    pub fn push(
        &mut self,
        _element: u32,
        _instance: InstanceIndex,
        _severity: &str,
        _timestamp: Timestamp,
        _variables: &[AdapterValue<'_>],
    ) {
        self.len += 1;
    }
}
