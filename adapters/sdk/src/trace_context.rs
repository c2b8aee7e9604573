//! Ids of traces and spans, out of the texts in which requests carry them.
//!
//! A configuration maps a field such as `traceId` to a header, and which header that is depends on the
//! mesh: `x-b3-traceid` has the id alone, `b3` and `traceparent` have several things. All are understood.

use std::fmt;

/// A trace's id: 16 bytes that are not all zero. Displayed as 32 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// A span's id: 8 bytes that are not all zero. Displayed as 16 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

impl TraceId {
    /// The trace's id in a text: 16 or 32 hexadecimal digits (B3), `TRACE-SPAN…` (B3 in one header) or
    /// `VERSION-TRACE-SPAN-FLAGS` (W3C).
    pub fn parse(text: &str) -> Option<Self> {
        let digits = context(text).map_or(text.trim(), |(trace, _)| trace);
        let id = match digits.len() {
            16 | 32 => hexadecimal(digits)?,
            _ => return None,
        };
        (id != 0).then_some(Self(id))
    }

    /// The bytes in network order.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl SpanId {
    /// The span's id in a text: 16 hexadecimal digits, or as the other part of what [`TraceId::parse`]
    /// understands.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = context(text).map_or(text.trim(), |(_, span)| span);
        if digits.len() != 16 {
            return None;
        }
        let id = u64::try_from(hexadecimal(digits)?).ok()?;
        Self::new(id)
    }

    /// The span's id in a header that has the trace's as well; `None` in an id alone.
    pub fn of_header(text: &str) -> Option<Self> {
        context(text).and_then(|_| Self::parse(text))
    }

    /// An id; `None` for 0.
    pub const fn new(id: u64) -> Option<Self> {
        if id == 0 { None } else { Some(Self(id)) }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The bytes in network order.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The two ids in a header that has both.
fn context(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.trim().split('-');
    let first = parts.next()?;
    let second = parts.next()?;
    // A W3C version has two digits; ff is none.
    if first.len() == 2 {
        hexadecimal(first).filter(|version| *version != 0xff)?;
        return Some((second, parts.next()?));
    }
    Some((first, second))
}

fn hexadecimal(digits: &str) -> Option<u128> {
    // `from_str_radix` takes a sign.
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u128::from_str_radix(digits, 16).ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn both(text: &str) -> (Option<String>, Option<String>) {
        let text = (TraceId::parse(text), SpanId::parse(text));
        (text.0.map(|id| id.to_string()), text.1.map(|id| id.to_string()))
    }

    #[test]
    fn ids_are_found_in_headers_of_all_kinds() {
        let expected = (Some(TRACE.to_owned()), Some(SPAN.to_owned()));
        for text in [
            format!("00-{TRACE}-{SPAN}-01"),
            format!("cc-{TRACE}-{SPAN}-00-what-the-future-will-be-like"),
            format!("{TRACE}-{SPAN}"),
            format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90"),
            format!(" {}-{SPAN}-d", TRACE.to_uppercase()),
        ] {
            assert_eq!(both(&text), expected, "{text}");
        }
        assert_eq!(both(TRACE), (Some(TRACE.to_owned()), None));
        assert!(SpanId::of_header(SPAN).is_none() && SpanId::of_header(TRACE).is_none());
        let header = format!("{TRACE}-{SPAN}");
        assert_eq!(SpanId::of_header(&header), SpanId::parse(SPAN));
        let short = format!("{}{SPAN}", "0".repeat(16));
        assert_eq!(both(SPAN), (Some(short), Some(SPAN.to_owned())));
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in [
            "",
            "0",
            "1",
            "-",
            "00-",
            "0000000000000000",
            "+bf92f3577b34da6",
            "4bf92f3577b34da6a3ce929d0e0e473",
            "zbf92f3577b34da6a3ce929d0e0e4736",
            "b8a31e4c-61d6-4fbe-8d9a-5d4f3a9c1e2b",
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("00-{}-{}-01", "0".repeat(32), "0".repeat(16)),
        ] {
            assert_eq!(both(text), (None, None), "{text}");
        }
    }
}
