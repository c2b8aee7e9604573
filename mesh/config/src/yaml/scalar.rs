use std::borrow::Cow;

use serde_json::{Number, Value};

/// A scalar of YAML: its text, and whether it was written bare, so that it may mean more than text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Neither quoted, nor a block, nor tagged as text.
    pub(crate) plain: bool,
}

impl Scalar {
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// The boolean that YAML 1.1 sees: users of Istio write `yes` and `on`.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        if !self.plain {
            return None;
        }
        let word = self.text.as_str();
        let lower = word.to_ascii_lowercase();
        let title = |word: &str| word.chars().skip(1).all(|c| c.is_ascii_lowercase());
        if !(word == lower || word == lower.to_ascii_uppercase() || title(word)) {
            return None;
        }
        match lower.as_str() {
            "y" | "yes" | "true" | "on" => Some(true),
            "n" | "no" | "false" | "off" => Some(false),
            _ => None,
        }
    }

    /// Whether it is written bare and readers of YAML take it for a number or a truth value.
    pub(crate) fn is_literal(&self) -> bool {
        matches!(self.to_json(), Value::Bool(_) | Value::Number(_)) || self.ambiguity().is_some()
    }

    /// What is wrong with a number that readers of YAML disagree on: with a leading zero it is octal
    /// for YAML 1.1 and Istio, decimal or text for others. A time such as `12:30` is none: Istio too
    /// reads text there.
    pub(crate) fn ambiguity(&self) -> Option<String> {
        if !self.plain {
            return None;
        }
        let unsigned = self.text.strip_prefix(['-', '+']).unwrap_or(&self.text);
        let digits = unsigned.strip_prefix('0')?;
        let digits = digits.strip_prefix('o').unwrap_or(digits);
        let number = digits.bytes().any(|b| b.is_ascii_digit())
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_');
        number.then(|| {
            format!(
                "the number `{}` is octal for some readers of YAML and not for others: write it \
                 without the leading `0`, or quote it if text is meant",
                super::shorten(&self.text)
            )
        })
    }

    /// The value in JSON where nothing is known about what is wanted: `yes` stays text here, and so
    /// does a number of doubtful [meaning](Self::ambiguity).
    pub(crate) fn to_json(&self) -> Value {
        if !self.plain {
            return Value::String(self.text.clone());
        }
        if self.is_null() {
            return Value::Null;
        }
        match self.text.as_str() {
            "true" | "True" | "TRUE" => Value::Bool(true),
            "false" | "False" | "FALSE" => Value::Bool(false),
            text => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
        }
    }

    /// The whole number written here, if it is one and fits.
    pub(crate) fn as_int(&self) -> Option<i64> {
        if self.plain { number(&self.text)?.as_i64() } else { self.text.parse().ok() }
    }
}

/// The number that `text` is for YAML 1.1 and 1.2, and what 1.1 adds: `1_000` and `0b101`.
fn number(text: &str) -> Option<Number> {
    let joined = without_separators(text)?;
    let text = joined.as_ref();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    for (prefix, radix) in [("0x", 16), ("0b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let digits_only = digits.bytes().all(|b| b.is_ascii_hexdigit());
            let number = u64::from_str_radix(digits, radix).ok();
            return number.filter(|_| digits_only).map(Number::from);
        }
    }
    let leading_zero = unsigned.len() > 1
        && unsigned.starts_with('0')
        && unsigned.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    if leading_zero || !unsigned.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        if let Ok(int) = text.parse::<i64>() {
            return Some(int.into());
        }
        return text.strip_prefix('+').unwrap_or(text).parse::<u64>().ok().map(Number::from);
    }
    let decimal = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+');
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !unsigned.bytes().all(decimal)
    {
        return None;
    }
    Number::from_f64(text.parse().ok()?)
}

/// `text` without the `_` between its digits; none if a `_` is anywhere else.
fn without_separators(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('_') {
        return Some(Cow::Borrowed(text));
    }
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit());
    let between =
        |part: &str, next: &str| digit(part.chars().next_back()) && digit(next.chars().next());
    let parts: Vec<&str> = text.split('_').collect();
    let separates =
        parts.windows(2).all(|pair| matches!(pair, [part, next] if between(part, next)));
    separates.then(|| Cow::Owned(parts.concat()))
}
