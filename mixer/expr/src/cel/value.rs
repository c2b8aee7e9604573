use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use mesh_attributes::{AttributeName, Bag, KeyState, Span, Timestamp, ValueType};

use crate::format::Format;
use crate::syntax::ast::Comparison;
use crate::{Address, EvalError};

/// A value at run time, borrowed from the bag or the program where possible.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Cow<'a, str>),
    /// DNS_NAME, EMAIL_ADDRESS or URI.
    Formatted(Format, Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Timestamp(Timestamp),
    Duration(Span),
    Address(Address<'a>),
    Map(Map<'a>),
    List(Vec<Self>),
}

/// A map, which is read by key.
#[derive(Debug, Clone)]
pub(crate) enum Map<'a> {
    /// What the bag has under this name; it is known to be a map.
    Attribute(&'a AttributeName),
    Made(Cow<'a, BTreeMap<String, String>>),
}

impl<'a> Value<'a> {
    /// What an absent attribute reads as.
    pub(crate) fn zero(of: ValueType) -> Self {
        let empty = Cow::Borrowed("");
        match of {
            ValueType::String => Self::Text(empty),
            ValueType::Int64 => Self::Int(0),
            ValueType::Double => Self::Double(0.0),
            ValueType::Bool => Self::Bool(false),
            ValueType::Timestamp => Self::Timestamp(Timestamp::default()),
            ValueType::Duration => Self::Duration(Span::default()),
            ValueType::IpAddress => Self::Address(Address::Borrowed(&[])),
            ValueType::EmailAddress => Self::Formatted(Format::Email, empty),
            ValueType::Uri => Self::Formatted(Format::Uri, empty),
            ValueType::DnsName => Self::Formatted(Format::DnsName, empty),
            ValueType::StringMap => Self::Map(Map::empty()),
        }
    }

    /// The same value, borrowed from this one.
    pub(crate) fn borrow(&'a self) -> Self {
        match self {
            Self::Text(text) => Self::Text(Cow::Borrowed(text)),
            Self::Formatted(format, text) => Self::Formatted(*format, Cow::Borrowed(text)),
            Self::Bytes(bytes) => Self::Bytes(Cow::Borrowed(bytes)),
            Self::Map(Map::Made(entries)) => Self::Map(Map::Made(Cow::Borrowed(entries))),
            Self::Bool(truth) => Self::Bool(*truth),
            Self::Int(number) => Self::Int(*number),
            Self::Uint(number) => Self::Uint(*number),
            Self::Double(number) => Self::Double(*number),
            Self::Timestamp(at) => Self::Timestamp(*at),
            Self::Duration(span) => Self::Duration(*span),
            Self::Address(address) => Self::Address(*address),
            Self::Map(Map::Attribute(name)) => Self::Map(Map::Attribute(name)),
            Self::List(elements) => Self::List(elements.iter().map(Value::borrow).collect()),
        }
    }

    /// The value as a constant; `None` for what only a bag holds and for lists, which are cheaper to
    /// make element by element.
    pub(crate) fn into_constant(self) -> Option<Value<'static>> {
        Some(match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Formatted(format, text) => {
                Value::Formatted(format, Cow::Owned(text.into_owned()))
            }
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Bool(truth) => Value::Bool(truth),
            Self::Int(number) => Value::Int(number),
            Self::Uint(number) => Value::Uint(number),
            Self::Double(number) => Value::Double(number),
            Self::Timestamp(at) => Value::Timestamp(at),
            Self::Duration(span) => Value::Duration(span),
            Self::Address(Address::Computed(bytes)) => Value::Address(Address::Computed(bytes)),
            Self::Map(Map::Made(entries)) => {
                Value::Map(Map::Made(Cow::Owned(entries.into_owned())))
            }
            Self::Address(Address::Borrowed(_)) | Self::Map(_) | Self::List(_) => return None,
        })
    }

    /// Whether both are the same, by the rule of their type. The checker has made them one type.
    pub(crate) fn equals(&self, other: &Self) -> Result<bool, EvalError> {
        Ok(match (self, other) {
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Formatted(format, one), Self::Formatted(_, two)) => format.same(one, two)?,
            (Self::Address(one), Self::Address(two)) => one == two,
            (Self::Map(_), Self::Map(_)) => {
                return Err(EvalError::WholeMap("stringmap does not support equality"));
            }
            (Self::List(one), Self::List(two)) => {
                if one.len() != two.len() {
                    return Ok(false);
                }
                for (one, two) in one.iter().zip(two) {
                    if !one.equals(two)? {
                        return Ok(false);
                    }
                }
                true
            }
            _ => self.order(other) == Some(Ordering::Equal),
        })
    }

    /// Whether the operands compare so.
    pub(crate) fn compares(&self, how: Comparison, other: &Self) -> Result<bool, EvalError> {
        match how {
            Comparison::Equal => self.equals(other),
            Comparison::NotEqual => self.equals(other).map(|same| !same),
            how => Ok(how.holds(self.order(other))),
        }
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(one), Self::Bool(two)) => Some(one.cmp(two)),
            (Self::Int(one), Self::Int(two)) => Some(one.cmp(two)),
            (Self::Uint(one), Self::Uint(two)) => Some(one.cmp(two)),
            (Self::Double(one), Self::Double(two)) => one.partial_cmp(two),
            (Self::Text(one), Self::Text(two)) => Some(one.cmp(two)),
            (Self::Bytes(one), Self::Bytes(two)) => Some(one.cmp(two)),
            (Self::Timestamp(one), Self::Timestamp(two)) => Some(one.cmp(two)),
            (Self::Duration(one), Self::Duration(two)) => Some(one.cmp(two)),
            _ => None,
        }
    }
}

impl<'a> Map<'a> {
    pub(crate) fn empty() -> Self {
        Self::Made(Cow::Owned(BTreeMap::new()))
    }

    /// The value under `key`. Of an attribute it is read from the bag.
    pub(crate) fn get<B: Bag + ?Sized>(&self, key: &str, bag: &'a B) -> Option<Cow<'a, str>> {
        match self {
            Self::Attribute(name) => match bag.get_key(name, key) {
                KeyState::Value(text) => Some(Cow::Borrowed(text)),
                _ => None,
            },
            Self::Made(Cow::Borrowed(entries)) => entries.get(key).map(|text| text.as_str().into()),
            Self::Made(Cow::Owned(entries)) => entries.get(key).map(|text| text.clone().into()),
        }
    }
}
