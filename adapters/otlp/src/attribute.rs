//! Attributes: names with values of any type.

use std::collections::BTreeMap;

use adapter_sdk::{Instance, Value};

use crate::wire::{self, Field};

/// `AnyValue`.
const TEXT: Field = 1;
const BOOLEAN: Field = 2;
const INTEGER: Field = 3;
const DOUBLE: Field = 4;
const MAP: Field = 6;

/// `KeyValue`.
const KEY: Field = 1;
const VALUE: Field = 2;

/// An attribute's name as its field of `KeyValue`.
#[derive(Debug, Clone)]
pub(crate) struct Name(Vec<u8>);

/// Writes attributes, with buffers that are kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct AttributeWriter {
    value: Vec<u8>,
    pair: Vec<u8>,
}

impl Name {
    pub(crate) fn new(name: &str) -> Self {
        let mut bytes = Vec::new();
        wire::bytes(&mut bytes, KEY, name.as_bytes());
        Self(bytes)
    }

    /// The names of an instance's fields, as the parameters call them.
    pub(crate) fn of_fields(instance: &Instance, renamed: &BTreeMap<String, String>) -> Vec<Self> {
        let name = |name: &String| Self::new(renamed.get(name).unwrap_or(name));
        instance.fields.iter().map(|field| name(&field.name)).collect()
    }
}

impl AttributeWriter {
    /// Appends an attribute as a field of a message.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, field: Field, name: &Name, value: Value<'_>) {
        self.value.clear();
        write_any(&mut self.value, value);
        self.pair.clear();
        self.pair.extend_from_slice(&name.0);
        wire::bytes(&mut self.pair, VALUE, &self.value);
        wire::bytes(out, field, &self.pair);
    }

    /// Appends a value of any type as a field of a message.
    pub(crate) fn write_value(&mut self, out: &mut Vec<u8>, field: Field, value: Value<'_>) {
        self.value.clear();
        write_any(&mut self.value, value);
        wire::bytes(out, field, &self.value);
    }
}

/// Times, durations and addresses are texts, as in labels.
fn write_any(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Text(text) => wire::bytes(out, TEXT, text.as_bytes()),
        Value::Int64(number) => wire::varint(out, INTEGER, number.cast_unsigned()),
        Value::Double(number) => wire::double(out, DOUBLE, number),
        Value::Boolean(truth) => wire::varint(out, BOOLEAN, truth.into()),
        Value::Timestamp(_) | Value::Duration(_) | Value::IpAddress(_) => {
            wire::bytes(out, TEXT, value.to_string().as_bytes());
        }
        Value::StringMap(map) => {
            let (mut pairs, mut writer) = (Vec::new(), AttributeWriter::default());
            for (key, value) in map.iter() {
                // `KeyValueList` has its pairs in field 1.
                writer.write(&mut pairs, 1, &Name::new(key), Value::Text(value));
            }
            wire::bytes(out, MAP, &pairs);
        }
    }
}
