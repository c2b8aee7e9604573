use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

/// Names closer than this are offered when one is unknown (Jaro-Winkler, 1 is equal).
const NEAR: f64 = 0.7;

/// One mistake of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `fail_policy.check`; empty for the whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// All mistakes of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// The fields of one object that have not been asked for yet.
pub(super) struct Fields<'v, 'p> {
    prefix: &'static str,
    object: &'v Map<String, Value>,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.field, self.reason)
        }
    }
}

impl Problem {
    pub(super) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl<'v, 'p> Fields<'v, 'p> {
    pub(super) fn new(
        prefix: &'static str,
        object: &'v Map<String, Value>,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        Self { prefix, object, known: Vec::new(), problems }
    }

    /// The field, read by `read`; `None` when it is not set, or wrong, which is noted.
    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'v Value) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        match read(self.object.get(name).filter(|value| !value.is_null())?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.problems.push(Problem::new(format!("{}{name}", self.prefix), reason));
                None
            }
        }
    }

    /// Whether the field is an object.
    pub(super) fn is_object(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(Value::is_object)
    }

    /// The field as an object with fields of its own.
    pub(super) fn object(
        &mut self,
        name: &'static str,
        prefix: &'static str,
        read: impl FnOnce(&mut Fields<'v, '_>),
    ) {
        let object = self.read(name, |value| {
            value.as_object().ok_or_else(|| format!("must be an object, not {}", shown(value)))
        });
        if let Some(object) = object {
            let mut fields = Fields::new(prefix, object, self.problems);
            read(&mut fields);
            fields.finish();
        }
    }

    /// Notes that the object as a whole is wrong.
    pub(super) fn refuse(&mut self, reason: &str) {
        let at = self.prefix.trim_end_matches('.');
        self.problems.push(Problem::new(at, reason));
    }

    /// Notes the fields that nobody has asked for.
    pub(super) fn finish(self) {
        for name in self.object.keys().filter(|name| !self.known.contains(&name.as_str())) {
            let near = self
                .known
                .iter()
                .map(|known| (strsim::jaro_winkler(name, known), known))
                .filter(|(likeness, _)| *likeness >= NEAR)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let reason = match near {
                Some((_, known)) => format!("no such field; did you mean {known}?"),
                None => format!("no such field; there are {}", self.known.join(", ")),
            };
            self.problems.push(Problem::new(format!("{}{name}", self.prefix), reason));
        }
    }
}

/// A truth value.
pub(super) fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("must be true or false, not {}", shown(value)))
}

/// A text that is not empty.
pub(super) fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| format!("must be a text that is not empty, not {}", shown(value)))
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let choice = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
    choice.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("must be one of {}, not {}", words.join(", "), shown(value))
    })
}

/// A whole number within bounds. Envoy writes all numbers as doubles.
pub(super) fn whole(value: &Value, least: usize, most: usize) -> Result<usize, String> {
    let number = value.as_u64().or_else(|| {
        let double = value.as_f64()?;
        // Above this bound not every whole number is a double.
        (double.fract() == 0.0 && (0.0..9e15).contains(&double)).then_some(double as u64)
    });
    number
        .and_then(|number| usize::try_from(number).ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            format!("must be a whole number from {least} to {most}, not {}", shown(value))
        })
}

/// A length of time such as `500ms` or `1.5s`, within bounds.
pub(super) fn duration(value: &Value, least: Duration, most: Duration) -> Result<Duration, String> {
    value
        .as_str()
        .and_then(parse_duration)
        .filter(|duration| (least..=most).contains(duration))
        .ok_or_else(|| {
            format!(
                "must be a time from {least:?} to {most:?} such as \"500ms\" or \"5s\", not {}",
                shown(value)
            )
        })
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let mut shown = value.to_string();
    if let Some((cut, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(cut);
        shown.push('…');
    }
    shown
}
