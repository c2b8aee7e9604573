use std::fmt::{self, Display as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::bindings::base::mixmesh::adapter::types;
use crate::time;

/// A value of a field, borrowed.
///
/// Displayed as a label or tag shows it: numbers in decimal, addresses as text, times by RFC 3339,
/// durations as `1.5s`, maps as `k=v&k=v` in the order of their keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Text; the declared type says of which kind.
    Text(&'a str),
    /// An integer.
    Int64(i64),
    /// A double.
    Double(f64),
    /// A truth value.
    Boolean(bool),
    /// Nanoseconds since the Unix epoch.
    Timestamp(i64),
    /// Nanoseconds.
    Duration(i64),
    /// 4 or 16 bytes as a rule; other lengths come from broken clients.
    IpAddress(&'a [u8]),
    /// Text to text.
    StringMap(StringMap<'a>),
}

/// A map of texts, sorted by its keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StringMap<'a>(Entries<'a>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Entries<'a> {
    Own(&'a [(String, String)]),
    Indexes { texts: &'a [String], entries: &'a [(u32, u32)] },
}

impl Value<'_> {
    /// The number that it stands for in a metric: durations count in seconds, texts when they read as a
    /// number. `None` for all that is no number.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Int64(number) => Some(number as f64),
            Self::Double(number) => Some(number),
            Self::Duration(nanos) => Some(nanos as f64 / 1e9),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl<'a> StringMap<'a> {
    /// Indexes that point past `texts` stand for the empty text.
    pub(crate) fn of_indexes(texts: &'a [String], entries: &'a [(u32, u32)]) -> Self {
        Self(Entries::Indexes { texts, entries })
    }

    /// The entries, sorted by key.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let len = match self.0 {
            Entries::Own(entries) => entries.len(),
            Entries::Indexes { entries, .. } => entries.len(),
        };
        (0..len).map(move |index| match self.0 {
            Entries::Own(entries) => (entries[index].0.as_str(), entries[index].1.as_str()),
            Entries::Indexes { texts, entries } => {
                let text = |at: u32| texts.get(at as usize).map_or("", String::as_str);
                (text(entries[index].0), text(entries[index].1))
            }
        })
    }
}

impl<'a> From<&'a types::Value> for Value<'a> {
    fn from(value: &'a types::Value) -> Self {
        match value {
            types::Value::Text(text) => Self::Text(text),
            types::Value::Int64(number) => Self::Int64(*number),
            types::Value::Double(number) => Self::Double(*number),
            types::Value::Boolean(truth) => Self::Boolean(*truth),
            types::Value::Timestamp(nanos) => Self::Timestamp(*nanos),
            types::Value::Duration(nanos) => Self::Duration(*nanos),
            types::Value::IpAddress(bytes) => Self::IpAddress(bytes),
            types::Value::StringMap(entries) => Self::StringMap(StringMap(Entries::Own(entries))),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int64(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number}"),
            Self::Boolean(truth) => write!(f, "{truth}"),
            Self::Timestamp(nanos) => time::write_exact(f, *nanos),
            Self::Duration(nanos) => time::write_duration(f, *nanos),
            Self::IpAddress(bytes) => write_address(f, bytes),
            Self::StringMap(map) => {
                for (index, (key, value)) in map.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "&" };
                    write!(f, "{separator}{key}={value}")?;
                }
                Ok(())
            }
        }
    }
}

/// An address that is none is shown in hexadecimal.
fn write_address(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ipv4Addr::from(v4).fmt(f);
    }
    if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        let v6 = Ipv6Addr::from(v6);
        // An IPv4 address in IPv6 clothes is one and the same client.
        return match v6.to_ipv4_mapped() {
            Some(v4) => v4.fmt(f),
            None => v6.fmt(f),
        };
    }
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
