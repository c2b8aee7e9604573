use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::GlobalWord;

/// The name of an attribute: a word of the global dictionary, or any other text.
///
/// Two names are equal when their texts are; a name made from a dictionary word is always the
/// [`GlobalWord`] variant, so equality costs an index comparison there. Cloning never copies text.
#[derive(Clone)]
pub enum AttributeName {
    /// A word of the global dictionary.
    Global(GlobalWord),
    /// A text that is not in the dictionary. Build it with [`AttributeName::new`], which checks.
    Custom(Arc<str>),
}

impl AttributeName {
    /// The name with this text.
    pub fn new(text: &str) -> Self {
        match GlobalWord::find(text) {
            Some(word) => Self::Global(word),
            None => Self::Custom(text.into()),
        }
    }

    /// The text of the name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Global(word) => word.as_str(),
            Self::Custom(text) => text,
        }
    }
}

impl From<GlobalWord> for AttributeName {
    fn from(word: GlobalWord) -> Self {
        Self::Global(word)
    }
}

impl PartialEq for AttributeName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Global(a), Self::Global(b)) => a == b,
            (Self::Custom(a), Self::Custom(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for AttributeName {}

impl Hash for AttributeName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Global(word) => word.hash(state),
            Self::Custom(text) => text.hash(state),
        }
    }
}

impl PartialOrd for AttributeName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By text, so that sorted output reads the same whatever the dictionary holds.
impl Ord for AttributeName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Debug for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
