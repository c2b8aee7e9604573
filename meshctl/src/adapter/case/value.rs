use std::net::IpAddr;

use mesh_attributes::{OwnedValue, Timestamp, ValueType};
use serde_json::Value;

use crate::attributes::duration;

/// Reads a value of a declared type.
///
/// # Errors
/// What was expected in its place.
pub(super) fn read(written: &Value, declared: ValueType) -> Result<OwnedValue, String> {
    let text = written.as_str();
    let read = match declared {
        ValueType::String | ValueType::EmailAddress | ValueType::Uri | ValueType::DnsName => {
            text.map(OwnedValue::from)
        }
        ValueType::Int64 => written.as_i64().map(OwnedValue::from),
        ValueType::Double => written.as_f64().map(OwnedValue::from),
        ValueType::Bool => written.as_bool().or_else(|| text?.parse().ok()).map(OwnedValue::from),
        ValueType::Timestamp => text.and_then(Timestamp::from_rfc3339).map(OwnedValue::from),
        ValueType::Duration => text.and_then(duration).map(OwnedValue::from),
        ValueType::IpAddress => text.and_then(|text| text.parse().ok()).map(|ip| match ip {
            IpAddr::V4(v4) => OwnedValue::Bytes(v4.octets().into()),
            IpAddr::V6(v6) => OwnedValue::Bytes(v6.octets().into()),
        }),
        ValueType::StringMap => written.as_object().and_then(|map| {
            let entry =
                |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.into()));
            map.iter().map(entry).collect::<Option<_>>().map(OwnedValue::StringMap)
        }),
    };
    read.ok_or_else(|| format!("expected {}, found {written}", expected(declared)))
}

fn expected(declared: ValueType) -> &'static str {
    match declared {
        ValueType::String | ValueType::EmailAddress | ValueType::Uri | ValueType::DnsName => {
            "text (numbers and truth values in quotes)"
        }
        ValueType::Int64 => "an integer",
        ValueType::Double => "a number",
        ValueType::Bool => "true or false",
        ValueType::Timestamp => "a time such as 2026-01-31T12:00:00Z",
        ValueType::Duration => "a duration such as 1.5s",
        ValueType::IpAddress => "an address such as 10.0.0.1",
        ValueType::StringMap => "a map from texts to texts",
    }
}

/// As it is written in a case file.
pub(super) fn show(value: &OwnedValue) -> Value {
    match value {
        OwnedValue::String(text) => text.as_str().into(),
        OwnedValue::Int64(number) => (*number).into(),
        OwnedValue::Double(number) => (*number).into(),
        OwnedValue::Bool(truth) => (*truth).into(),
        OwnedValue::Timestamp(time) => time.to_rfc3339().unwrap_or_default().into(),
        OwnedValue::Duration(span) => show_nanos(i128::from(span.as_nanos())).into(),
        OwnedValue::Bytes(bytes) => address(bytes).into(),
        OwnedValue::StringMap(map) => {
            map.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
        }
    }
}

/// Nanoseconds as `1.5s`.
pub(super) fn show_nanos(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let (seconds, rest) =
        (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    if rest == 0 {
        return format!("{sign}{seconds}s");
    }
    let fraction = format!("{rest:09}");
    format!("{sign}{seconds}.{}s", fraction.trim_end_matches('0'))
}

fn address(bytes: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return IpAddr::from(v4).to_string();
    }
    if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        return IpAddr::from(v6).to_string();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_as_they_are_read() {
        for (written, declared) in [
            (json!("a"), ValueType::String),
            (json!(-3), ValueType::Int64),
            (json!(0.5), ValueType::Double),
            (json!(true), ValueType::Bool),
            (json!("1.5s"), ValueType::Duration),
            (json!("10.0.0.1"), ValueType::IpAddress),
            (json!("2001:db8::1"), ValueType::IpAddress),
            (json!({ "a": "b" }), ValueType::StringMap),
            (json!("2026-01-31T12:00:00Z"), ValueType::Timestamp),
        ] {
            assert_eq!(show(&read(&written, declared).unwrap()), written);
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_what_was_expected() {
        let refused = read(&json!(200), ValueType::String).unwrap_err();
        assert_eq!(refused, "expected text (numbers and truth values in quotes), found 200");
        assert!(read(&json!("1"), ValueType::Duration).is_err());
        assert!(read(&json!("10.0.0"), ValueType::IpAddress).is_err());
        assert!(read(&json!({ "a": 1 }), ValueType::StringMap).is_err());
    }
}
