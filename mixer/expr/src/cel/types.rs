use std::fmt;

use mesh_attributes::ValueType;

/// The type of an expression while it is checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Timestamp,
    Duration,
    /// IP_ADDRESS, DNS_NAME, EMAIL_ADDRESS or URI: nothing can be done with them but compare.
    Wrapped(ValueType),
    /// Text to text.
    Map,
    /// Of the empty list nobody knows the elements' type.
    List(Option<Box<Self>>),
    /// What several names of attributes begin with, such as `request`.
    Prefix(String),
}

impl Type {
    /// The type of an attribute declared so.
    pub(crate) fn of(value_type: ValueType) -> Self {
        match value_type {
            ValueType::String => Self::Text,
            ValueType::Int64 => Self::Int,
            ValueType::Double => Self::Double,
            ValueType::Bool => Self::Bool,
            ValueType::Timestamp => Self::Timestamp,
            ValueType::Duration => Self::Duration,
            ValueType::StringMap => Self::Map,
            ValueType::IpAddress
            | ValueType::DnsName
            | ValueType::EmailAddress
            | ValueType::Uri => Self::Wrapped(value_type),
        }
    }

    /// The type of a field that takes such a value, if there is one.
    pub(crate) fn value_type(&self) -> Option<ValueType> {
        match self {
            Self::Wrapped(value_type) => Some(*value_type),
            other => ValueType::ALL.into_iter().find(|t| Self::of(*t) == *other),
        }
    }

    /// The type of both, if values of one can stand beside values of the other.
    pub(crate) fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::List(None), Self::List(_)) => Some(other.clone()),
            (Self::List(_), Self::List(None)) => Some(self.clone()),
            (Self::List(Some(one)), Self::List(Some(two))) => {
                Some(Self::List(Some(Box::new(one.join(two)?))))
            }
            _ => (self == other).then(|| self.clone()),
        }
    }
}

/// As CEL's messages show types.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::Text => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::Wrapped(value_type) => f.write_str(match value_type {
                ValueType::IpAddress => "istio.policy.v1beta1.IPAddress",
                ValueType::EmailAddress => "istio.policy.v1beta1.EmailAddress",
                ValueType::Uri => "istio.policy.v1beta1.Uri",
                _ => "istio.policy.v1beta1.DNSName",
            }),
            Self::Map => f.write_str("map(string, string)"),
            Self::List(Some(elements)) => write!(f, "list({elements})"),
            Self::List(None) => f.write_str("list(dyn)"),
            Self::Prefix(name) => write!(f, ".{name}"),
        }
    }
}
