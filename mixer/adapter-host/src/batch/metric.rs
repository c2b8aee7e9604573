use crate::{AdapterValue, InstanceIndex};
/// placeholder
#[derive(Debug, Default)]
pub struct MetricBatch {
    len: usize,
}
impl MetricBatch {
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
        _dimensions: &[AdapterValue<'_>],
        _value: AdapterValue<'_>,
    ) {
        self.len += 1;
    }
}
