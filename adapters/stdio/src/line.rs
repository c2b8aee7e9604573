use std::fmt::Write;

use adapter_sdk::{Instance, Value, time};

use crate::parameters::Level;

/// What lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One object a line: `level`, `time`, `instance`, then the variables.
    Json,
    /// Time, level and instance, then the variables as an object, with tabs between.
    Text,
}

/// What is the same in all lines of an instance.
#[derive(Debug)]
pub(crate) struct Layout {
    format: Format,
    /// The instance's name, as JSON in JSON.
    instance: String,
    /// The variables' names as JSON, each with the comma before it and its colon.
    names: Vec<String>,
}

/// Writing to a `String` does not fail.
const INFALLIBLE: &str = "a String takes any text";

impl Layout {
    pub(crate) fn new(format: Format, instance: &Instance) -> Self {
        let json = |text: &str| {
            let mut json = String::new();
            write_text(&mut json, text);
            json
        };
        let name = |name: &str| format!(",{}:", json(name));
        let names = instance.fields.iter().map(|field| name(&field.name)).collect();
        let instance = match format {
            Format::Json => json(&instance.name),
            Format::Text => instance.name.clone(),
        };
        Self { format, instance, names }
    }

    /// Appends a line. `value` is that of a metric.
    pub(crate) fn write<'v>(
        &self,
        out: &mut String,
        level: Level,
        nanos: i64,
        value: Option<Value<'_>>,
        variables: impl Iterator<Item = Value<'v>>,
    ) {
        let (level, instance) = (level.name(), self.instance.as_str());
        // The first of an object has no comma before it.
        let mut comma = match self.format {
            Format::Json => {
                write!(out, "{{\"level\":\"{level}\",\"time\":\"").expect(INFALLIBLE);
                time::write_micros(out, nanos).expect(INFALLIBLE);
                write!(out, "\",\"instance\":{instance}").expect(INFALLIBLE);
                0
            }
            Format::Text => {
                time::write_micros(out, nanos).expect(INFALLIBLE);
                write!(out, "\t{level}\t{instance}\t{{").expect(INFALLIBLE);
                1
            }
        };
        if let Some(value) = value {
            out.push_str(&",\"value\":"[comma..]);
            write_value(out, value);
            comma = 0;
        }
        for (name, value) in self.names.iter().zip(variables) {
            out.push_str(&name[comma..]);
            write_value(out, value);
            comma = 0;
        }
        out.push_str("}\n");
    }
}

/// Times as in `time`, durations as Go prints them, addresses as text, maps as objects.
fn write_value(out: &mut String, value: Value<'_>) {
    match value {
        Value::Text(text) => write_text(out, text),
        Value::Int64(number) => write!(out, "{number}").expect(INFALLIBLE),
        Value::Double(number) if number.is_finite() => {
            write!(out, "{number}").expect(INFALLIBLE);
        }
        Value::Boolean(truth) => write!(out, "{truth}").expect(INFALLIBLE),
        Value::Timestamp(nanos) => {
            out.push('"');
            time::write_micros(out, nanos).expect(INFALLIBLE);
            out.push('"');
        }
        Value::StringMap(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(out, key);
                out.push(':');
                write_text(out, value);
            }
            out.push('}');
        }
        // These need no escaping.
        Value::Double(_) | Value::Duration(_) | Value::IpAddress(_) => {
            write!(out, "\"{value}\"").expect(INFALLIBLE);
        }
    }
}

/// A text as JSON. Stretches without special characters are copied whole.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        let (plain, tail) = rest.split_at(plain_length(rest.as_bytes()));
        out.push_str(plain);
        let Some(special) = tail.bytes().next() else { break };
        rest = &tail[1..];
        match special {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => write!(out, "\\u{control:04x}").expect(INFALLIBLE),
        }
    }
    out.push('"');
}

/// How many bytes need no escaping, from the beginning. Looks at eight at a time: most of a line is
/// plain text, and lines are most of what this adapter does.
fn plain_length(bytes: &[u8]) -> usize {
    let (eights, _) = bytes.as_chunks::<8>();
    let plain = eights.iter().take_while(|eight| !any_special(u64::from_le_bytes(**eight))).count();
    let is_special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    let tail = &bytes[plain * 8..];
    plain * 8 + tail.iter().position(is_special).unwrap_or(tail.len())
}

/// Whether one of eight bytes needs escaping.
const fn any_special(eight: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    const fn any_below(eight: u64, limit: u8) -> u64 {
        eight.wrapping_sub(ONES * limit as u64) & !eight
    }
    let control = any_below(eight, b' ');
    let quote = any_below(eight ^ (ONES * b'"' as u64), 1);
    let backslash = any_below(eight ^ (ONES * b'\\' as u64), 1);
    (control | quote | backslash) & HIGH != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_found_wherever_they_stand() {
        for special in ["\"", "\\", "\n", "\u{0}", "\u{1f}"] {
            for before in 0..20 {
                for filler in ["x", "é", " ", "\u{7f}"] {
                    let text = format!("{}{special}{}", filler.repeat(before), filler.repeat(9));
                    let expected = filler.len() * before;
                    assert_eq!(plain_length(text.as_bytes()), expected, "{text:?}");
                    let mut json = String::new();
                    write_text(&mut json, &text);
                    assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
                }
            }
        }
        assert_eq!(plain_length("nothing special, äöü".as_bytes()), 23);
    }
}
