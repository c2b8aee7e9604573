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
        matches!(self.to_json(), Value::Bool(_) | Value::Number(_))
    }

    /// The value in JSON where nothing is known about what is wanted: `yes` stays text here, and so
    /// does `010`, which is eight for some readers of YAML and ten for others.
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

fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        let digits_only = digits.bytes().all(|b| b.is_ascii_hexdigit());
        return u64::from_str_radix(digits, 16).ok().filter(|_| digits_only).map(Number::from);
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
