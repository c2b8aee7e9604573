use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};

use adapter_sdk::{Problems, Value};
use regex_lite::Regex;

use crate::parameters::EntryType;

/// A list's entries, ready to be compared.
#[derive(Debug)]
pub(crate) enum Entries {
    Strings(HashSet<String>),
    /// In lower case.
    CaseInsensitive(HashSet<String>),
    Networks(Vec<Network>),
    Patterns(Vec<Regex>),
}

/// Whether a value is on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Yes,
    No,
    /// The list is of addresses and the value is none.
    NotComparable,
}

/// A range of addresses. IPv4 is taken as the part of IPv6 that stands for it, so that a client is the
/// same in both clothes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    bits: u128,
    /// Bits that count, from the left.
    mask: u128,
}

impl Entries {
    /// Reads `overrides`; those that cannot be read are problems.
    pub(crate) fn new(
        entry_type: EntryType,
        overrides: &[String],
        problems: &mut Problems,
    ) -> Self {
        let mut bad = |index: usize, message: String| {
            problems.add(format!("overrides[{index}]"), message);
        };
        let entries = overrides.iter().enumerate();
        match entry_type {
            EntryType::Strings => Self::Strings(overrides.iter().cloned().collect()),
            EntryType::CaseInsensitiveStrings => {
                Self::CaseInsensitive(overrides.iter().map(|text| text.to_lowercase()).collect())
            }
            EntryType::IpAddresses => {
                let network = |(index, text): (usize, &String)| {
                    let network = Network::parse(text);
                    if network.is_none() {
                        bad(index, format!("{text:?} is no IP address and no CIDR range"));
                    }
                    network
                };
                Self::Networks(entries.filter_map(network).collect())
            }
            EntryType::Regex => {
                let pattern = |(index, text): (usize, &String)| {
                    let wrong = |error| bad(index, format!("{text:?} is no pattern: {error}"));
                    Regex::new(text).map_err(wrong).ok()
                };
                Self::Patterns(entries.filter_map(pattern).collect())
            }
        }
    }

    pub(crate) fn find(&self, value: Value<'_>) -> Found {
        let found = match self {
            Self::Networks(networks) => match address(value) {
                Some(address) => networks.iter().any(|network| network.contains(address)),
                None => return Found::NotComparable,
            },
            Self::Strings(texts) => with_text(value, |text| texts.contains(text)),
            Self::CaseInsensitive(texts) => {
                with_text(value, |text| texts.contains(&text.to_lowercase()))
            }
            Self::Patterns(patterns) => {
                with_text(value, |text| patterns.iter().any(|pattern| pattern.is_match(text)))
            }
        };
        if found { Found::Yes } else { Found::No }
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            None => (text.parse::<IpAddr>().ok()?, None),
            Some((address, length)) => (address.parse().ok()?, Some(length.parse::<u32>().ok()?)),
        };
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(whole);
        let host_bits = whole.checked_sub(length)?;
        // All 128 bits are too many to shift by: then none count.
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Some(Self { bits: as_v6(address).to_bits() & mask, mask })
    }

    fn contains(self, address: Ipv6Addr) -> bool {
        address.to_bits() & self.mask == self.bits
    }
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
