//! Attributes as JSON, for command lines and debug output:
//! `{"source.ip":{"t":"IP_ADDRESS","v":"10.0.0.1"},"request.headers":{"t":"STRING_MAP","v":{"a":"b"}}}`.
//!
//! `t` is a [`ValueType`]'s name. `IP_ADDRESS` is text, `TIMESTAMP` RFC 3339, `DURATION` a number of
//! nanoseconds, `STRING_MAP` an object. The bag knows types of the wire only, so what was written as
//! `URI`, `DNS_NAME` or `EMAIL_ADDRESS` reads back as `STRING`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value as Json, json};
use thiserror::Error;

use crate::{AttributeBag, EachAttribute, OwnedValue, Span, Timestamp, Value, ValueType};

/// Why JSON is not a bag, or a bag not JSON.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// The document is no object.
    #[error(
        "attributes are an object of the form {{\"a.b\":{{\"t\":\"STRING\",\"v\":\"x\"}}}}, this is {found}"
    )]
    NotAnObject {
        /// The beginning of what was found.
        found: String,
    },
    /// An attribute is not `{"t": …, "v": …}`.
    #[error(
        "attribute {name}: {found} is no object with exactly the members \"t\" (a text) and \"v\""
    )]
    Member {
        /// The attribute's name.
        name: String,
        /// The beginning of what was found.
        found: String,
    },
    /// `t` names no type.
    #[error(
        "attribute {name}: there is no type {found}; one of STRING, INT64, DOUBLE, BOOL, TIMESTAMP, IP_ADDRESS, EMAIL_ADDRESS, URI, DNS_NAME, DURATION, STRING_MAP is meant"
    )]
    UnknownType {
        /// The attribute's name.
        name: String,
        /// The type's name that was found.
        found: String,
    },
    /// `v` is no value of the type.
    #[error("attribute {name}: {found} is no {expected}")]
    Value {
        /// The attribute's name.
        name: String,
        /// The beginning of what was found.
        found: String,
        /// What a value of the type looks like.
        expected: &'static str,
    },
    /// The bag's value has no form in JSON.
    #[error(
        "attribute {name}: its {what} cannot be written as JSON; did it come from a broken sender?"
    )]
    NotJson {
        /// The attribute's name.
        name: String,
        /// What the value is.
        what: &'static str,
    },
}

/// The bag that `json` describes.
///
/// # Errors
/// For the first attribute that is not of the form above.
pub fn bag_from_json(json: &Json) -> Result<AttributeBag, JsonError> {
    let attributes =
        json.as_object().ok_or_else(|| JsonError::NotAnObject { found: excerpt(json) })?;
    let mut bag = AttributeBag::new();
    for (name, attribute) in attributes {
        let (kind, value) = members(attribute)
            .ok_or_else(|| JsonError::Member { name: name.clone(), found: excerpt(attribute) })?;
        let kind = ValueType::from_name(kind)
            .ok_or_else(|| JsonError::UnknownType { name: name.clone(), found: kind.to_owned() })?;
        let value = value_from_json(kind, value).ok_or_else(|| JsonError::Value {
            name: name.clone(),
            found: excerpt(value),
            expected: expected(kind),
        })?;
        bag.set(name, value);
    }
    Ok(bag)
}

/// The JSON that describes `bag`.
///
/// # Errors
/// For a time outside the years 1 to 9999, a duration over 292 years, and bytes that are no address.
pub fn bag_to_json(bag: &dyn EachAttribute) -> Result<Json, JsonError> {
    let mut attributes = Map::new();
    let mut failed = None;
    bag.each(&mut |name, value| match value_to_json(value) {
        Ok((kind, value)) => {
            attributes.insert(name.to_string(), json!({ "t": kind.name(), "v": value }));
        }
        Err(what) => failed = Some(JsonError::NotJson { name: name.to_string(), what }),
    });
    failed.map_or(Ok(Json::Object(attributes)), Err)
}

fn members(attribute: &Json) -> Option<(&str, &Json)> {
    let members = attribute.as_object().filter(|members| members.len() == 2)?;
    Some((members.get("t")?.as_str()?, members.get("v")?))
}

fn value_from_json(kind: ValueType, value: &Json) -> Option<OwnedValue> {
    use ValueType as T;
    Some(match kind {
        T::String | T::EmailAddress | T::Uri | T::DnsName => value.as_str()?.into(),
        T::Int64 => value.as_i64()?.into(),
        T::Double => double_from_json(value)?.into(),
        T::Bool => value.as_bool()?.into(),
        T::Timestamp => Timestamp::from_rfc3339(value.as_str()?)?.into(),
        T::Duration => Span::from_nanos(value.as_i64()?).into(),
        T::IpAddress => match value.as_str()?.parse().ok()? {
            IpAddr::V4(address) => address.octets()[..].into(),
            IpAddr::V6(address) => address.octets()[..].into(),
        },
        T::StringMap => {
            let entries = value.as_object()?.iter();
            let owned = entries.map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())));
            OwnedValue::StringMap(owned.collect::<Option<BTreeMap<_, _>>>()?)
        }
    })
}

