//! What an adapter puts out: a message of one level, whose fields become attributes.

use std::borrow::Cow;

use mesh_attributes::{OwnedValue, Span, Timestamp, ValueType};
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value,
};

use crate::field::wrapped;

/// The fields that expressions can use, with their types. Lists and messages of the template's own are
/// none.
pub(crate) fn outputs_of(output: &MessageDescriptor) -> Vec<(String, ValueType)> {
    let typed = |field: FieldDescriptor| Some((field.name().to_owned(), value_type(&field)?));
    output.fields().filter_map(typed).collect()
}

/// The values of the fields that are set; in proto3 a plain field with its zero value is not.
///
/// # Errors
/// When the bytes are no such message, or an address is none.
pub(crate) fn decode(
    output: &MessageDescriptor,
    bytes: &[u8],
) -> Result<Vec<(Cow<'static, str>, OwnedValue)>, String> {
    let message = DynamicMessage::decode(output.clone(), bytes)
        .map_err(|cause| format!("its output is no {}: {cause}", output.full_name()))?;
    let mut values = Vec::new();
    for (field, value) in message.fields() {
        let Some(value_type) = value_type(&field) else { continue };
        let Some(value) = owned(value, value_type) else { continue };
        if let (ValueType::IpAddress, OwnedValue::Bytes(address)) = (value_type, &value)
            && !matches!(address.len(), 4 | 16)
        {
            let len = address.len();
            return Err(format!("its output {} is an address of {len} bytes", field.name()));
        }
        values.push((field.name().to_owned().into(), value));
    }
    Ok(values)
}

fn value_type(field: &FieldDescriptor) -> Option<ValueType> {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { return None };
        let is_text = |field: FieldDescriptor| matches!(field.kind(), Kind::String);
        let texts = is_text(entry.map_entry_key_field()) && is_text(entry.map_entry_value_field());
        return texts.then_some(ValueType::StringMap);
    }
    if field.is_list() {
        return None;
    }
    Some(match field.kind() {
        Kind::Bool => ValueType::Bool,
        Kind::String => ValueType::String,
        Kind::Double | Kind::Float => ValueType::Double,
        Kind::Bytes => return None,
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Duration" => ValueType::Duration,
            "google.protobuf.Timestamp" => ValueType::Timestamp,
            name => wrapped(name.strip_prefix("istio.policy.v1beta1.")?)?,
        },
        _ => ValueType::Int64,
    })
}

fn owned(value: &Value, value_type: ValueType) -> Option<OwnedValue> {
    Some(match value {
        Value::Bool(truth) => OwnedValue::Bool(*truth),
        Value::I32(integer) | Value::EnumNumber(integer) => OwnedValue::Int64(i64::from(*integer)),
        Value::I64(integer) => OwnedValue::Int64(*integer),
        Value::U32(integer) => OwnedValue::Int64(i64::from(*integer)),
        Value::U64(integer) => OwnedValue::Int64(integer.cast_signed()),
        Value::F32(double) => OwnedValue::Double(f64::from(*double)),
        Value::F64(double) => OwnedValue::Double(*double),
        Value::String(text) => OwnedValue::String(text.clone()),
        Value::Bytes(bytes) => OwnedValue::Bytes(bytes.to_vec()),
        Value::Map(entries) => {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let entries = entries
                .iter()
                .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), text(value)?)));
            OwnedValue::StringMap(entries.collect())
        }
        Value::Message(message) => {
            if message.descriptor().full_name().starts_with("google.protobuf.") {
                let part = |number| message.get_field_by_number(number);
                let seconds = part(1).and_then(|seconds| seconds.as_i64())?;
                let nanos = part(2).and_then(|nanos| nanos.as_i32())?;
                return Some(match value_type {
                    ValueType::Duration => OwnedValue::Duration(Span { seconds, nanos }),
                    _ => OwnedValue::Timestamp(Timestamp { seconds, nanos }),
                });
            }
            // A message around one value, which is set or has the zero value.
            owned(&*message.get_field_by_number(1)?, value_type)?
        }
        Value::List(_) => return None,
    })
}
