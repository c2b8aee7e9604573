//! The bytes that two requests must share to share an answer.
//!
//! Wrong hits are policy bypasses, so keys are compared whole, not by hash, and no two different
//! readings of a bag write the same bytes: every probe writes a tag for its state and type, texts and
//! bytes carry their length, the shape's own id comes first. Absence is written like a value. The
//! peer left absence, type and length out and gave one in nine callers another's answer on provoking
//! traffic. Equality is that of the bag, not of policy: an address in 4 and in 16 bytes makes two
//! keys, which costs a miss and nothing else.

use mesh_attributes::{Bag, KeyState, StringMap, Value};
use smallvec::SmallVec;

use crate::{Shape, ShapeId};

/// Entries of a whole map that are sorted without allocating.
const INLINE_ENTRIES: usize = 64;

/// Says that eight bytes of length follow.
const LONG: u8 = u8::MAX;

/// What a probe found. The numbers are part of the key, which never leaves the process.
#[derive(Clone, Copy)]
enum Tag {
    Absent,
    String,
    Int64,
    Double,
    Bool,
    Timestamp,
    Duration,
    Bytes,
    StringMap,
    KeyValue,
    KeyAbsent,
    MapAbsent,
    NotAMap,
}

/// Writes to `out`, which it clears first, the key of `bag` under the shape with this id. Requests
/// with equal keys get equal answers. Allocates nothing when `out` has room (twice the size of a map
/// that is probed whole).
pub fn key_for<B: Bag + ?Sized>(id: ShapeId, shape: &Shape, bag: &B, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&id.to_bytes());
    shape.write_key(bag, out);
}

impl Shape {
    /// Appends what the shape's probes find in `bag`. Under one shape equal bytes mean equal
    /// findings; across shapes they mean nothing, see [`key_for`].
    pub fn write_key<B: Bag + ?Sized>(&self, bag: &B, out: &mut Vec<u8>) {
        for probe in self.probes() {
            match probe.key() {
                None => put_whole(bag.get(probe.name()), out),
                Some(key) => put_key(bag.get_key(probe.name(), key), out),
            }
        }
    }
}

fn put_whole(found: Option<Value<'_>>, out: &mut Vec<u8>) {
    match found {
        None => put_tag(Tag::Absent, out),
        Some(Value::String(text)) => {
            put_tag(Tag::String, out);
            put_bytes(text.as_bytes(), out);
        }
        Some(Value::Int64(number)) => {
            put_tag(Tag::Int64, out);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Some(Value::Double(number)) => {
            put_tag(Tag::Double, out);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Some(Value::Bool(truth)) => {
            put_tag(Tag::Bool, out);
            out.push(truth.into());
        }
        Some(Value::Timestamp(time)) => {
            put_tag(Tag::Timestamp, out);
            put_time(time.seconds, time.nanos, out);
        }
        Some(Value::Duration(span)) => {
            put_tag(Tag::Duration, out);
            put_time(span.seconds, span.nanos, out);
        }
        Some(Value::Bytes(bytes)) => {
            put_tag(Tag::Bytes, out);
            put_bytes(bytes, out);
        }
        Some(Value::StringMap(map)) => {
            put_tag(Tag::StringMap, out);
            put_map(map, out);
        }
    }
}

fn put_key(found: KeyState<'_>, out: &mut Vec<u8>) {
    match found {
        KeyState::Value(text) => {
            put_tag(Tag::KeyValue, out);
            put_bytes(text.as_bytes(), out);
        }
        KeyState::KeyAbsent => put_tag(Tag::KeyAbsent, out),
        KeyState::MapAbsent => put_tag(Tag::MapAbsent, out),
        KeyState::NotAMap => put_tag(Tag::NotAMap, out),
    }
}

/// Writes the entries of `map` in an order that does not depend on the map's own: they are written as
/// they come, then sorted copies are appended and the first ones taken out.
fn put_map(map: &dyn StringMap, out: &mut Vec<u8>) {
    let start = out.len();
    let mut entries = SmallVec::<[(usize, usize); INLINE_ENTRIES]>::new();
    map.each(&mut |key, value| {
        let entry = out.len();
        put_bytes(key.as_bytes(), out);
        put_bytes(value.as_bytes(), out);
        entries.push((entry, out.len()));
    });
    let unsorted_end = out.len();
    entries.sort_unstable_by(|a, b| out[a.0..a.1].cmp(&out[b.0..b.1]));
    put_length(entries.len(), out);
    for (from, to) in entries {
        out.extend_from_within(from..to);
    }
    out.copy_within(unsorted_end.., start);
    out.truncate(out.len() - (unsorted_end - start));
}

fn put_tag(tag: Tag, out: &mut Vec<u8>) {
    out.push(tag as u8);
}

fn put_time(seconds: i64, nanos: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&seconds.to_le_bytes());
    out.extend_from_slice(&nanos.to_le_bytes());
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// One byte for a length below 255, nine for others: most texts are short and keys are hashed whole.
fn put_length(length: usize, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) if short < LONG => out.push(short),
        _ => {
            out.push(LONG);
            out.extend_from_slice(&(length as u64).to_le_bytes());
        }
    }
}
