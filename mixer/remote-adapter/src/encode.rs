//! Values in protobuf's encoding.

use mesh_attributes::{OwnedValue, Span, Timestamp, ValueType};
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::Kind;

use crate::field::Leaf;

/// A value that its field cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) String);

/// Appends field `number` with `value`, which is of the type that was declared.
pub(crate) fn leaf(
    leaf: &Leaf,
    declared: ValueType,
    number: u32,
    value: &OwnedValue,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    match (leaf, value) {
        (Leaf::Any, value) => any(declared, number, value, out)?,
        (Leaf::Wrapped(_), value) => wrapped(number, value, out)?,
        (Leaf::Text, OwnedValue::String(text)) => bytes(number, text.as_bytes(), out),
        (Leaf::Bool, OwnedValue::Bool(truth)) => varint(number, u64::from(*truth), out),
        (Leaf::Double, OwnedValue::Double(double)) => fixed64(number, double.to_bits(), out),
        #[expect(clippy::cast_possible_truncation, reason = "the template wants it so")]
        (Leaf::Float, OwnedValue::Double(double)) => {
            fixed32(number, (*double as f32).to_bits(), out);
        }
        (Leaf::Int64(kind), OwnedValue::Int64(integer)) => {
            self::integer(kind, number, *integer, out)?;
        }
        (Leaf::Enum(_), OwnedValue::Int64(value)) => {
            let value =
                i32::try_from(*value).map_err(|_| out_of_range(*value, "an enumeration"))?;
            varint(number, i64::from(value).cast_unsigned(), out);
        }
        (Leaf::Enum(values), OwnedValue::String(name)) => {
            let value = values.get_value_by_name(name);
            let value =
                value.ok_or_else(|| Misfit(format!("{} has no value {name}", values.name())))?;
            varint(number, i64::from(value.number()).cast_unsigned(), out);
        }
        (leaf, _) => return Err(Misfit(format!("is no {}", leaf.expected().text()))),
    }
    Ok(())
}

/// Appends a field that holds a message.
pub(crate) fn message(
    number: u32,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), Misfit>,
) -> Result<(), Misfit> {
    let mut inner = Vec::new();
    body(&mut inner)?;
    bytes(number, &inner, out);
    Ok(())
}

pub(crate) fn bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(crate) fn varint(number: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

fn fixed64(number: u32, bits: u64, out: &mut Vec<u8>) {
    encode_key(number, WireType::SixtyFourBit, out);
    out.extend_from_slice(&bits.to_le_bytes());
}

fn fixed32(number: u32, bits: u32, out: &mut Vec<u8>) {
    encode_key(number, WireType::ThirtyTwoBit, out);
    out.extend_from_slice(&bits.to_le_bytes());
}

/// An integer in one of protobuf's ten ways.
fn integer(kind: &Kind, number: u32, value: i64, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let narrow = || i32::try_from(value).map_err(|_| out_of_range(value, "int32"));
    let unsigned = || u64::try_from(value).map_err(|_| out_of_range(value, "uint64"));
    let short = || u32::try_from(value).map_err(|_| out_of_range(value, "uint32"));
    match kind {
        Kind::Int32 => varint(number, i64::from(narrow()?).cast_unsigned(), out),
        Kind::Uint32 => varint(number, u64::from(short()?), out),
        Kind::Uint64 => varint(number, unsigned()?, out),
        Kind::Sint32 | Kind::Sint64 => {
            if matches!(kind, Kind::Sint32) {
                narrow()?;
            }
            varint(number, ((value << 1) ^ (value >> 63)).cast_unsigned(), out);
        }
        Kind::Fixed64 => fixed64(number, unsigned()?, out),
        Kind::Sfixed64 => fixed64(number, value.cast_unsigned(), out),
        Kind::Fixed32 => fixed32(number, short()?, out),
        Kind::Sfixed32 => fixed32(number, narrow()?.cast_unsigned(), out),
        _ => varint(number, value.cast_unsigned(), out),
    }
    Ok(())
}

fn out_of_range(value: i64, what: &str) -> Misfit {
    Misfit(format!("{value} is out of the range of {what}"))
}

/// `istio.policy.v1beta1.Value`: the number of the field says the type.
fn any(
    declared: ValueType,
    number: u32,
    value: &OwnedValue,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    message(number, out, |inner| {
        match value {
            OwnedValue::String(text) => match declared {
                ValueType::EmailAddress => wrapped(8, value, inner)?,
                ValueType::DnsName => wrapped(9, value, inner)?,
                ValueType::Uri => wrapped(10, value, inner)?,
                _ => bytes(1, text.as_bytes(), inner),
            },
            OwnedValue::Int64(integer) => varint(2, integer.cast_unsigned(), inner),
            OwnedValue::Double(double) => fixed64(3, double.to_bits(), inner),
            OwnedValue::Bool(truth) => varint(4, u64::from(*truth), inner),
            OwnedValue::Bytes(_) => wrapped(5, value, inner)?,
            OwnedValue::Timestamp(_) => wrapped(6, value, inner)?,
            OwnedValue::Duration(_) => wrapped(7, value, inner)?,
            OwnedValue::StringMap(_) => wrapped(11, value, inner)?,
        }
        Ok(())
    })
}

/// A message of `istio.policy.v1beta1` around one value.
fn wrapped(number: u32, value: &OwnedValue, out: &mut Vec<u8>) -> Result<(), Misfit> {
    message(number, out, |inner| {
        match value {
            OwnedValue::String(text) => bytes(1, text.as_bytes(), inner),
            OwnedValue::Bytes(address) => bytes(1, address, inner),
            OwnedValue::Timestamp(Timestamp { seconds, nanos })
            | OwnedValue::Duration(Span { seconds, nanos }) => {
                return message(1, inner, |time| {
                    varint(1, seconds.cast_unsigned(), time);
                    varint(2, i64::from(*nanos).cast_unsigned(), time);
                    Ok(())
                });
            }
            OwnedValue::StringMap(map) => {
                for (key, value) in map {
                    message(1, inner, |entry| {
                        bytes(1, key.as_bytes(), entry);
                        bytes(2, value.as_bytes(), entry);
                        Ok(())
                    })?;
                }
            }
            _ => return Err(Misfit("is of a type that has no message".to_owned())),
        }
        Ok(())
    })
}
