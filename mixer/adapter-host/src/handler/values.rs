//! Values on their way across the border: lent to a guest for one call, and taken from its answer.

use mesh_attributes::{OwnedValue, Timestamp};

use crate::batch::epoch_nanos;
use crate::bindings::mixmesh::adapter::types;

/// A value as the bindings want it: borrowed, a map as a sorted list.
pub(super) struct Lent<'v> {
    value: &'v OwnedValue,
    /// Of a map.
    entries: Vec<(&'v str, &'v str)>,
}

impl<'v> Lent<'v> {
    pub(super) fn new(value: &'v OwnedValue) -> Self {
        let entries = match value {
            OwnedValue::StringMap(map) => {
                map.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()
            }
            _ => Vec::new(),
        };
        Self { value, entries }
    }

    pub(super) fn wire(&self) -> types::Value<'_> {
        match self.value {
            OwnedValue::String(text) => types::Value::Text(text),
            OwnedValue::Int64(number) => types::Value::Int64(*number),
            OwnedValue::Double(number) => types::Value::Double(*number),
            OwnedValue::Bool(truth) => types::Value::Boolean(*truth),
            OwnedValue::Timestamp(moment) => types::Value::Timestamp(epoch_nanos(*moment)),
            OwnedValue::Duration(span) => types::Value::Duration(span.as_nanos()),
            OwnedValue::Bytes(bytes) => types::Value::IpAddress(bytes),
            OwnedValue::StringMap(_) => types::Value::StringMap(&self.entries),
        }
    }
}

/// The values of an instance under their declared names, for templates whose fields cross as records.
pub(super) struct Named<'v> {
    pub(super) names: &'v [(String, mesh_attributes::ValueType)],
    pub(super) values: &'v [OwnedValue],
}

impl<'v> Named<'v> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'v str, &'v OwnedValue)> {
        self.names.iter().map(|(name, _)| name.as_str()).zip(self.values)
    }

    fn value(&self, name: &str) -> Option<&'v OwnedValue> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Empty when the field is not set.
    pub(super) fn text(&self, name: &str) -> &'v str {
        match self.value(name) {
            Some(OwnedValue::String(text)) => text,
            _ => "",
        }
    }

    /// Empty when the field is not set.
    pub(super) fn bytes(&self, name: &str) -> &'v [u8] {
        match self.value(name) {
            Some(OwnedValue::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    /// 0 when the field is not set.
    pub(super) fn int64(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(OwnedValue::Int64(number)) => *number,
            _ => 0,
        }
    }

    /// The epoch when the field is not set.
    pub(super) fn nanos(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(OwnedValue::Timestamp(moment)) => epoch_nanos(*moment),
            _ => epoch_nanos(Timestamp::default()),
        }
    }

    /// The fields below `prefix`, sorted, without it.
    pub(super) fn below(&self, prefix: &str) -> Vec<(&'v str, Lent<'v>)> {
        let below = |(name, value): (&'v str, &'v OwnedValue)| {
            Some((name.strip_prefix(prefix)?, Lent::new(value)))
        };
        self.iter().filter_map(below).collect()
    }
}
