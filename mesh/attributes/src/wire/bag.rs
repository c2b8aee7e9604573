use smallvec::SmallVec;

use crate::{
    AttributeName, Bag, EachAttribute, GlobalWord, KeyState, Span, StringMap, Timestamp, Value,
};

/// Attributes, maps and entries of a map that a bag holds without allocating.
const INLINE_ATTRIBUTES: usize = 32;
const INLINE_CUSTOM: usize = 6;
const INLINE_MAPS: usize = 2;
const INLINE_ENTRIES: usize = 16;

/// Attributes that lie in the bytes of a request.
///
/// A look-up by a dictionary word is one index, by another name a binary search. A word resolves the
/// same whether the message lists it or counts on the dictionary.
#[derive(Clone)]
pub struct WireBag<'a> {
    /// For each dictionary word, 1 + the place of its attribute, or 0.
    global: [u16; GlobalWord::COUNT],
    /// The other names and the places of their attributes, in [`by_length`] order.
    custom: SmallVec<[(&'a str, u16); INLINE_CUSTOM]>,
    pub(super) attributes: SmallVec<[Attribute<'a>; INLINE_ATTRIBUTES]>,
    pub(super) maps: SmallVec<[WireMap<'a>; INLINE_MAPS]>,
    pub(super) skipped: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) held: Held<'a>,
    /// Which element of a report set it last.
    pub(super) element: u32,
}

#[derive(Clone, Copy)]
pub(super) enum Held<'a> {
    String(&'a str),
    /// A place in `maps`.
    StringMap(u16),
    Int64(i64),
    Double(f64),
    Bool(bool),
    Timestamp(Timestamp),
    Duration(Span),
    Bytes(&'a [u8]),
    /// A text or map with a word that nobody knows: as good as absent.
    Unknown(Kind),
}

/// The typed maps of the wire, in the order in which they win when several set one name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    String,
    StringMap,
    Int64,
    Double,
    Bool,
    Timestamp,
    Duration,
    Bytes,
}

/// An attribute's name as a message gives it.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Global(GlobalWord),
    Custom(&'a str),
}

/// Unique entries in [`by_length`] order.
#[derive(Clone, Default)]
pub(super) struct WireMap<'a> {
    entries: SmallVec<[(&'a str, &'a str); INLINE_ENTRIES]>,
}

impl<'a> WireBag<'a> {
    pub(super) fn empty() -> Self {
        Self {
            global: [0; GlobalWord::COUNT],
            custom: SmallVec::new(),
            attributes: SmallVec::new(),
            maps: SmallVec::new(),
            skipped: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.global = [0; GlobalWord::COUNT];
        self.custom.clear();
        self.attributes.clear();
        self.maps.clear();
        self.skipped = 0;
    }

    /// How many attributes the message tried to set with a word that neither it nor the dictionary
    /// has. They are absent from the bag; more than zero means that the sender is broken or newer.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The place of the attribute with this name, or the place in `custom` to insert it.
    #[inline]
    pub(super) fn place(&self, name: Name<'_>) -> Result<usize, usize> {
        match name {
            Name::Global(word) => usize::from(self.global[word.index()]).checked_sub(1).ok_or(0),
            Name::Custom(text) => self
                .custom
                .binary_search_by(|(other, _)| by_length(other, text))
                .map(|found| self.custom[found].1.into()),
        }
    }

    /// Adds an attribute where [`Self::place`] said. There are fewer than 65,535 so far.
    pub(super) fn add(&mut self, name: Name<'a>, place: usize, attribute: Attribute<'a>) {
        let at = self.attributes.len() as u16;
        self.attributes.push(attribute);
        match name {
            Name::Global(word) => self.global[word.index()] = at + 1,
            Name::Custom(text) => self.custom.insert(place, (text, at)),
        }
    }

    /// Puts another attribute where one is. A new map is the last of `maps` and takes the place of an
    /// old one, so that updates do not pile up.
    pub(super) fn replace(&mut self, at: usize, mut attribute: Attribute<'a>) {
        if let Held::StringMap(old) = self.attributes[at].held {
            if let Held::StringMap(_) = attribute.held {
                self.maps.swap_remove(old.into());
                attribute.held = Held::StringMap(old);
            } else {
                self.maps[usize::from(old)] = WireMap::default();
            }
        }
        self.attributes[at] = attribute;
    }

    /// Lets go of an attribute that was read last and is not kept.
    pub(super) fn discard(&mut self, held: Held<'a>) {
        if let Held::StringMap(_) = held {
            self.maps.pop();
        }
    }

    #[inline]
    fn find(&self, name: &AttributeName) -> Option<Held<'a>> {
        let name = match name {
            AttributeName::Global(word) => Name::Global(*word),
            AttributeName::Custom(text) => Name::Custom(text),
        };
        self.place(name).ok().map(|at| self.attributes[at].held)
    }

    #[inline]
    fn value(&self, held: Held<'a>) -> Option<Value<'_>> {
        Some(match held {
            Held::String(v) => Value::String(v),
            Held::StringMap(at) => Value::StringMap(&self.maps[usize::from(at)]),
            Held::Int64(v) => Value::Int64(v),
            Held::Double(v) => Value::Double(v),
            Held::Bool(v) => Value::Bool(v),
            Held::Timestamp(v) => Value::Timestamp(v),
            Held::Duration(v) => Value::Duration(v),
            Held::Bytes(v) => Value::Bytes(v),
            Held::Unknown(_) => return None,
        })
    }
}

impl Bag for WireBag<'_> {
    #[inline]
    fn get(&self, name: &AttributeName) -> Option<Value<'_>> {
        self.value(self.find(name)?)
    }

    #[inline]
    fn get_key(&self, name: &AttributeName, key: &str) -> KeyState<'_> {
        match self.find(name) {
            None | Some(Held::Unknown(_)) => KeyState::MapAbsent,
            Some(Held::StringMap(at)) => {
                self.maps[usize::from(at)].get(key).map_or(KeyState::KeyAbsent, KeyState::Value)
            }
            Some(_) => KeyState::NotAMap,
        }
    }
}

