//! Attributes that an operator states as text: names, types and the rule of precedence.

use std::net::IpAddr;

use mesh_attributes::{AttributeBag, AttributeName, Bag, OwnedValue, Timestamp, ValueType};
use thiserror::Error;

use super::address::ip_value;

/// Longer names are no attributes.
const MAX_NAME: usize = 256;

/// How much of a value an error shows.
const SHOWN: usize = 64;

/// Why a stated attribute is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum StatedError {
    /// The name is empty, too long or has a bracket that is not closed.
    #[error(
        "`{shown}` is no attribute's name; it is of the form `destination.namespace` or `my.count[INT64]`"
    )]
    Name {
        /// The beginning of the name.
        shown: String,
    },
    /// The type within brackets is none that can be stated as text.
    #[error(
        "attribute {name}: there is no type `{shown}` for texts; one of STRING, INT64, DOUBLE, BOOL, \
         TIMESTAMP, IP_ADDRESS, EMAIL_ADDRESS, URI, DNS_NAME, STRING_MAP is meant"
    )]
    Type {
        /// The attribute's name.
        name: String,
        /// The beginning of the type.
        shown: String,
    },
    /// The text is no value of the type.
    #[error("attribute {name}: `{shown}` is no {expected}; its type is written `{name}[TYPE]`")]
    Value {
        /// The attribute's name.
        name: String,
        /// The beginning of the text.
        shown: String,
        /// What the type looks like as text.
        expected: &'static str,
    },
}

/// Reads one stated attribute: its name and its value.
///
/// # Errors
/// When the name is none, its type is unknown or the text is no value of it.
pub(super) fn stated<'k>(key: &'k str, text: &str) -> Result<(&'k str, OwnedValue), StatedError> {
    let bad_name = || StatedError::Name { shown: beginning(key) };
    let (name, declared) = match key.strip_suffix(']') {
        None => (key, None),
        Some(rest) => {
            let (name, declared) = rest.split_once('[').ok_or_else(bad_name)?;
            let unknown =
                || StatedError::Type { name: name.to_owned(), shown: beginning(declared) };
            (name, Some(ValueType::from_name(declared).ok_or_else(unknown)?))
        }
    };
    if name.is_empty() || name.len() > MAX_NAME || name.contains(['[', ']']) {
        return Err(bad_name());
    }
    let declared = declared.unwrap_or_else(|| type_of(name));
    Ok((name, value(name, declared, text)?))
}

/// Sets a stated attribute, unless the request itself says it better.
pub(super) fn set_stated(bag: &mut AttributeBag, name: &str, value: OwnedValue) {
    if yields_to_statement(name) || bag.get(&AttributeName::new(name)).is_none() {
        bag.set(name, value);
    }
}

/// Whether what is stated wins over what the request shows.
fn yields_to_statement(name: &str) -> bool {
    matches!(
        name,
        "source.ip"
            | "source.port"
            | "origin.ip"
            | "destination.ip"
            | "destination.port"
            | "context.reporter.kind"
    )
}

/// The type of Istio's vocabulary.
fn type_of(name: &str) -> ValueType {
    match name {
        "source.ip" | "destination.ip" | "origin.ip" => ValueType::IpAddress,
        "source.port"
        | "destination.port"
        | "request.size"
        | "request.total_size"
        | "response.code"
        | "response.size"
        | "response.total_size"
        | "check.error_code"
        | "connection.received.bytes"
        | "connection.received.bytes_total"
        | "connection.sent.bytes"
        | "connection.sent.bytes_total" => ValueType::Int64,
        "connection.mtls" | "context.reporter.local" | "check.cache_hit" | "quota.cache_hit" => {
            ValueType::Bool
        }
        "request.time" | "response.time" | "context.time" | "context.timestamp" => {
            ValueType::Timestamp
        }
        "source.labels"
        | "destination.labels"
        | "source.metadata"
        | "destination.metadata"
        | "request.headers"
        | "response.headers"
        | "request.query_params"
        | "request.auth.claims" => ValueType::StringMap,
        _ => ValueType::String,
    }
}

