use std::collections::BTreeMap;

use mesh_attributes::{AttributeBag, AttributeName, GlobalWord, OwnedValue, Value};

/// No entry, in [`Statics::by_word`].
const NONE: u16 = u16::MAX;

/// The attributes that configuration states, laid out for look-ups by dictionary word.
#[derive(Debug, Clone)]
pub struct Statics {
    values: Vec<(AttributeName, OwnedValue)>,
    by_word: Box<[u16; GlobalWord::COUNT]>,
    by_text: BTreeMap<AttributeName, u16>,
}

impl Statics {
    /// The attributes of `bag`.
    pub fn new(bag: &AttributeBag) -> Self {
        let mut statics = Self {
            values: Vec::with_capacity(bag.len()),
            by_word: Box::new([NONE; GlobalWord::COUNT]),
            by_text: BTreeMap::new(),
        };
        for (index, (name, value)) in (0..NONE).zip(bag.iter()) {
            match name {
                AttributeName::Global(word) => statics.by_word[word.index()] = index,
                AttributeName::Custom(_) => {
                    statics.by_text.insert(name.clone(), index);
                }
            }
            statics.values.push((name.clone(), value.clone()));
        }
        statics
    }

    /// The value of `name`. One array access for words of the dictionary.
    pub fn get(&self, name: &AttributeName) -> Option<Value<'_>> {
        let index = match name {
            AttributeName::Global(word) => self.by_word[word.index()],
            AttributeName::Custom(_) => self.by_text.get(name).copied().unwrap_or(NONE),
        };
        self.values.get(usize::from(index)).map(|(_, value)| value.borrow())
    }

    /// The attributes, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&AttributeName, &OwnedValue)> {
        self.values.iter().map(|(name, value)| (name, value))
    }
}
