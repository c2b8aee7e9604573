//! Ids as Zipkin wants them: hexadecimal, lower case, of 16 or 32 digits.

use std::fmt;

use serde::{Serialize, Serializer};

/// The id of a trace: 64 bits, or 128 when the upper half is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceId(u128);

/// The id of a span, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanId(u64);

/// With which a client's span gets an id of its own: the same on both sides, so that the server's span
/// knows its parent. Istio's number.
const REWRITE: u64 = 0x3f6a_2ec3_c810_c2ab;

impl TraceId {
    /// Reads 1 to 32 digits; fewer than 16 or 32 are filled up with zeros on the left, which others
    /// have cut.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match hexadecimal(text, 32) {
            Some(0) => Err(format!("trace id {} is zero", shown(text))),
            Some(id) => Ok(Self(id)),
            None => Err(format!("trace id {} is not 1 to 32 hexadecimal digits", shown(text))),
        }
    }

    /// The half that all who handle the trace know: some cut ids to 64 bits.
    pub(crate) fn lower(self) -> u64 {
        self.0 as u64
    }
}

impl SpanId {
    /// Reads 1 to 16 digits. `None` is zero, which is no span.
    pub(crate) fn parse(what: &str, text: &str) -> Result<Option<Self>, String> {
        match hexadecimal(text, 16).and_then(|id| u64::try_from(id).ok()) {
            Some(0) => Ok(None),
            Some(id) => Ok(Some(Self(id))),
            None => Err(format!("{what} {} is not 1 to 16 hexadecimal digits", shown(text))),
        }
    }

    /// The id of a client's span whose server's span has this one.
    pub(crate) fn rewritten(self) -> Self {
        match self.0 ^ REWRITE {
            // One id in all: it stays what it is.
            0 => self,
            id => Self(id),
        }
    }
}

/// `u128::from_str_radix` would take a sign.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_number =
        (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_number.then(|| u128::from_str_radix(text, 16).ok())?
}

/// A text out of a header, which may be anything, fit for a message.
pub(crate) fn shown(text: &str) -> String {
    const ENOUGH: usize = 80;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u64::try_from(self.0) {
            Ok(short) => write!(f, "{short:016x}"),
            Err(_) => write!(f, "{:032x}", self.0),
        }
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
