use std::fmt;
use std::str::FromStr;

/// Which policy of a namespace an answer came from.
///
/// Equal digests are the same generation, whatever the revisions: replicas that read one configuration
/// at different times agree. Else the higher revision is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// Orders generations; taken from the configuration's source.
    pub revision: u64,
    /// Names everything that can change a check's answer in the namespace.
    pub digest: [u8; 16],
}

impl Generation {
    /// Whether this is another generation than `other`, and newer.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.digest != other.digest && self.revision > other.revision
    }
}

/// As on the wire: `<revision>-<digest in hex>`.
impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.revision)?;
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is not `<revision>-<32 hex digits>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("generation `{0}` is not of the form <revision>-<32 hex digits>")]
pub struct ParseGenerationError(String);

impl FromStr for Generation {
    type Err = ParseGenerationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (revision, hex) = text.split_once('-')?;
            if hex.len() != 32 || !hex.is_ascii() {
                return None;
            }
            let mut digest = [0; 16];
            for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks(2)) {
                *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
            }
            Some(Self { revision: revision.parse().ok()?, digest })
        };
        parse().ok_or_else(|| ParseGenerationError(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        let generation = Generation { revision: 17, digest: std::array::from_fn(|i| i as u8 * 16) };
        let text = generation.to_string();
        assert_eq!(text, "17-00102030405060708090a0b0c0d0e0f0");
        assert_eq!(text.parse(), Ok(generation));
        for bad in [
            "",
            "17",
            "17-",
            "-00",
            "x-00102030405060708090a0b0c0d0e0f0",
            "1-é0102030405060708090a0b0c0d0e0f",
        ] {
            assert!(bad.parse::<Generation>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_same_digest_is_never_newer() {
        let old = Generation { revision: 1, digest: [1; 16] };
        assert!(!Generation { revision: 2, ..old }.is_newer_than(&old));
        assert!(Generation { revision: 2, digest: [2; 16] }.is_newer_than(&old));
        assert!(!Generation { revision: 1, digest: [2; 16] }.is_newer_than(&old));
    }
}
