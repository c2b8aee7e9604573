//! Writes protobuf, field by field.
//!
//! Generated messages own their texts: for a log entry of fifteen variables that is thirty allocations,
//! more than all the rest together. Here the parts that never change – names of attributes, resources,
//! the attributes of a series – are written once and copied, and values go from the host's batch straight
//! into the message. The tests read the result with the official messages.

use prost::encoding::{WireType, encode_key, encode_varint};

/// A field's number, by the protocol's `.proto` files.
pub(crate) type Field = u32;

pub(crate) fn varint(out: &mut Vec<u8>, field: Field, value: u64) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value, out);
}

pub(crate) fn fixed64(out: &mut Vec<u8>, field: Field, value: u64) {
    encode_key(field, WireType::SixtyFourBit, out);
    out.extend(value.to_le_bytes());
}

pub(crate) fn double(out: &mut Vec<u8>, field: Field, value: f64) {
    fixed64(out, field, value.to_bits());
}

/// A text, bytes, or a message that is there in bytes.
pub(crate) fn bytes(out: &mut Vec<u8>, field: Field, value: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// Numbers of eight bytes one after the other.
pub(crate) fn packed(out: &mut Vec<u8>, field: Field, values: impl ExactSizeIterator<Item = u64>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(values.len() as u64 * 8, out);
    values.for_each(|value| out.extend(value.to_le_bytes()));
}

/// Nanoseconds since the Unix epoch, which the protocol has without a sign; what is before is 0.
pub(crate) fn time(out: &mut Vec<u8>, field: Field, nanos: i64) {
    fixed64(out, field, u64::try_from(nanos).unwrap_or_default());
}
