//! Taking an adapter's answer.
//!
//! The decision counts more than its ornaments: a denial with a body without end is a denial with a
//! shorter body, never an error that a fail policy might open. So texts for people are cut, and what makes
//! no sense is left out, and such answers are counted. What becomes a header or an attribute is another
//! matter. Half of it would mean something else – a shorter group, another workload – so it is taken
//! exactly or the call has failed.

use mesh_attributes::OwnedValue;

use super::Handler;
use crate::bindings::mixmesh::adapter::types;
use crate::guest_text::cut;
use crate::{CallError, Fault};

/// The longest header or attribute that is taken from an adapter, in bytes. Proxies take 60 KiB of
/// headers in all.
pub(super) const MAX_EXACT: usize = 8 << 10;

/// Keys and values of a map in all, in bytes: what Kubernetes allows for the annotations of an object.
const MAX_MAP: usize = 256 << 10;

/// The codes of google.rpc, and the one for those that are none.
const CODES: std::ops::RangeInclusive<i32> = 0..=16;
const UNKNOWN: i32 = 2;

/// Whether an answer could be taken as it was.
#[derive(Debug, Default)]
pub(super) struct Whole {
    trimmed: bool,
}

/// A part of an answer is too large to be taken.
#[derive(Debug)]
pub(crate) struct TooLarge {
    len: usize,
    limit: usize,
}

impl Whole {
    /// Notes whether a part was.
    pub(super) fn is_whole(&mut self, is_whole: bool) {
        self.trimmed |= !is_whole;
    }

    /// A text for people.
    pub(super) fn text(&mut self, text: String) -> String {
        let len = text.len();
        let text = cut(text);
        self.is_whole(text.len() == len);
        text
    }

    /// Whether it could not.
    pub(super) fn is_trimmed(&self) -> bool {
        self.trimmed
    }

    /// What is no code denies: it is not 0.
    pub(super) fn code(&mut self, code: i32) -> i32 {
        let known = CODES.contains(&code);
        self.is_whole(known);
        if known { code } else { UNKNOWN }
    }
}

impl Handler {
    /// Counts an answer that could not be taken as it was.
    pub(super) fn note(&self, whole: &Whole) {
        self.counts.answers_trimmed.add(u64::from(whole.trimmed));
    }
}

/// A header's or attribute's text.
pub(crate) fn exact(text: String) -> Result<String, TooLarge> {
    if text.len() > MAX_EXACT {
        return Err(TooLarge { len: text.len(), limit: MAX_EXACT });
    }
    Ok(text)
}

/// An attribute's map.
pub(crate) fn exact_map(entries: Vec<(String, String)>) -> Result<Vec<(String, String)>, TooLarge> {
    let len = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
    if len > MAX_MAP {
        return Err(TooLarge { len, limit: MAX_MAP });
    }
    Ok(entries)
}

/// Whether a value may become an attribute.
pub(super) fn check_size(value: &OwnedValue) -> Result<(), TooLarge> {
    let (len, limit) = match value {
        OwnedValue::String(text) => (text.len(), MAX_EXACT),
        OwnedValue::Bytes(bytes) => (bytes.len(), MAX_EXACT),
        OwnedValue::StringMap(map) => (map.iter().map(|(k, v)| k.len() + v.len()).sum(), MAX_MAP),
        _ => (0, MAX_EXACT),
    };
    if len > limit { Err(TooLarge { len, limit }) } else { Ok(()) }
}

impl TooLarge {
    fn message(&self) -> String {
        format!("it answered with {} bytes, {} are taken at most", self.len, self.limit)
    }
}

impl From<TooLarge> for CallError {
    fn from(too_large: TooLarge) -> Self {
        Self::Refused { fault: Fault::Adapter, retry: false, message: too_large.message() }
    }
}

impl From<TooLarge> for types::CallError {
    fn from(too_large: TooLarge) -> Self {
        Self { fault: types::Fault::Adapter, retry: false, message: too_large.message() }
    }
}
