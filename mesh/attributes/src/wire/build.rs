use super::bag::{Attribute, Held, Kind, Name, WireBag, WireMap};
use super::reader::{Reader, Tag};
use super::words::{Words, global, read_words, resolve};
use super::{DecodeError, field};
use crate::{GlobalWord, Span, Timestamp};

/// How many attributes a bag may hold. The vocabulary has 120, requests carry about 30.
pub const MAX_ATTRIBUTES: usize = 1000;

/// How many entries the maps of one `CompressedAttributes` message may have together. Envoy accepts
/// 100 headers by default.
pub const MAX_MAP_ENTRIES: usize = 10_000;

/// Puts the attributes of one `CompressedAttributes` message into a bag.
struct Build<'b, 'a> {
    bag: &'b mut WireBag<'a>,
    words: &'b [&'a str],
    /// Which element of a report this is. An attribute set by an earlier one is simply replaced.
    element: u32,
    map_entries: usize,
    /// The first thing that is wrong although the protobuf is right.
    fault: Option<DecodeError>,
}

/// Puts the attributes of `segments`, the parts of one message, into `bag`. Words come from the
/// message, or from `default_words` when it lists none; they may follow the attributes that use them,
/// so the message is read twice.
///
/// `Err` when the protobuf is malformed; the bag then holds a part. `Ok(Some(_))` when a word is
/// unknown, or a name is set twice with different types: such attributes are absent, or of the kind
/// that wins, and the rest of the bag is whole.
pub(super) fn read_attributes<'a>(
    bag: &mut WireBag<'a>,
    segments: &[Reader<'a>],
    default_words: &[&'a str],
    element: u32,
) -> Result<Option<DecodeError>, DecodeError> {
    let mut own = Words::new();
    for segment in segments {
        read_words(&mut own, *segment)?;
    }
    let words = if own.is_empty() { default_words } else { own.as_slice() };
    let mut build = Build { bag, words, element, map_entries: 0, fault: None };
    for segment in segments {
        build.read(*segment)?;
    }
    Ok(build.fault)
}

impl<'a> Build<'_, 'a> {
    fn read(&mut self, mut message: Reader<'a>) -> Result<(), DecodeError> {
        while let Some(tag) = message.tag()? {
            let Some(kind) = kind_of(tag.field) else {
                message.skip(tag)?;
                continue;
            };
            let entry = message.message(tag)?;
            let (name, held) = self.entry(entry, kind)?;
            self.set(name, held, tag)?;
        }
        Ok(())
    }

    /// Reads one entry of a typed map.
    fn entry(&mut self, entry: Reader<'a>, kind: Kind) -> Result<(i32, Held<'a>), DecodeError> {
        Ok(match kind {
            Kind::String => {
                let (name, word) = fields(entry, 0, |r, tag, _| r.sint32(tag))?;
                let text = resolve(self.words, word);
                (name, text.map_or_else(|| self.unknown(kind, word), Held::String))
            }
            Kind::StringMap => self.map(entry)?,
            Kind::Int64 => {
                let (name, value) = fields(entry, 0, |r, tag, _| r.int64(tag))?;
                (name, Held::Int64(value))
            }
            Kind::Double => {
                let (name, value) = fields(entry, 0.0, |r, tag, _| r.double(tag))?;
                (name, Held::Double(value))
            }
            Kind::Bool => {
                let (name, value) = fields(entry, false, |r, tag, _| r.bool(tag))?;
                (name, Held::Bool(value))
            }
            Kind::Timestamp => {
                let (name, value) = fields(entry, Timestamp::default(), Reader::timestamp)?;
                (name, Held::Timestamp(value))
            }
            Kind::Duration => {
                let (name, value) = fields(entry, Span::default(), Reader::duration)?;
                (name, Held::Duration(value))
            }
            Kind::Bytes => {
                let empty: &[u8] = &[];
                let (name, value) = fields(entry, empty, |r, tag, _| r.raw(tag))?;
                (name, Held::Bytes(value))
            }
        })
    }

    /// Reads an attribute that is a map, into a new last one of the bag's maps.
    fn map(&mut self, entry: Reader<'a>) -> Result<(i32, Held<'a>), DecodeError> {
        let at = self.bag.maps.len();
        if at == MAX_ATTRIBUTES {
            let offset = entry.offset();
            return Err(DecodeError::TooMany { offset, what: "maps", limit: MAX_ATTRIBUTES });
        }
        let mut map = WireMap::default();
        let (name, unknown) = fields(entry, None, |reader, tag, mut unknown| {
            let mut message = reader.message(tag)?;
            while let Some(tag) = message.tag()? {
                if tag.field != field::MAP_ENTRIES {
                    message.skip(tag)?;
                    continue;
                }
                self.map_entries += 1;
                if self.map_entries > MAX_MAP_ENTRIES {
                    return Err(too_many(tag, "map entries", MAX_MAP_ENTRIES));
                }
                let entry = message.message(tag)?;
                let (key, value) = fields(entry, 0, |r, tag, _| r.sint32(tag))?;
                match (resolve(self.words, key), resolve(self.words, value)) {
                    (Some(key), Some(value)) => map.push(key, value),
                    (None, _) => unknown = Some(key),
                    (_, None) => unknown = Some(value),
                }
            }
            Ok(unknown)
        })?;
        if let Some(word) = unknown {
            return Ok((name, self.unknown(Kind::StringMap, word)));
        }
        map.seal();
        self.bag.maps.push(map);
        Ok((name, Held::StringMap(at as u16)))
    }

    fn set(&mut self, name: i32, held: Held<'a>, tag: Tag) -> Result<(), DecodeError> {
        let Some(text) = resolve(self.words, name) else {
            self.unknown(held.kind(), name);
            self.bag.discard(held);
            return Ok(());
        };
        let name = match global(name).or_else(|| GlobalWord::find(text)) {
            Some(word) => Name::Global(word),
            None => Name::Custom(text),
        };
        let attribute = Attribute { held, element: self.element };
        match self.bag.place(name) {
            Err(_) if self.bag.attributes.len() == MAX_ATTRIBUTES => {
                return Err(too_many(tag, "attributes", MAX_ATTRIBUTES));
            }
            Err(place) => self.bag.add(name, place, attribute),
            Ok(at) => {
                let old = self.bag.attributes[at];
                let again = old.element == self.element;
                if again && old.held.kind() != held.kind() {
                    let duplicate = || DecodeError::Duplicate { name: text.to_owned() };
                    self.fault.get_or_insert_with(duplicate);
                }
                if again && old.held.kind() < held.kind() {
                    self.bag.discard(held);
                } else {
                    self.bag.replace(at, attribute);
                }
            }
        }
        Ok(())
    }

    fn unknown(&mut self, kind: Kind, index: i32) -> Held<'a> {
        self.bag.skipped += 1;
        self.fault.get_or_insert(DecodeError::UnknownWord { index });
        Held::Unknown(kind)
    }
}

