use std::borrow::Cow;

use mesh_attributes::Bag;
use mesh_attributes::{AttributeName, Value as Held};

use super::civil::Part;
use super::convert;
use super::value::{Map, Value};
use crate::format::Format;
use crate::program::address;
use crate::program::text::to_lower;
use crate::program::{matches, pattern};
use crate::{Address, EvalError};

/// What is called with values of all its arguments; of a method the target is the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Function {
    Not,
    Negate,
    Size,
    StartsWith,
    EndsWith,
    Contains,
    /// `text.matches(pattern)` with a pattern that is known only at run time.
    Matches,
    /// `match(text, pattern)` of the attribute language.
    Match,
    ToLower,
    Reverse,
    EmptyStringMap,
    Ip,
    Format(Format),
    ToInt,
    ToUint,
    ToDouble,
    ToBool,
    ToText,
    ToBytes,
    ToTimestamp,
    ToDuration,
    Part(Part),
}

/// A bag without attributes, to evaluate constants.
pub(crate) struct NoBag;

impl Bag for NoBag {
    fn get(&self, _name: &AttributeName) -> Option<Held<'_>> {
        None
    }
}

impl Function {
    /// The outcome for these arguments, which are of types that the checker has found fit.
    pub(crate) fn call<'a>(self, arguments: &mut [Value<'a>]) -> Result<Value<'a>, EvalError> {
        Ok(match (self, arguments) {
            (Self::Not, [Value::Bool(truth)]) => Value::Bool(!*truth),
            (Self::Negate, [Value::Int(number)]) => {
                Value::Int(number.checked_neg().ok_or(EvalError::Overflow("integer"))?)
            }
            (Self::Negate, [Value::Double(number)]) => Value::Double(-*number),
            (Self::Size, [value]) => Value::Int(size(value)? as i64),
            (Self::StartsWith, [Value::Text(text), Value::Text(part)]) => {
                Value::Bool(text.starts_with(&**part))
            }
            (Self::EndsWith, [Value::Text(text), Value::Text(part)]) => {
                Value::Bool(text.ends_with(&**part))
            }
            (Self::Contains, [Value::Text(text), Value::Text(part)]) => {
                Value::Bool(text.contains(&**part))
            }
            (Self::Matches, [Value::Text(text), Value::Text(pattern)]) => {
                Value::Bool(matches::is_match(pattern, text)?)
            }
            (Self::Match, [Value::Text(text), Value::Text(pattern)]) => {
                Value::Bool(pattern::matches(text, pattern))
            }
            (Self::ToLower, [Value::Text(text)]) => Value::Text(to_lower(std::mem::take(text))),
            (Self::Reverse, [Value::Text(text)]) => {
                Value::Text(Cow::Owned(text.chars().rev().collect()))
            }
            (Self::EmptyStringMap, []) => Value::Map(Map::empty()),
            (Self::Ip, [Value::Text(text)]) => {
                Value::Address(Address::Computed(address::parse(text)?))
            }
            (Self::Format(format), [Value::Text(text)]) => {
                format.check(text)?;
                Value::Formatted(format, std::mem::take(text))
            }
            (Self::Part(part), [Value::Timestamp(at)]) => Value::Int(part.of_timestamp(*at, "")?),
            (Self::Part(part), [Value::Timestamp(at), Value::Text(zone)]) => {
                Value::Int(part.of_timestamp(*at, zone)?)
            }
            (Self::Part(part), [Value::Duration(span)]) => Value::Int(part.of_duration(*span)),
            (conversion, [value]) => convert::convert(conversion, value)?,
            (function, arguments) => unreachable!("checked: {function:?} of {arguments:?}"),
        })
    }
}

fn size(value: &Value<'_>) -> Result<usize, EvalError> {
    match value {
        Value::Text(text) => Ok(text.chars().count()),
        Value::Bytes(bytes) => Ok(bytes.len()),
        Value::List(elements) => Ok(elements.len()),
        Value::Map(_) => Err(EvalError::WholeMap("size not implemented on stringmaps")),
        other => unreachable!("checked: size of {other:?}"),
    }
}