fn value(name: &str, declared: ValueType, text: &str) -> Result<OwnedValue, StatedError> {
    let (value, expected) = match declared {
        ValueType::String | ValueType::EmailAddress | ValueType::Uri | ValueType::DnsName => {
            (Some(text.into()), "text")
        }
        ValueType::Int64 => (text.parse().ok().map(OwnedValue::Int64), "integer of 64 bits"),
        ValueType::Double => (text.parse().ok().map(OwnedValue::Double), "number"),
        ValueType::Bool => (text.parse().ok().map(OwnedValue::Bool), "`true` or `false`"),
        ValueType::Timestamp => {
            (Timestamp::from_rfc3339(text).map(OwnedValue::Timestamp), "time of RFC 3339")
        }
        ValueType::IpAddress => (text.parse::<IpAddr>().ok().map(ip_value), "IP address"),
        ValueType::StringMap => (map(text), "map of the form `a=x&b=y`"),
        ValueType::Duration => {
            return Err(StatedError::Type { name: name.to_owned(), shown: "DURATION".to_owned() });
        }
    };
    value.ok_or_else(|| StatedError::Value {
        name: name.to_owned(),
        shown: beginning(text),
        expected,
    })
}

fn map(text: &str) -> Option<OwnedValue> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())));
    pairs.collect::<Option<_>>().map(OwnedValue::StringMap)
}

fn beginning(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_istios_type_its_own_or_is_text() {
        let read = |key, text| stated(key, text).map(|(name, value)| (name.to_owned(), value));
        assert_eq!(
            read("destination.namespace", "shop"),
            Ok(("destination.namespace".into(), "shop".into()))
        );
        assert_eq!(read("destination.port", "80"), Ok(("destination.port".into(), 80.into())));
        assert_eq!(read("my.count[INT64]", "-3"), Ok(("my.count".into(), (-3).into())));
        assert_eq!(read("my.share[DOUBLE]", "0.5"), Ok(("my.share".into(), 0.5.into())));
        assert_eq!(read("connection.mtls", "true"), Ok(("connection.mtls".into(), true.into())));
        let ip = |bytes: &[u8]| OwnedValue::from(bytes);
        assert_eq!(
            read("source.ip", "::ffff:10.0.0.1"),
            Ok(("source.ip".into(), ip(&[10, 0, 0, 1])))
        );
        assert_eq!(
            read("destination.labels", "app=a&version=v1"),
            Ok(("destination.labels".into(), [("app", "a"), ("version", "v1")].into()))
        );
        assert_eq!(read("destination.labels", ""), Ok(("destination.labels".into(), [].into())));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_what_is_meant() {
        for (key, text, told) in [
            ("", "x", "no attribute's name"),
            ("a]", "x", "no attribute's name"),
            ("[INT64]", "1", "no attribute's name"),
            ("a[NUMBER]", "1", "no type `NUMBER`"),
            ("a[DURATION]", "1s", "no type `DURATION`"),
            ("destination.port", "http", "`http` is no integer"),
            ("source.ip", "localhost", "`localhost` is no IP address"),
            ("destination.labels", "app", "`app` is no map"),
            ("request.time", "noon", "`noon` is no time"),
        ] {
            let error = stated(key, text).unwrap_err().to_string();
            assert!(error.contains(told), "{key}={text}: {error}");
        }
    }

    #[test]
    fn the_request_wins_except_for_addresses() {
        let mut bag = AttributeBag::new().with("request.method", "GET").with("source.port", 1);
        set_stated(&mut bag, "request.method", "POST".into());
        set_stated(&mut bag, "source.port", 2.into());
        set_stated(&mut bag, "destination.namespace", "shop".into());
        let expected = AttributeBag::new()
            .with("request.method", "GET")
            .with("source.port", 2)
            .with("destination.namespace", "shop");
        assert_eq!(bag, expected);
    }
}
