use std::fmt;

use mesh_config::Origin;
use serde_json::Value;

/// What did not come as expected, with its place in the case file.
#[derive(Debug)]
pub(crate) struct Mismatch {
    pub(super) origin: Origin,
    pub(super) what: String,
    pub(super) differences: Vec<Difference>,
}

/// A difference between what was expected and what came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) actual: String,
}

/// At the end of an expected text: the rest may be anything.
const OPEN_END: &str = "...";
/// What stands for nothing in a list of differences.
const NOTHING: &str = "";

impl Difference {
    pub(super) fn new(what: &str, expected: &str, actual: &str) -> Self {
        Self { what: what.to_owned(), expected: expected.to_owned(), actual: actual.to_owned() }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "    {}: {}", self.origin, self.what)?;
        for Difference { what, expected, actual } in &self.differences {
            if !what.is_empty() {
                write!(f, "\n      {what}")?;
            }
            for (sign, text) in [('-', expected), ('+', actual)] {
                if text != NOTHING {
                    for line in text.lines() {
                        write!(f, "\n        {sign} {line}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a value is as expected. A text that ends in `...` stands for all that begin with it; of a map
/// only what is named is looked at, but an empty one is an empty one.
pub(super) fn agrees(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::String(expected), Value::String(actual)) => text_agrees(expected, actual),
        (Value::Object(expected), Value::Object(actual)) if !expected.is_empty() => expected
            .iter()
            .all(|(name, value)| actual.get(name).is_some_and(|actual| agrees(value, actual))),
        (expected, actual) => expected == actual,
    }
}

fn text_agrees(expected: &str, actual: &str) -> bool {
    match expected.strip_suffix(OPEN_END) {
        Some(beginning) => actual.starts_with(beginning),
        None => expected == actual,
    }
}

/// The differences of two lists of lines, the second one in order if `in_order`.
pub(super) fn list_differences(
    expected: &[String],
    actual: &[String],
    in_order: bool,
) -> Vec<Difference> {
    if in_order {
        let longest = expected.len().max(actual.len());
        let pair = |at: usize| (expected.get(at), actual.get(at));
        return (0..longest)
            .map(pair)
            .filter(|pair| !matches!(pair, (Some(e), Some(a)) if text_agrees(e, a)))
            .map(|(e, a)| Difference::new("", or_nothing(e), or_nothing(a)))
            .collect();
    }
    let mut left: Vec<&String> = actual.iter().collect();
    let mut missing = Vec::new();
    for line in expected {
        match left.iter().position(|actual| text_agrees(line, actual)) {
            Some(at) => {
                left.remove(at);
            }
            None => missing.push(Difference::new("", line, NOTHING)),
        }
    }
    missing.extend(left.into_iter().map(|line| Difference::new("", NOTHING, line)));
    missing
}

fn or_nothing(line: Option<&String>) -> &str {
    line.map_or(NOTHING, String::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn an_open_end_and_unnamed_fields_may_be_anything() {
        assert!(agrees(&json!("surprise: is..."), &json!("surprise: is unknown")));
        assert!(!agrees(&json!("surprise: is"), &json!("surprise: is unknown")));
        assert!(agrees(&json!({ "a": 1 }), &json!({ "a": 1, "b": 2 })));
        assert!(!agrees(&json!({}), &json!({ "a": 1 })));
    }

    #[test]
    fn lists_differ_by_what_is_missing_and_what_is_too_much() {
        let found = list_differences(&lines(&["a", "b..."]), &lines(&["bc", "d"]), false);
        assert_eq!(found, [Difference::new("", "a", ""), Difference::new("", "", "d")]);
        assert_eq!(list_differences(&lines(&["a", "b"]), &lines(&["b", "a"]), false), []);
        let found = list_differences(&lines(&["a", "b"]), &lines(&["a", "c", "d"]), true);
        assert_eq!(found, [Difference::new("", "b", "c"), Difference::new("", "", "d")]);
    }
}