/// Reads the entry of a map: its key, and its value by `read`, which is given what was there before.
/// What an entry leaves out has protobuf's default.
#[inline]
fn fields<'a, V: Copy>(
    mut entry: Reader<'a>,
    default: V,
    mut read: impl FnMut(&mut Reader<'a>, Tag, V) -> Result<V, DecodeError>,
) -> Result<(i32, V), DecodeError> {
    let (mut key, mut value) = (0, default);
    while let Some(tag) = entry.tag()? {
        match tag.field {
            field::KEY => key = entry.sint32(tag)?,
            field::VALUE => value = read(&mut entry, tag, value)?,
            _ => entry.skip(tag)?,
        }
    }
    Ok((key, value))
}

fn kind_of(field: u32) -> Option<Kind> {
    Some(match field {
        field::STRINGS => Kind::String,
        field::INT64S => Kind::Int64,
        field::DOUBLES => Kind::Double,
        field::BOOLS => Kind::Bool,
        field::TIMESTAMPS => Kind::Timestamp,
        field::DURATIONS => Kind::Duration,
        field::BYTES => Kind::Bytes,
        field::STRING_MAPS => Kind::StringMap,
        _ => return None,
    })
}

fn too_many(tag: Tag, what: &'static str, limit: usize) -> DecodeError {
    DecodeError::TooMany { offset: tag.offset(), what, limit }
}