fn value_to_json(value: Value<'_>) -> Result<(ValueType, Json), &'static str> {
    use ValueType as T;
    Ok(match value {
        Value::String(v) => (T::String, v.into()),
        Value::Int64(v) => (T::Int64, v.into()),
        Value::Double(v) if v.is_finite() => (T::Double, v.into()),
        Value::Double(v) => (T::Double, v.to_string().into()),
        Value::Bool(v) => (T::Bool, v.into()),
        Value::Timestamp(v) => (T::Timestamp, v.to_rfc3339().ok_or("timestamp")?.into()),
        Value::Duration(v) => {
            let nanos = v.as_nanos();
            let exact = Span::from_nanos(nanos) == v;
            (T::Duration, exact.then(|| nanos.into()).ok_or("duration")?)
        }
        Value::Bytes(v) => (T::IpAddress, address(v).ok_or("bytes")?.to_string().into()),
        Value::StringMap(map) => {
            let mut entries = Map::new();
            map.each(&mut |key, value| {
                entries.insert(key.to_owned(), value.into());
            });
            (T::StringMap, entries.into())
        }
    })
}

/// JSON has no numbers that are not finite: those are the texts `NaN`, `inf` and `-inf`.
fn double_from_json(value: &Json) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.parse().ok().filter(|number: &f64| !number.is_finite()),
        None => value.as_f64(),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(Into::into)
}

fn expected(kind: ValueType) -> &'static str {
    match kind {
        ValueType::String => "text",
        ValueType::EmailAddress => "text with an e-mail address",
        ValueType::Uri => "text with a URI",
        ValueType::DnsName => "text with a DNS name",
        ValueType::Int64 => "64-bit integer",
        ValueType::Double => "number",
        ValueType::Bool => "true or false",
        ValueType::Timestamp => "RFC 3339 time such as \"2019-10-02T07:04:05Z\"",
        ValueType::Duration => "number of nanoseconds that fits 64 bits",
        ValueType::IpAddress => "IP address such as \"10.0.0.1\"",
        ValueType::StringMap => "object of texts",
    }
}

/// Enough of a value to recognise it in an error.
fn excerpt(json: &Json) -> String {
    const CHARS: usize = 40;
    let text = json.to_string();
    match text.char_indices().nth(CHARS) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_and_writes() {
        let json = json!({
            "request.path": {"t": "STRING", "v": "/"},
            "request.size": {"t": "INT64", "v": -5},
            "x.double": {"t": "DOUBLE", "v": 1.5},
            "x.nan": {"t": "DOUBLE", "v": "NaN"},
            "connection.mtls": {"t": "BOOL", "v": true},
            "request.time": {"t": "TIMESTAMP", "v": "2019-10-02T07:04:05.25Z"},
            "response.duration": {"t": "DURATION", "v": -1_500_000_000},
            "source.ip": {"t": "IP_ADDRESS", "v": "10.0.0.1"},
            "destination.ip": {"t": "IP_ADDRESS", "v": "::ffff:10.0.0.1"},
            "request.headers": {"t": "STRING_MAP", "v": {"a": "b"}},
        });
        let bag = bag_from_json(&json).unwrap();
        let want = AttributeBag::new()
            .with("request.path", "/")
            .with("request.size", -5)
            .with("x.double", 1.5)
            .with("connection.mtls", true)
            .with("request.time", Timestamp { seconds: 1_569_999_845, nanos: 250_000_000 })
            .with("response.duration", Span { seconds: -1, nanos: -500_000_000 })
            .with("source.ip", &[10, 0, 0, 1][..])
            .with("destination.ip", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1][..])
            .with("request.headers", [("a", "b")]);
        let mut without_nan = bag.clone();
        assert!(matches!(without_nan.remove("x.nan"), Some(OwnedValue::Double(v)) if v.is_nan()));
        assert_eq!(without_nan, want);
        assert_eq!(bag_to_json(&bag).unwrap(), json);
    }

    #[test]
    fn texts_of_all_kinds_are_strings_in_the_bag() {
        for kind in ["STRING", "URI", "DNS_NAME", "EMAIL_ADDRESS"] {
            let bag = bag_from_json(&json!({"a.b": {"t": kind, "v": "x"}})).unwrap();
            assert_eq!(bag, AttributeBag::new().with("a.b", "x"));
        }
    }

    #[test]
    fn mistakes_name_the_attribute_and_what_is_meant() {
        for (json, error) in [
            (json!([1]), "this is [1]"),
            (json!({"a.b": "x"}), "attribute a.b: \"x\" is no object"),
            (json!({"a.b": {"t": "STRING", "v": "x", "w": 1}}), "attribute a.b: {"),
            (json!({"a.b": {"t": "TEXT", "v": "x"}}), "attribute a.b: there is no type TEXT"),
            (json!({"a.b": {"t": "STRING", "v": 1}}), "attribute a.b: 1 is no text"),
            (json!({"a.b": {"t": "INT64", "v": 1.5}}), "attribute a.b: 1.5 is no 64-bit integer"),
            (json!({"a.b": {"t": "DOUBLE", "v": "1.5"}}), "attribute a.b: \"1.5\" is no number"),
            (
                json!({"a.b": {"t": "IP_ADDRESS", "v": "10.0.0"}}),
                "attribute a.b: \"10.0.0\" is no IP",
            ),
            (
                json!({"a.b": {"t": "TIMESTAMP", "v": "now"}}),
                "attribute a.b: \"now\" is no RFC 3339",
            ),
            (
                json!({"a.b": {"t": "DURATION", "v": "1s"}}),
                "attribute a.b: \"1s\" is no number of nano",
            ),
            (
                json!({"a.b": {"t": "STRING_MAP", "v": {"k": 1}}}),
                "attribute a.b: {\"k\":1} is no obj",
            ),
        ] {
            let text = bag_from_json(&json).unwrap_err().to_string();
            assert!(text.contains(error), "{text}");
        }
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        for bag in [
            AttributeBag::new().with("a.b", &[1, 2, 3][..]),
            AttributeBag::new().with("a.b", Timestamp { seconds: i64::MAX, nanos: 0 }),
            AttributeBag::new().with("a.b", Span { seconds: i64::MAX, nanos: 0 }),
        ] {
            let text = bag_to_json(&bag).unwrap_err().to_string();
            assert!(text.contains("attribute a.b: its "), "{text}");
        }
    }
}
