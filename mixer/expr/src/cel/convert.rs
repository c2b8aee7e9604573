//! `int(x)`, `string(x)` and their like. A value that has no form in the other type is an error.

use std::borrow::Cow;

use mesh_attributes::{Span, Timestamp};

use super::calls::Function;
use super::value::Value;
use crate::syntax::duration;
use crate::{EvalError, error};

const MAX_INT: f64 = 9_223_372_036_854_775_808.0;
const MAX_UINT: f64 = 18_446_744_073_709_551_616.0;

pub(super) fn convert<'a>(
    function: Function,
    value: &mut Value<'a>,
) -> Result<Value<'a>, EvalError> {
    Ok(match function {
        Function::ToInt => Value::Int(to_int(value)?),
        Function::ToUint => Value::Uint(to_uint(value)?),
        Function::ToDouble => Value::Double(to_double(value)?),
        Function::ToBool => Value::Bool(to_bool(value)?),
        Function::ToText => Value::Text(to_text(value)?),
        Function::ToBytes => match std::mem::replace(value, Value::Bool(false)) {
            Value::Text(Cow::Borrowed(text)) => Value::Bytes(Cow::Borrowed(text.as_bytes())),
            Value::Text(Cow::Owned(text)) => Value::Bytes(Cow::Owned(text.into_bytes())),
            other => other,
        },
        Function::ToTimestamp => Value::Timestamp(to_timestamp(value)?),
        Function::ToDuration => Value::Duration(to_duration(value)?),
        other => unreachable!("checked: {other:?} converts nothing"),
    })
}

fn to_int(value: &Value<'_>) -> Result<i64, EvalError> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Uint(number) => i64::try_from(*number).map_err(|_| EvalError::Overflow("integer")),
        Value::Double(number) if (-MAX_INT..MAX_INT).contains(number) => Ok(*number as i64),
        Value::Double(_) => Err(EvalError::Overflow("integer")),
        Value::Timestamp(at) => Ok(at.seconds),
        Value::Text(text) => text.parse().map_err(|_| refused(text, "int")),
        other => unreachable!("checked: int of {other:?}"),
    }
}

fn to_uint(value: &Value<'_>) -> Result<u64, EvalError> {
    let out_of_range = || EvalError::Overflow("unsigned integer");
    match value {
        Value::Uint(number) => Ok(*number),
        Value::Int(number) => u64::try_from(*number).map_err(|_| out_of_range()),
        Value::Double(number) if (0.0..MAX_UINT).contains(number) => Ok(*number as u64),
        Value::Double(_) => Err(out_of_range()),
        Value::Text(text) => text.parse().map_err(|_| refused(text, "uint")),
        other => unreachable!("checked: uint of {other:?}"),
    }
}

fn to_double(value: &Value<'_>) -> Result<f64, EvalError> {
    match value {
        Value::Double(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::Uint(number) => Ok(*number as f64),
        Value::Text(text) => text.parse().map_err(|_| refused(text, "double")),
        other => unreachable!("checked: double of {other:?}"),
    }
}

/// The texts that Go's `strconv.ParseBool` takes.
fn to_bool(value: &Value<'_>) -> Result<bool, EvalError> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Text(text) => match &**text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            other => Err(refused(other, "bool")),
        },
        other => unreachable!("checked: bool of {other:?}"),
    }
}

fn to_text<'a>(value: &mut Value<'a>) -> Result<Cow<'a, str>, EvalError> {
    Ok(match value {
        Value::Text(text) => std::mem::take(text),
        Value::Bool(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Uint(number) => Cow::Owned(number.to_string()),
        Value::Double(number) => Cow::Owned(double_text(*number)),
        Value::Bytes(bytes) => match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Cow::Owned(text),
            Err(_) => return Err(refused("bytes that are not UTF-8", "string")),
        },
        Value::Timestamp(at) => {
            Cow::Owned(at.to_rfc3339().ok_or(EvalError::Overflow("timestamp"))?)
        }
        Value::Duration(span) => Cow::Owned(span_text(*span)),
        other => unreachable!("checked: string of {other:?}"),
    })
}

/// As Go's `%g`: plain decimals for exponents from -4 to 20, else with an exponent of two digits.
fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(-4..=20) => number.to_string(),
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        Err(_) => scientific,
    }
}

/// Seconds with as many decimals as it needs, such as `1.5s`.
fn span_text(span: Span) -> String {
    let sign = if span.seconds < 0 || span.nanos < 0 { "-" } else { "" };
    let (seconds, nanos) = (span.seconds.unsigned_abs(), span.nanos.unsigned_abs());
    let decimals = format!("{nanos:09}");
    match decimals.trim_end_matches('0') {
        "" => format!("{sign}{seconds}s"),
        decimals => format!("{sign}{seconds}.{decimals}s"),
    }
}

fn to_timestamp(value: &Value<'_>) -> Result<Timestamp, EvalError> {
    match value {
        Value::Timestamp(at) => Ok(*at),
        Value::Int(seconds) => {
            let at = Timestamp { seconds: *seconds, nanos: 0 };
            if at.is_in_range() { Ok(at) } else { Err(EvalError::Overflow("timestamp")) }
        }
        Value::Text(text) => {
            Timestamp::from_rfc3339(text).ok_or_else(|| EvalError::Timestamp(error::excerpt(text)))
        }
        other => unreachable!("checked: timestamp of {other:?}"),
    }
}

fn to_duration(value: &Value<'_>) -> Result<Span, EvalError> {
    match value {
        Value::Duration(span) => Ok(*span),
        Value::Text(text) => duration::parse(text).ok_or_else(|| refused(text, "duration")),
        other => unreachable!("checked: duration of {other:?}"),
    }
}

fn refused(text: &str, of: &'static str) -> EvalError {
    EvalError::Conversion(Box::new((error::excerpt(text), of)))
}
