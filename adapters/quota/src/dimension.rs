use std::net::IpAddr;

use adapter_sdk::parameters::parse_duration;
use adapter_sdk::{Value, ValueType};

/// The value that an override wants a dimension to have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// Texts; moments and maps as they are shown: in UTC by RFC 3339, and as `k=v&k=v` by sorted keys.
    Shown(String),
    Int64(i64),
    Double(f64),
    Boolean(bool),
    Duration(i64),
    IpAddress(IpAddr),
}

impl Wanted {
    /// Reads what a dimension of this type is to be compared with.
    pub(crate) fn parse(value_type: ValueType, text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{text:?} is no {what}");
        Ok(match value_type {
            ValueType::Int64 => Self::Int64(text.parse().map_err(|_| wrong("integer"))?),
            ValueType::Double => Self::Double(text.parse().map_err(|_| wrong("number"))?),
            ValueType::Boolean => match text {
                "true" => Self::Boolean(true),
                "false" => Self::Boolean(false),
                _ => return Err(wrong("truth value; it is true or false")),
            },
            ValueType::Duration => {
                let nanos = parse_duration(text)?.as_nanos();
                Self::Duration(i64::try_from(nanos).map_err(|_| wrong("duration"))?)
            }
            ValueType::IpAddress => {
                let address: IpAddr = text.parse().map_err(|_| wrong("IP address"))?;
                Self::IpAddress(address.to_canonical())
            }
            ValueType::Text
            | ValueType::EmailAddress
            | ValueType::Uri
            | ValueType::DnsName
            | ValueType::Timestamp
            | ValueType::StringMap => Self::Shown(text.to_owned()),
        })
    }

    /// Whether `value` is the one wanted.
    pub(crate) fn fits(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Shown(wanted), Value::Text(text)) => wanted == text,
            (Self::Shown(wanted), other) => *wanted == other.to_string(),
            (Self::Int64(wanted), Value::Int64(number)) => wanted == number,
            (Self::Double(wanted), Value::Double(number)) => wanted == number,
            (Self::Boolean(wanted), Value::Boolean(truth)) => wanted == truth,
            (Self::Duration(wanted), Value::Duration(nanos)) => wanted == nanos,
            // A declared address may arrive as text.
            (Self::IpAddress(wanted), Value::Text(text)) => {
                text.parse::<IpAddr>().is_ok_and(|address| address.to_canonical() == *wanted)
            }
            (Self::IpAddress(wanted), Value::IpAddress(bytes)) => address(bytes) == Some(*wanted),
            _ => false,
        }
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
    Some(address.to_canonical())
}
