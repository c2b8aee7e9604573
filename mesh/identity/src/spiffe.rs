use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const SCHEME: &str = "spiffe://";

/// The longest id that SPIFFE allows.
const MAX_LENGTH: usize = 2048;

/// The identity of a workload, such as `spiffe://cluster.local/ns/default/sa/greeter`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpiffeId(Box<str>);

/// Why a text is no SPIFFE id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{shown}` is no SPIFFE id of the form spiffe://trust.domain/path")]
pub struct SpiffeIdError {
    /// The beginning of the text.
    shown: String,
}

impl SpiffeId {
    /// The id with its scheme.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trust domain: the part between the scheme and the path.
    pub fn trust_domain(&self) -> &str {
        let rest = &self.0[SCHEME.len()..];
        rest.split_once('/').map_or(rest, |(domain, _)| domain)
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        let is_id = text.len() <= MAX_LENGTH
            && text.strip_prefix(SCHEME).is_some_and(|rest| {
                let (domain, path) = rest.split_once('/').unwrap_or((rest, ""));
                is_domain(domain) && is_path(path)
            });
        if is_id {
            Ok(Self(text.into()))
        } else {
            Err(SpiffeIdError { shown: text.chars().take(64).collect() })
        }
    }
}

/// As the standard has it: no ports, no user, no upper case.
fn is_domain(domain: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    !domain.is_empty() && domain.bytes().all(allowed)
}

fn is_path(path: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    path.is_empty()
        || path
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed))
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_a_trust_domain_and_a_plain_path() {
        for good in ["spiffe://cluster.local/ns/a/sa/b", "spiffe://td"] {
            assert_eq!(good.parse::<SpiffeId>().unwrap().as_str(), good);
        }
        let id: SpiffeId = "spiffe://cluster.local/ns/a".parse().unwrap();
        assert_eq!(id.trust_domain(), "cluster.local");
        for bad in [
            "",
            "spiffe://",
            "https://cluster.local/a",
            "spiffe://Cluster.local/a",
            "spiffe://a:80/b",
            "spiffe://a//b",
            "spiffe://a/../b",
            "spiffe://a/b/",
            "spiffe://a/b?c",
        ] {
            assert!(bad.parse::<SpiffeId>().is_err(), "{bad}");
        }
    }
}
