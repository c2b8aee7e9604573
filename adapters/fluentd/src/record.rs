//! Entries as the forward protocol carries them: `[time, record]` in MessagePack.

use std::fmt::Write as _;

use adapter_sdk::{Entry, Instance, Value};
use rmp::encode;

/// How entries of an instance are written.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The instance's name: the tag, unless a variable is.
    instance: String,
    /// The variables' names, in the order of the fields.
    names: Vec<String>,
    /// The place of the variable `tag`.
    tag: Option<usize>,
}

/// The type of MessagePack extension that is a time with nanoseconds.
const EVENT_TIME: i8 = 0;

/// Writing to memory does not fail.
const IN_MEMORY: &str = "memory takes what is written";

impl Layout {
    pub(crate) fn new(instance: &Instance) -> Self {
        let names: Vec<String> = instance.fields.iter().map(|f| f.name.clone()).collect();
        let tag = names.iter().position(|name| name == "tag");
        Self { instance: instance.name.clone(), names, tag }
    }

    /// The tag of an entry.
    pub(crate) fn tag(&self, entry: &Entry<'_>) -> String {
        let tag = self.tag.and_then(|place| entry.variables().nth(place));
        let tag = tag.map(|value| value.to_string()).filter(|tag| !tag.is_empty());
        tag.unwrap_or_else(|| self.instance.clone())
    }

    /// Appends an entry.
    pub(crate) fn write(&self, out: &mut Vec<u8>, entry: &Entry<'_>, integer_duration: bool) {
        encode::write_array_len(out, 2).expect(IN_MEMORY);
        write_time(out, entry.timestamp());
        // The variables, the severity, and the name in place of the tag.
        let named = usize::from(self.tag.is_some());
        let variables = self.names.len() - named;
        let fields = u32::try_from(variables + named + 1).unwrap_or(u32::MAX);
        encode::write_map_len(out, fields).expect(IN_MEMORY);
        write_text(out, "severity");
        write_text(out, entry.severity());
        if self.tag.is_some() {
            write_text(out, "name");
            write_text(out, &self.instance);
        }
        for (place, (name, value)) in self.names.iter().zip(entry.variables()).enumerate() {
            if Some(place) != self.tag {
                write_text(out, name);
                write_value(out, value, integer_duration);
            }
        }
    }
}

fn write_time(out: &mut Vec<u8>, nanos: i64) {
    const SECOND: i64 = 1_000_000_000;
    // Moments that four bytes do not hold are the nearest that they do.
    let seconds = nanos.div_euclid(SECOND).clamp(0, i64::from(u32::MAX));
    let nanos = u32::try_from(nanos.rem_euclid(SECOND)).unwrap_or_default();
    encode::write_ext_meta(out, 8, EVENT_TIME).expect(IN_MEMORY);
    out.extend(u32::try_from(seconds).unwrap_or_default().to_be_bytes());
    out.extend(nanos.to_be_bytes());
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    encode::write_str(out, text).expect(IN_MEMORY);
}

fn write_value(out: &mut Vec<u8>, value: Value<'_>, integer_duration: bool) {
    match value {
        Value::Text(text) => write_text(out, text),
        Value::Int64(number) => {
            encode::write_sint(out, number).expect(IN_MEMORY);
        }
        Value::Double(number) => encode::write_f64(out, number).expect(IN_MEMORY),
        Value::Boolean(truth) => encode::write_bool(out, truth).expect(IN_MEMORY),
        Value::Duration(nanos) if integer_duration => {
            encode::write_sint(out, nanos / 1_000_000).expect(IN_MEMORY);
        }
        Value::StringMap(map) => {
            let entries = u32::try_from(map.iter().count()).unwrap_or(u32::MAX);
            encode::write_map_len(out, entries).expect(IN_MEMORY);
            for (key, value) in map.iter() {
                write_text(out, key);
                write_text(out, value);
            }
        }
        Value::Duration(_) | Value::Timestamp(_) | Value::IpAddress(_) => {
            let mut text = String::new();
            write!(text, "{value}").expect(IN_MEMORY);
            write_text(out, &text);
        }
    }
}
