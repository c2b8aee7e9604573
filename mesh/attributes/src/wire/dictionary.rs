use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::writer::put_bytes;
use crate::GlobalWord;

/// The words that a message being written lists, each once, in the order of their first use.
pub(super) struct Dictionary {
    /// How many words of the global dictionary the reader knows.
    global_words: usize,
    /// The words, one after the other, and where each ends.
    text: String,
    ends: Vec<usize>,
    slots: HashTable<usize>,
    hasher: RandomState,
}

impl Dictionary {
    pub(super) fn new(global_words: usize) -> Self {
        Self {
            global_words,
            text: String::new(),
            ends: Vec::new(),
            slots: HashTable::new(),
            hasher: RandomState::default(),
        }
    }

    /// The index of `word` on the wire.
    pub(super) fn index(&mut self, word: &str) -> i32 {
        match GlobalWord::find(word) {
            Some(global) if global.index() < self.global_words => global.index() as i32,
            _ => self.listed(word),
        }
    }

    /// The index of `word` among the message's own words, where it is put even when the global
    /// dictionary has it.
    pub(super) fn listed(&mut self, word: &str) -> i32 {
        let Self { text, ends, slots, hasher, .. } = self;
        let hash = hasher.hash_one(word);
        let known = slots.find(hash, |slot| word_at(text, ends, *slot) == word);
        let slot = known.copied().unwrap_or_else(|| {
            let slot = ends.len();
            text.push_str(word);
            ends.push(text.len());
            slots.insert_unique(hash, slot, |other| hasher.hash_one(word_at(text, ends, *other)));
            slot
        });
        !(slot as i32)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes that [`Self::write`] takes at most.
    pub(super) fn encoded_len(&self) -> usize {
        const TAG_AND_LENGTH: usize = 6;
        self.text.len() + self.ends.len() * TAG_AND_LENGTH
    }

    /// Writes the words as a repeated field.
    pub(super) fn write(&self, field: u32, out: &mut Vec<u8>) {
        for slot in 0..self.ends.len() {
            put_bytes(out, field, word_at(&self.text, &self.ends, slot).as_bytes());
        }
    }

    /// Forgets the words from the `len`th on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.slots.retain(|slot| *slot < len);
        self.ends.truncate(len);
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }
}

fn word_at<'t>(text: &'t str, ends: &[usize], slot: usize) -> &'t str {
    let start = slot.checked_sub(1).map_or(0, |before| ends[before]);
    &text[start..ends[slot]]
}
