use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};

use adapter_sdk::Value;
use regex_lite::Regex;

use crate::parameters::EntryType;

/// Patterns of one list: a value is held against one after the other.
const MAX_PATTERNS: usize = 1000;

/// A list's entries, ready to be compared.
#[derive(Debug)]
pub(crate) enum Entries {
    Strings(HashSet<String>),
    /// In lower case.
    CaseInsensitive(HashSet<String>),
    Networks(Networks),
    Patterns(Vec<Regex>),
}

/// Ranges of addresses, by their masks: a look-up costs one probe for each length of prefix there is, not
/// one for each range. IPv4 is taken as the part of IPv6 that stands for it, so that a client is the same
/// in both clothes.
#[derive(Debug, Default)]
pub(crate) struct Networks(BTreeMap<u128, HashSet<u128>>);

impl Entries {
    /// No entries of this type.
    pub(crate) fn none(entry_type: EntryType) -> Self {
        match entry_type {
            EntryType::Strings => Self::Strings(HashSet::new()),
            EntryType::CaseInsensitiveStrings => Self::CaseInsensitive(HashSet::new()),
            EntryType::IpAddresses => Self::Networks(Networks::default()),
            EntryType::Regex => Self::Patterns(Vec::new()),
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// Why the text is none of this type.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), String> {
        match self {
            Self::Strings(texts) => {
                texts.insert(text.to_owned());
            }
            Self::CaseInsensitive(texts) => {
                texts.insert(text.to_lowercase());
            }
            Self::Networks(networks) => {
                let (address, mask) = network(text)
                    .ok_or_else(|| format!("{text:?} is no IP address and no CIDR range"))?;
                networks.0.entry(mask).or_default().insert(address & mask);
            }
            Self::Patterns(patterns) if patterns.len() >= MAX_PATTERNS => {
                return Err(format!("a list has {MAX_PATTERNS} patterns at most"));
            }
            Self::Patterns(patterns) => {
                let pattern = Regex::new(text);
                patterns.push(pattern.map_err(|error| format!("{text:?} is no pattern: {error}"))?);
            }
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Strings(texts) | Self::CaseInsensitive(texts) => texts.is_empty(),
            Self::Networks(networks) => networks.0.is_empty(),
            Self::Patterns(patterns) => patterns.is_empty(),
        }
    }

    /// Whether the value is on the list; `None` when the list is of addresses and the value is none.
    pub(crate) fn contain(&self, value: Value<'_>) -> Option<bool> {
        Some(match self {
            Self::Networks(networks) => networks.contain(address(value)?),
            Self::Strings(texts) => with_text(value, |text| texts.contains(text)),
            Self::CaseInsensitive(texts) => {
                with_text(value, |text| texts.contains(&text.to_lowercase()))
            }
            Self::Patterns(patterns) => {
                with_text(value, |text| patterns.iter().any(|pattern| pattern.is_match(text)))
            }
        })
    }
}

impl Networks {
    fn contain(&self, address: Ipv6Addr) -> bool {
        let bits = address.to_bits();
        self.0.iter().any(|(mask, networks)| networks.contains(&(bits & mask)))
    }
}

/// The address, and the bits of it that count.
fn network(text: &str) -> Option<(u128, u128)> {
    let (address, length) = match text.split_once('/') {
        None => (text.parse::<IpAddr>().ok()?, None),
        Some((address, length)) => (address.parse().ok()?, Some(length.parse::<u32>().ok()?)),
    };
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(whole);
    let host_bits = whole.checked_sub(length)?;
    // All 128 bits are too many to shift by: then none count.
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    Some((as_v6(address).to_bits(), mask))
}

fn address(value: Value<'_>) -> Option<Ipv6Addr> {
    match value {
        Value::Text(text) => text.parse().ok().map(as_v6),
        Value::IpAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| as_v6(IpAddr::from(bytes))),
            _ => <[u8; 16]>::try_from(bytes).ok().map(Ipv6Addr::from),
        },
        _ => None,
    }
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn with_text(value: Value<'_>, f: impl FnOnce(&str) -> bool) -> bool {
    match value {
        Value::Text(text) => f(text),
        other => f(&other.to_string()),
    }
}
