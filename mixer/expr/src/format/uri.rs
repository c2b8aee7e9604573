use std::net::Ipv6Addr;

use super::dns;
use crate::{EvalError, error};

/// A URI reference, taken apart.
struct Uri<'a> {
    /// "" when there is none.
    scheme: &'a str,
    authority: Option<Authority<'a>>,
    /// Path, query and fragment; all but the scheme when there is no authority.
    rest: &'a str,
}

struct Authority<'a> {
    /// With its `@`.
    user: &'a str,
    /// An IPv6 address has its brackets.
    host: &'a str,
    /// "" when there is none.
    port: &'a str,
}

/// Whether `text` can be read as a URI reference (RFC 3986) and is not empty. As lenient as browsers
/// are: a space or a character that is not ASCII may stand in path, query and fragment.
pub(crate) fn check(text: &str) -> Result<(), EvalError> {
    if text.is_empty() {
        return Err(EvalError::EmptyUri);
    }
    parse(text).map(|_| ()).map_err(|reason| fault(text, reason))
}

/// Whether both name the same: schemes without regard to case; of `http` and `https` the hosts by
/// the rule of DNS and the ports, none being the same as an empty one; all else exactly.
pub(crate) fn same(left: &str, right: &str) -> Result<bool, EvalError> {
    let a = parse(left).map_err(|reason| fault(left, reason))?;
    let b = parse(right).map_err(|reason| fault(right, reason))?;
    if !a.scheme.eq_ignore_ascii_case(b.scheme) {
        return Ok(false);
    }
    let web = ["http", "https"].iter().any(|scheme| a.scheme.eq_ignore_ascii_case(scheme));
    match (&a.authority, &b.authority) {
        (Some(x), Some(y)) if web => Ok(a.rest == b.rest
            && x.user == y.user
            && x.port == y.port
            && same_host(x.host, y.host)?),
        _ => Ok(left[a.scheme.len()..] == right[b.scheme.len()..]),
    }
}

fn same_host(left: &str, right: &str) -> Result<bool, EvalError> {
    if left.eq_ignore_ascii_case(right) {
        return Ok(true);
    }
    match (ipv6(left), ipv6(right)) {
        (None, None) => dns::same(left, right),
        (left, right) => Ok(left == right),
    }
}

fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn fault(text: &str, reason: &'static str) -> EvalError {
    EvalError::Uri(Box::new((error::excerpt(text), reason)))
}

fn parse(text: &str) -> Result<Uri<'_>, &'static str> {
    if text.bytes().any(|b| b.is_ascii_control()) {
        return Err("control character");
    }
    let (scheme, after) = split_scheme(text)?;
    let (before_fragment, fragment) = after.split_once('#').unwrap_or((after, ""));
    check_escapes(fragment)?;
    let hierarchy = before_fragment.split_once('?').map_or(before_fragment, |(path, _)| path);
    // Three slashes without a scheme are a path.
    let named =
        hierarchy.strip_prefix("//").filter(|rest| !scheme.is_empty() || !rest.starts_with('/'));
    if let Some(named) = named {
        let end = named.find('/').unwrap_or(named.len());
        check_escapes(&named[end..])?;
        let authority = Some(authority(&named[..end])?);
        return Ok(Uri { scheme, authority, rest: &after[2 + end..] });
    }
    let rooted = hierarchy.starts_with('/');
    if scheme.is_empty() && !rooted && hierarchy.split('/').next().is_some_and(|s| s.contains(':'))
    {
        return Err("first path segment contains a colon");
    }
    if scheme.is_empty() || rooted {
        check_escapes(hierarchy)?;
    }
    Ok(Uri { scheme, authority: None, rest: after })
}

/// The scheme without its colon, or "", and what follows.
fn split_scheme(text: &str) -> Result<(&str, &str), &'static str> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'))
        .unwrap_or(text.len());
    match text[end..].strip_prefix(':') {
        Some(_) if end == 0 => Err("scheme is missing before ':'"),
        Some(rest) if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Ok((&text[..end], rest))
        }
        _ => Ok(("", text)),
    }
}

fn authority(text: &str) -> Result<Authority<'_>, &'static str> {
    let (user, place) = text.split_at(text.rfind('@').map_or(0, |at| at + 1));
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b);
    if !user.bytes().all(valid) {
        return Err("character that is not allowed in the user");
    }
    check_escapes(user)?;
    let host_end = if place.starts_with('[') {
        place.rfind(']').ok_or("']' is missing in the host")? + 1
    } else {
        place.rfind(':').unwrap_or(place.len())
    };
    let (host, port) = place.split_at(host_end);
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits,
        None if port.is_empty() => port,
        _ => return Err("port is not a number"),
    };
    check_host(host)?;
    Ok(Authority { user, host, port })
}

/// Only what is not ASCII may be escaped in a host, and the `%` before the zone of an IPv6 address.
fn check_host(host: &str) -> Result<(), &'static str> {
    let host = match host.split_once("%25") {
        Some((address, zone)) if host.starts_with('[') => {
            check_escapes(zone)?;
            address
        }
        _ => host,
    };
    check_escapes(host)?;
    for (at, b) in host.bytes().enumerate() {
        let allowed = match b {
            b'%' => {
                matches!(host.as_bytes().get(at + 1), Some(b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F'))
            }
            _ => {
                !b.is_ascii() || b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]<>\"".contains(&b)
            }
        };
        if !allowed {
            return Err("character that is not allowed in the host");
        }
    }
    Ok(())
}

fn check_escapes(text: &str) -> Result<(), &'static str> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let valid = |at: usize| bytes[at] != b'%' || digit(at + 1) && digit(at + 2);
    if (0..bytes.len()).all(valid) { Ok(()) } else { Err("'%' without two hexadecimal digits") }
}
