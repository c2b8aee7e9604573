use std::borrow::Cow;

use super::dns;
use crate::{EvalError, error};

/// An address of RFC 5322, taken apart.
struct Address<'a> {
    /// Without quotes and backslashes.
    local: Cow<'a, str>,
    domain: &'a str,
    /// Whether a display name stood before it, as in `Joe <joe@example.com>`.
    named: bool,
}

/// Whether `text` is an address without display name, at a domain that is one.
pub(crate) fn check(text: &str) -> Result<(), EvalError> {
    match parse(text) {
        Some(address) if !address.named && dns::check(address.domain).is_ok() => Ok(()),
        _ => Err(fault(text)),
    }
}

/// Whether both lead to the same mailbox: the domain by the rule of DNS, the local part exactly.
pub(crate) fn same(left: &str, right: &str) -> Result<bool, EvalError> {
    let a = parse(left).ok_or_else(|| fault(left))?;
    let b = parse(right).ok_or_else(|| fault(right))?;
    Ok(dns::same(a.domain, b.domain)? && a.local == b.local)
}

fn fault(text: &str) -> EvalError {
    EvalError::Email(error::excerpt(text))
}

fn parse(text: &str) -> Option<Address<'_>> {
    let text = text.trim_matches(SPACE);
    let Some(bracketed) = text.strip_suffix('>') else { return spec(text, false) };
    let mut rest = bracketed;
    // A display name is words and quoted strings.
    loop {
        rest = rest.trim_start_matches(SPACE);
        if let Some(address) = rest.strip_prefix('<') {
            return spec(address, rest.len() < bracketed.len());
        }
        rest = match quoted(rest) {
            Some((_, rest)) => rest,
            None => {
                let end = rest.find(|c| !is_word(c) && c != '.').filter(|end| *end > 0)?;
                &rest[end..]
            }
        };
    }
}

/// `local@domain` and nothing else.
fn spec(text: &str, named: bool) -> Option<Address<'_>> {
    let (local, rest) = match quoted(text) {
        Some((local, _)) if local.is_empty() => return None,
        Some(quoted) => quoted,
        None => {
            let end = text.find(|c| !is_word(c) && c != '.')?;
            let (local, rest) = text.split_at(end);
            (Cow::Borrowed(dotted(local)?), rest)
        }
    };
    let domain = dotted(rest.strip_prefix('@')?)?;
    Some(Address { local, domain, named })
}

/// `text` if it is words with single dots between them.
fn dotted(text: &str) -> Option<&str> {
    text.split('.').all(|word| !word.is_empty() && word.chars().all(is_word)).then_some(text)
}

/// The quoted string at the start of `text`, without its quotes, and what follows.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let body = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => {
                let inside = &body[..at];
                let inside = match inside.contains('\\') {
                    true => Cow::Owned(unescape(inside)),
                    false => Cow::Borrowed(inside),
                };
                return Some((inside, &body[at + 1..]));
            }
            c if c.is_ascii_control() && c != '\t' => return None,
            _ => escaped = false,
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

const SPACE: [char; 2] = [' ', '\t'];

/// The characters of an atom, which since RFC 6532 need not be ASCII.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}
