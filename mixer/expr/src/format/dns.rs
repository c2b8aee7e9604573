use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::{EvalError, error};

/// What no name may contain: all of ASCII but letters, digits, hyphen, dot and the underscore, which
/// the names of DNS services use.
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

/// Whether `name` is a domain name: labels by IDNA (RFC 5890, UTS #46), 63 bytes each and 253 in all
/// in their ASCII form, a dot at the end allowed.
pub(crate) fn check(name: &str) -> Result<(), EvalError> {
    let plain = name.strip_suffix('.').unwrap_or(name);
    if plain.len() <= 253 && plain.split('.').all(is_plain) {
        return Ok(());
    }
    Uts46::new()
        .to_ascii(name.as_bytes(), DENIED, Hyphens::Check, DnsLength::VerifyAllowRootDot)
        .map(|_| ())
        .map_err(|_| fault(name))
}

/// Whether both names are the same to a resolver: case and the ways to write a character do not
/// matter, nor a final dot that only one of them has.
pub(crate) fn same(left: &str, right: &str) -> Result<bool, EvalError> {
    let (left, right) = (canonical(left)?, canonical(right)?);
    let (mut left, mut right) = (&*left, &*right);
    if left.ends_with('.') != right.ends_with('.') {
        left = left.strip_suffix('.').unwrap_or(left);
        right = right.strip_suffix('.').unwrap_or(right);
    }
    Ok(left.eq_ignore_ascii_case(right))
}

/// The ASCII form of `name` but for upper case. Names of plain letters are not copied.
fn canonical(name: &str) -> Result<Cow<'_, str>, EvalError> {
    if name.split('.').all(|label| label.is_empty() || is_plain(label)) {
        return Ok(name.into());
    }
    Uts46::new()
        .to_ascii(name.as_bytes(), DENIED, Hyphens::Check, DnsLength::Ignore)
        .map_err(|_| fault(name))
}

/// Whether `label` is valid ASCII that IDNA leaves as it is: the case of nearly all names.
fn is_plain(label: &str) -> bool {
    let bytes = label.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    bytes.len() <= 63
        && *first != b'-'
        && *last != b'-'
        && bytes.get(2..4) != Some(b"--")
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn fault(name: &str) -> EvalError {
    EvalError::DnsName(error::excerpt(name))
}
