use std::collections::BTreeMap;

use crate::{AttributeName, Bag, EachAttribute, Span, StringMap, Timestamp, Value};

/// A bag that owns its attributes, for clients, tools, tests and generated attributes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttributeBag {
    values: BTreeMap<AttributeName, OwnedValue>,
}

/// A value that owns its memory; see [`Value`] for the borrowed one.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedValue {
    /// Text.
    String(String),
    /// An integer.
    Int64(i64),
    /// A double.
    Double(f64),
    /// A truth value.
    Bool(bool),
    /// A point in time.
    Timestamp(Timestamp),
    /// A length of time.
    Duration(Span),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A map of texts.
    StringMap(BTreeMap<String, String>),
}

impl AttributeBag {
    /// An empty bag.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `name`, replacing what was there.
    pub fn set(&mut self, name: &str, value: impl Into<OwnedValue>) {
        self.values.insert(AttributeName::new(name), value.into());
    }

    /// The bag with `name` set: for building one in a single expression.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OwnedValue>) -> Self {
        self.set(name, value);
        self
    }

    /// Removes `name` and returns what it held.
    pub fn remove(&mut self, name: &str) -> Option<OwnedValue> {
        self.values.remove(&AttributeName::new(name))
    }

    /// Whether the bag holds nothing.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many attributes the bag holds.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The attributes, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&AttributeName, &OwnedValue)> {
        self.values.iter()
    }
}

impl OwnedValue {
    /// The value, borrowed.
    pub fn borrow(&self) -> Value<'_> {
        match self {
            Self::String(v) => Value::String(v),
            Self::Int64(v) => Value::Int64(*v),
            Self::Double(v) => Value::Double(*v),
            Self::Bool(v) => Value::Bool(*v),
            Self::Timestamp(v) => Value::Timestamp(*v),
            Self::Duration(v) => Value::Duration(*v),
            Self::Bytes(v) => Value::Bytes(v),
            Self::StringMap(v) => Value::StringMap(v),
        }
    }
}

impl Bag for AttributeBag {
    fn get(&self, name: &AttributeName) -> Option<Value<'_>> {
        self.values.get(name).map(OwnedValue::borrow)
    }
}

impl EachAttribute for AttributeBag {
    fn each(&self, f: &mut dyn FnMut(&AttributeName, Value<'_>)) {
        for (name, value) in &self.values {
            f(name, value.borrow());
        }
    }
}

impl StringMap for BTreeMap<String, String> {
    fn get(&self, key: &str) -> Option<&str> {
        BTreeMap::get(self, key).map(String::as_str)
    }

    fn each(&self, f: &mut dyn FnMut(&str, &str)) {
        for (key, value) in self {
            f(key, value);
        }
    }
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::String(v) => Self::String(v.to_owned()),
            Value::Int64(v) => Self::Int64(v),
            Value::Double(v) => Self::Double(v),
            Value::Bool(v) => Self::Bool(v),
            Value::Timestamp(v) => Self::Timestamp(v),
            Value::Duration(v) => Self::Duration(v),
            Value::Bytes(v) => Self::Bytes(v.to_vec()),
            Value::StringMap(map) => {
                let mut owned = BTreeMap::new();
                map.each(&mut |key, value| {
                    owned.insert(key.to_owned(), value.to_owned());
                });
                Self::StringMap(owned)
            }
        }
    }
}

impl From<&str> for OwnedValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<i64> for OwnedValue {
    fn from(value: i64) -> Self {
        Self::Int64(value)
    }
}

impl From<f64> for OwnedValue {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<bool> for OwnedValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Timestamp> for OwnedValue {
    fn from(value: Timestamp) -> Self {
        Self::Timestamp(value)
    }
}

impl From<Span> for OwnedValue {
    fn from(value: Span) -> Self {
        Self::Duration(value)
    }
}

impl From<&[u8]> for OwnedValue {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for OwnedValue {
    fn from(entries: [(&str, &str); N]) -> Self {
        Self::StringMap(entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }
}
