use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

/// The words of the global dictionary, one a line; line N is word N - 1. The text is exact: index 94
/// is `'200'` with its quotes (facts of the old protocol; both old ends generate their tables so).
const DICTIONARY: &str = include_str!("global_dictionary.txt");

static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| DICTIONARY.lines().collect());

/// Hashed without a random seed: the keys are ours, and a stranger's text costs one comparison.
static INDEX: LazyLock<HashMap<&'static str, GlobalWord, FixedState>> =
    LazyLock::new(|| (0u8..).zip(WORDS.iter()).map(|(i, word)| (*word, GlobalWord(i))).collect());

/// A word of the global dictionary, by its index on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlobalWord(u8);

impl GlobalWord {
    /// How many words the dictionary has; a test holds it against the text.
    pub const COUNT: usize = 222;

    /// The word at `index`, if the dictionary goes that far.
    pub fn from_index(index: usize) -> Option<Self> {
        (index < Self::COUNT).then_some(Self(index as u8))
    }

    /// The dictionary's entry for `text`. Costs one hash of `text`.
    pub fn find(text: &str) -> Option<Self> {
        INDEX.get(text).copied()
    }

    /// The index on the wire, less than [`Self::COUNT`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The text of the word.
    pub fn as_str(self) -> &'static str {
        WORDS[self.index()]
    }
}

impl fmt::Debug for GlobalWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionary_has_the_landmarks_of_the_protocol() {
        assert_eq!(WORDS.len(), GlobalWord::COUNT);
        for (index, text) in [
            (0, "source.ip"),
            (15, "request.headers"),
            (30, "response.code"),
            (31, ":authority"),
            (90, "GET"),
            (94, "'200'"),
            (111, "'0'"),
            (125, "connection.id"),
            (134, "0"),
            (150, "destination.ip"),
            (193, "destination.service.host"),
            (201, "context.reporter.kind"),
            (218, "\"-\""),
            (221, "context.proxy_version"),
        ] {
            let word = GlobalWord::from_index(index).unwrap();
            assert_eq!(word.as_str(), text);
            assert_eq!(GlobalWord::find(text), Some(word));
        }
        assert_eq!(GlobalWord::from_index(222), None);
    }
}
