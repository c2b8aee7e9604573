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
    /// The variables' names as JSON, each with its colon.
    names: Vec<String>,
}

/// Writing to a `String` does not fail.
const INFALLIBLE: &str = "a String takes any text";

impl Layout {
    pub(crate) fn new(format: Format, instance: &Instance) -> Self {
        let name = |name: &str| {
            let mut json = String::new();
            write_text(&mut json, name);
            json
        };
        let names = instance.fields.iter().map(|field| name(&field.name) + ":").collect();
        let instance = match format {
            Format::Json => name(&instance.name),
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
        let mut separator = match self.format {
            Format::Json => {
                write!(out, "{{\"level\":\"{level}\",\"time\":\"").expect(INFALLIBLE);
                time::write_micros(out, nanos).expect(INFALLIBLE);
                write!(out, "\",\"instance\":{instance}").expect(INFALLIBLE);
                ","
            }
            Format::Text => {
                time::write_micros(out, nanos).expect(INFALLIBLE);
                write!(out, "\t{level}\t{instance}\t{{").expect(INFALLIBLE);
                ""
            }
        };
        if let Some(value) = value {
            out.push_str(separator);
            out.push_str("\"value\":");
            write_value(out, value);
            separator = ",";
        }
        for (name, value) in self.names.iter().zip(variables) {
            out.push_str(separator);
            out.push_str(name);
            write_value(out, value);
            separator = ",";
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
    let mut copied = 0;
    for (index, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[copied..index]);
        copied = index + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => write!(out, "\\u{control:04x}").expect(INFALLIBLE),
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}
