use mesh_attributes::OwnedValue;

use crate::InstanceIndex;

/// Instances of one report template of an author's own, for one handler.
#[derive(Debug, Default)]
pub struct CustomBatch {
    pub(super) elements: Vec<Element>,
}

#[derive(Debug)]
pub(super) struct Element {
    pub(super) element: u32,
    pub(super) instance: InstanceIndex,
    /// In the order of the instance's declared fields.
    pub(super) values: Vec<OwnedValue>,
}

impl CustomBatch {
    /// Adds an instance. `element` is the number by which it is named if it fails; `values` are those of
    /// the declared fields, in their order.
    pub fn push(&mut self, element: u32, instance: InstanceIndex, values: Vec<OwnedValue>) {
        self.elements.push(Element { element, instance, values });
    }

    /// Instances in it.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }
}

impl Element {
    /// About what it takes in the guest, in bytes.
    pub(super) fn size(&self) -> usize {
        let size = |value: &OwnedValue| match value {
            OwnedValue::String(text) => text.len(),
            OwnedValue::Bytes(bytes) => bytes.len(),
            OwnedValue::StringMap(map) => map.iter().map(|(k, v)| k.len() + v.len() + 16).sum(),
            _ => 8,
        };
        self.values.iter().map(|value| 16 + size(value)).sum()
    }
}
