use std::fmt;
use std::sync::Arc;

use crate::ResourceKey;

/// A place in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file as the operator knows it, for a folder relative to it, such as `rules/deny.yaml`.
    pub file: Arc<str>,
    /// The line, counted from 1; 0 when the file as a whole is meant.
    pub line: u32,
}

impl Origin {
    /// The place `line` of the same file.
    pub fn at(&self, line: u32) -> Self {
        Self { file: Arc::clone(&self.file), line }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// A piece of text from a file, such as an expression, with its line in the resource's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text as YAML means it: unquoted, unescaped, folded.
    pub value: String,
    /// The line where it begins, counted from 1.
    pub line: u32,
}

/// A mistake in the configuration: where, in which object, what, and its likely cause.
///
/// Displayed as `deny.yaml:12: rule deny.istio-system: unknown field …`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it is.
    pub origin: Origin,
    /// The resource it belongs to, as far as it could be told.
    pub object: Option<ResourceKey>,
    /// What is wrong and what would be right, lower-case.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if let Some(key) = &self.object {
            write!(f, "{} {}.{}: ", key.kind, key.name, key.namespace)?;
        }
        f.write_str(&self.message)
    }
}
