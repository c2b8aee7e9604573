//! A metric series as bytes: the instance and its dimensions. Equal bytes mean the same series.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use mesh_attributes::Value;

use crate::bindings::mixmesh::adapter::types;

/// Random in each process: clients choose what dimensions hold.
static HASHER: LazyLock<foldhash::fast::RandomState> = LazyLock::new(Default::default);

/// A dimension read back from a key.
#[derive(Debug, PartialEq)]
pub(super) enum Dimension<'k> {
    Text(&'k str),
    Int64(i64),
    Double(f64),
    Boolean(bool),
    Timestamp(i64),
    IpAddress(&'k [u8]),
    Duration(i64),
    StringMap(Vec<(&'k str, &'k str)>),
}

const TEXT: u8 = 0;
const INT64: u8 = 1;
const DOUBLE: u8 = 2;
const BOOLEAN: u8 = 3;
const TIMESTAMP: u8 = 4;
const IP_ADDRESS: u8 = 5;
const DURATION: u8 = 6;
const STRING_MAP: u8 = 7;

pub(super) fn hash(bytes: &[u8]) -> u64 {
    HASHER.hash_one(bytes)
}

pub(super) fn encode(instance: u32, dimensions: &[Value<'_>], out: &mut Vec<u8>) {
    out.extend_from_slice(&instance.to_le_bytes());
    for dimension in dimensions {
        encode_dimension(dimension, out);
    }
}

fn encode_dimension(dimension: &Value<'_>, out: &mut Vec<u8>) {
    let mut scalar = |tag, bytes: [u8; 8]| {
        out.push(tag);
        out.extend_from_slice(&bytes);
    };
    match dimension {
        Value::String(text) => {
            out.push(TEXT);
            encode_bytes(text.as_bytes(), out);
        }
        Value::Bytes(bytes) => {
            out.push(IP_ADDRESS);
            encode_bytes(bytes, out);
        }
        Value::Int64(number) => scalar(INT64, number.to_le_bytes()),
        Value::Double(number) => scalar(DOUBLE, number.to_le_bytes()),
        Value::Bool(truth) => scalar(BOOLEAN, u64::from(*truth).to_le_bytes()),
        Value::Timestamp(moment) => scalar(TIMESTAMP, super::epoch_nanos(*moment).to_le_bytes()),
        Value::Duration(span) => scalar(DURATION, span.as_nanos().to_le_bytes()),
        Value::StringMap(map) => {
            let entries = super::sorted_entries(*map);
            out.push(STRING_MAP);
            encode_length(entries.len(), out);
            for (key, value) in entries {
                encode_bytes(key.as_bytes(), out);
                encode_bytes(value.as_bytes(), out);
            }
        }
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Keys are limited to far less than 4 GiB; a longer one is refused whatever its length reads.
fn encode_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// The instance and the dimensions of a key that [`encode`] has made; `None` for other bytes.
pub(super) fn decode(mut key: &[u8]) -> Option<(u32, Vec<Dimension<'_>>)> {
    let instance = decode_u32(&mut key)?;
    let mut dimensions = Vec::new();
    while let Some((tag, rest)) = key.split_first() {
        key = rest;
        dimensions.push(match *tag {
            TEXT => Dimension::Text(decode_text(&mut key)?),
            INT64 => Dimension::Int64(i64::from_le_bytes(decode_array(&mut key)?)),
            DOUBLE => Dimension::Double(f64::from_le_bytes(decode_array(&mut key)?)),
            BOOLEAN => Dimension::Boolean(decode_array::<8>(&mut key)? != [0; 8]),
            TIMESTAMP => Dimension::Timestamp(i64::from_le_bytes(decode_array(&mut key)?)),
            IP_ADDRESS => Dimension::IpAddress(decode_bytes(&mut key)?),
            DURATION => Dimension::Duration(i64::from_le_bytes(decode_array(&mut key)?)),
            STRING_MAP => {
                let entries = decode_u32(&mut key)?;
                let mut entry = || Some((decode_text(&mut key)?, decode_text(&mut key)?));
                Dimension::StringMap((0..entries).map(|_| entry()).collect::<Option<_>>()?)
            }
            _ => return None,
        });
    }
    Some((instance, dimensions))
}

fn decode_text<'k>(key: &mut &'k [u8]) -> Option<&'k str> {
    std::str::from_utf8(decode_bytes(key)?).ok()
}

fn decode_bytes<'k>(key: &mut &'k [u8]) -> Option<&'k [u8]> {
    let length = decode_u32(key)? as usize;
    let (bytes, rest) = key.split_at_checked(length)?;
    *key = rest;
    Some(bytes)
}

fn decode_u32(key: &mut &[u8]) -> Option<u32> {
    decode_array(key).map(u32::from_le_bytes)
}

fn decode_array<const N: usize>(key: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = key.split_first_chunk()?;
    *key = rest;
    Some(*array)
}

