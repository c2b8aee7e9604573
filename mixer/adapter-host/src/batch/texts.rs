use hashbrown::HashTable;

use super::key;

/// Texts by number, each only once.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    /// Where each text ends; it begins where the one before ends.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
}

impl Texts {
    /// The number of `text`. Costs a hash of it.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let hash = key::hash(text.as_bytes());
        let (all, ends) = (&self.all, &self.ends);
        if let Some(number) = self.numbers.find(hash, |n| slice(all, ends, *n) == text) {
            return *number;
        }
        // 4 GiB of texts would be needed for more numbers than there are.
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.all.push_str(text);
        self.ends.push(self.all.len());
        let (all, ends) = (&self.all, &self.ends);
        self.numbers.insert_unique(hash, number, |n| key::hash(slice(all, ends, *n).as_bytes()));
        number
    }

    pub(super) fn text(&self, number: u32) -> &str {
        slice(&self.all, &self.ends, number)
    }

    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

fn slice<'t>(all: &'t str, ends: &[usize], number: u32) -> &'t str {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &all[start..ends[number]]
}
