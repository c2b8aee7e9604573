//! What a policy may say: a boolean as in Istio, or an object with reasons.

use std::time::Duration;

use adapter_sdk::parameters::parse_duration;
use adapter_sdk::{CheckResult, Code, DirectResponse, Header};
use regorus::Value;

/// Istio's words.
const DENIED: &str = "opa: request was rejected";

/// How long and how often decisions may be used again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caching {
    pub(crate) interval: Duration,
    pub(crate) use_count: u32,
}

/// Reads a decision. A policy that says nothing about a request does not allow it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(value: &Value, caching: Caching) -> Result<CheckResult, String> {
    match value {
        Value::Bool(is_allowed) => Ok(result(*is_allowed, None, None, caching)),
        Value::Undefined => Ok(result(false, None, None, caching)),
        Value::Object(_) => of_object(value, caching),
        other => Err(format!("the decision is {}, and no boolean or object", kind(other))),
    }
}

fn of_object(object: &Value, mut caching: Caching) -> Result<CheckResult, String> {
    let field = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| match &object[name] {
            Value::Undefined | Value::Null => None,
            value => Some((name, value)),
        })
    };
    let is_allowed = match field(["allow", "allowed"]) {
        Some((_, Value::Bool(is_allowed))) => *is_allowed,
        Some((name, other)) => return Err(format!("{name} is {}, and no boolean", kind(other))),
        None => return Err("the decision is an object without allow".to_owned()),
    };
    if let Some((name, value)) = field(["valid_duration"; 2]) {
        caching.interval = duration(value).map_err(|message| format!("{name} {message}"))?;
    }
    let text = |names| match field(names) {
        None => Ok(None),
        Some((_, Value::String(text))) => Ok(Some(text.to_string())),
        Some((name, other)) => Err(format!("{name} is {}, and no text", kind(other))),
    };
    let reason = text(["reason", "message"])?;
    let body = text(["body"; 2])?;
    let headers = field(["headers"; 2]).map(|(_, value)| headers(value)).transpose()?;
    let code = field(["http_status"; 2]).map(|(_, value)| status(value)).transpose()?;
    let response =
        (body.is_some() || headers.is_some() || code.is_some()).then(|| DirectResponse {
            code: code.unwrap_or_default(),
            body: body.or_else(|| reason.clone()).unwrap_or_default(),
            headers: headers.unwrap_or_default(),
        });
    Ok(result(is_allowed, reason, response, caching))
}

fn result(
    is_allowed: bool,
    reason: Option<String>,
    response: Option<DirectResponse>,
    caching: Caching,
) -> CheckResult {
    let (code, message, direct_response) = match is_allowed {
        true => (Code::OK, String::new(), None),
        false => {
            let message = reason.filter(|reason| !reason.is_empty());
            (Code::PERMISSION_DENIED, message.unwrap_or_else(|| DENIED.to_owned()), response)
        }
    };
    CheckResult {
        code,
        message,
        valid_duration: caching.interval,
        valid_use_count: Some(caching.use_count),
        direct_response,
    }
}

/// Seconds, or a text with a unit.
fn duration(value: &Value) -> Result<Duration, String> {
    match value {
        Value::String(text) => parse_duration(text),
        Value::Number(_) => {
            let seconds = value.as_f64().map_err(|error| error.to_string())?;
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| format!("{seconds} is no number of seconds"))
        }
        other => Err(format!("is {}, and no duration", kind(other))),
    }
}

fn status(value: &Value) -> Result<u16, String> {
    let status = value.as_u16().ok().filter(|status| (200..600).contains(status));
    status.ok_or_else(|| format!("http_status {value} is no status from 200 to 599"))
}

/// Texts by name; a header with several values has a list of them.
fn headers(value: &Value) -> Result<Vec<Header>, String> {
    let wrong = |what: &Value| Err(format!("headers has {} where a text is needed", kind(what)));
    let Value::Object(by_name) = value else { return wrong(value) };
    let mut headers = Vec::new();
    for (name, values) in by_name.iter() {
        let one;
        let values = match values {
            Value::Array(values) => values.iter(),
            text => {
                one = Value::from(vec![text.clone()]);
                one.as_array().map_err(|error| error.to_string())?.iter()
            }
        };
        for value in values {
            let (Value::String(name), Value::String(value)) = (name, value) else {
                return wrong(value);
            };
            headers.push(Header { name: name.to_string(), value: value.to_string() });
        }
    }
    Ok(headers)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Set(_) => "a set",
        Value::Object(_) => "an object",
        Value::Undefined => "undefined",
    }
}