impl Dimension<'_> {
    pub(super) fn as_value(&self) -> types::Value<'_> {
        match self {
            Self::Text(text) => types::Value::Text(text),
            Self::Int64(number) => types::Value::Int64(*number),
            Self::Double(number) => types::Value::Double(*number),
            Self::Boolean(truth) => types::Value::Boolean(*truth),
            Self::Timestamp(nanos) => types::Value::Timestamp(*nanos),
            Self::IpAddress(bytes) => types::Value::IpAddress(bytes),
            Self::Duration(nanos) => types::Value::Duration(*nanos),
            Self::StringMap(entries) => types::Value::StringMap(entries),
        }
    }

    pub(super) fn fits(&self, declared: mesh_attributes::ValueType) -> bool {
        use mesh_attributes::ValueType as T;
        match self {
            Self::Text(_) => {
                matches!(declared, T::String | T::DnsName | T::EmailAddress | T::Uri)
            }
            Self::Int64(_) => declared == T::Int64,
            Self::Double(_) => declared == T::Double,
            Self::Boolean(_) => declared == T::Bool,
            Self::Timestamp(_) => declared == T::Timestamp,
            Self::IpAddress(_) => declared == T::IpAddress,
            Self::Duration(_) => declared == T::Duration,
            Self::StringMap(_) => declared == T::StringMap,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mesh_attributes::{OwnedValue, Span, Timestamp};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_holds_all_kinds_of_values() {
        let map = BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".into(), "1".into())]);
        let dimensions = [
            Value::String("é"),
            Value::Int64(-1),
            Value::Double(0.5),
            Value::Bool(true),
            Value::Timestamp(Timestamp { seconds: 1, nanos: 2 }),
            Value::Bytes(&[127, 0, 0, 1]),
            Value::Duration(Span::from_nanos(-3)),
            Value::StringMap(&map),
        ];
        let mut key = Vec::new();
        encode(7, &dimensions, &mut key);
        let (instance, decoded) = decode(&key).unwrap();
        assert_eq!(instance, 7);
        assert_eq!(
            decoded,
            [
                Dimension::Text("é"),
                Dimension::Int64(-1),
                Dimension::Double(0.5),
                Dimension::Boolean(true),
                Dimension::Timestamp(1_000_000_002),
                Dimension::IpAddress(&[127, 0, 0, 1]),
                Dimension::Duration(-3),
                Dimension::StringMap(vec![("a", "1"), ("b", "2")]),
            ]
        );
    }

    #[test]
    fn a_cut_key_is_no_key() {
        let mut key = Vec::new();
        encode(1, &[Value::String("abc"), Value::Int64(1)], &mut key);
        let whole = [4, 12, key.len()];
        for length in (0..key.len()).filter(|length| !whole.contains(length)) {
            assert_eq!(decode(&key[..length]), None, "{length} bytes");
        }
    }

    fn dimension() -> impl Strategy<Value = OwnedValue> {
        prop_oneof![
            any::<String>().prop_map(OwnedValue::String),
            any::<i64>().prop_map(OwnedValue::Int64),
            (-1e9..1e9).prop_map(OwnedValue::Double),
            any::<bool>().prop_map(OwnedValue::Bool),
            any::<Vec<u8>>().prop_map(OwnedValue::Bytes),
            any::<i64>().prop_map(|nanos| OwnedValue::Duration(Span::from_nanos(nanos))),
            btree_map(any::<String>(), any::<String>(), 0..4).prop_map(OwnedValue::StringMap),
        ]
    }

    fn key_of(instance: u32, dimensions: &[OwnedValue]) -> Vec<u8> {
        let borrowed: Vec<_> = dimensions.iter().map(OwnedValue::borrow).collect();
        let mut key = Vec::new();
        encode(instance, &borrowed, &mut key);
        key
    }

    proptest! {
        #[test]
        fn different_series_have_different_keys(
            (a, b) in (vec(dimension(), 0..4), vec(dimension(), 0..4)),
            (m, n) in (0..3u32, 0..3u32),
        ) {
            prop_assert_eq!((m, &a) == (n, &b), key_of(m, &a) == key_of(n, &b));
        }

        #[test]
        fn a_key_reads_back_as_what_was_written(dimensions in vec(dimension(), 0..6)) {
            let key = key_of(3, &dimensions);
            let (instance, decoded) = decode(&key).unwrap();
            prop_assert_eq!((instance, decoded.len()), (3, dimensions.len()));
            for (read, written) in decoded.iter().zip(&dimensions) {
                let same = match (read, written) {
                    (Dimension::Text(a), OwnedValue::String(b)) => *a == b,
                    (Dimension::Int64(a), OwnedValue::Int64(b)) => a == b,
                    (Dimension::Double(a), OwnedValue::Double(b)) => a == b,
                    (Dimension::Boolean(a), OwnedValue::Bool(b)) => a == b,
                    (Dimension::IpAddress(a), OwnedValue::Bytes(b)) => *a == &b[..],
                    (Dimension::Duration(a), OwnedValue::Duration(b)) => *a == b.as_nanos(),
                    (Dimension::StringMap(a), OwnedValue::StringMap(b)) => {
                        a.iter().copied().eq(b.iter().map(|(k, v)| (k.as_str(), v.as_str())))
                    }
                    _ => false,
                };
                prop_assert!(same, "{:?} for {:?}", read, written);
            }
        }

        #[test]
        fn bytes_that_are_no_key_are_told_from_one_without_a_panic(bytes in any::<Vec<u8>>()) {
            let _ = decode(&bytes);
        }
    }
}