impl EachAttribute for WireBag<'_> {
    fn each(&self, f: &mut dyn FnMut(&AttributeName, Value<'_>)) {
        for (index, place) in self.global.iter().enumerate() {
            let held = usize::from(*place).checked_sub(1).map(|at| self.attributes[at].held);
            if let (Some(held), Some(word)) = (held, GlobalWord::from_index(index)) {
                self.value(held).into_iter().for_each(|value| f(&word.into(), value));
            }
        }
        for (text, at) in &self.custom {
            let held = self.attributes[usize::from(*at)].held;
            self.value(held).into_iter().for_each(|value| f(&AttributeName::new(text), value));
        }
    }
}

impl Held<'_> {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::StringMap(_) => Kind::StringMap,
            Self::Int64(_) => Kind::Int64,
            Self::Double(_) => Kind::Double,
            Self::Bool(_) => Kind::Bool,
            Self::Timestamp(_) => Kind::Timestamp,
            Self::Duration(_) => Kind::Duration,
            Self::Bytes(_) => Kind::Bytes,
            Self::Unknown(kind) => kind,
        }
    }
}

impl<'a> WireMap<'a> {
    pub(super) fn push(&mut self, key: &'a str, value: &'a str) {
        self.entries.push((key, value));
    }

    /// Sorts the entries once all are pushed; of those with one key the last stays.
    pub(super) fn seal(&mut self) {
        let pushed = self.entries.len();
        self.entries.sort_by(|a, b| by_length(a.0, b.0));
        self.entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                *kept = *later;
            }
            same
        });
        if self.entries.len() < pushed {
            self.entries.shrink_to_fit();
        }
    }
}

impl StringMap for WireMap<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        // In a few entries the processor looks faster from end to end than back and forth.
        if self.entries.len() <= INLINE_ENTRIES {
            return self.entries.iter().find(|(other, _)| *other == key).map(|(_, value)| *value);
        }
        let found = self.entries.binary_search_by(|(other, _)| by_length(other, key)).ok()?;
        Some(self.entries[found].1)
    }

    fn each(&self, f: &mut dyn FnMut(&str, &str)) {
        for (key, value) in &self.entries {
            f(key, value);
        }
    }
}

/// Shorter texts first, then by their bytes: an order that seldom has to look at the bytes.
#[inline]
fn by_length(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}
