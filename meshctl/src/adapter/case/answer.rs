use std::collections::BTreeMap;

use adapter_host::{CallError, CheckResult, FailedElement, QuotaGrant};
use mesh_api::code::CODES;
use mesh_config::nearest_name;
use serde_json::{Map, Value, json};

use super::call::Kind;
use super::document::WrittenCall;
use super::mismatch::{Difference, agrees};
use super::value::{show, show_nanos};
use crate::attributes::duration;

const CHECK_FIELDS: [&str; 6] =
    ["code", "message", "valid_duration", "valid_use_count", "direct_response", "output"];
const QUOTA_FIELDS: [&str; 4] = ["code", "message", "amount", "valid_duration"];
const FAULTS: [&str; 3] = ["caller", "adapter", "backend"];

/// What a handler answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Check(CheckResult),
    Quota(QuotaGrant),
    Generate(Vec<(String, mesh_attributes::OwnedValue)>),
    Report(Vec<FailedElement>),
}

/// What a call is to answer.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    /// Fields of the answer; what is not named may be anything.
    Fields(Map<String, Value>),
    /// The adapter itself says that it cannot.
    Error { fault: Option<String>, retry: Option<bool>, message: Option<String> },
    /// The elements of a report that are not taken; no others.
    Failed(BTreeMap<u32, String>),
}

impl Expected {
    /// Reads what a call expects.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(kind: Kind, call: &WrittenCall) -> Result<Self, String> {
        if let Some(error) = &call.error {
            if call.answer.is_some() || call.failed.is_some() {
                return Err("a call that ends in an `error` has no `answer` or `failed`".to_owned());
            }
            if let Some(fault) = error.fault.as_deref().filter(|fault| !FAULTS.contains(fault)) {
                return Err(format!("error.fault: {fault} is none of {}", FAULTS.join(", ")));
            }
            let (fault, message) = (error.fault.clone(), error.message.clone());
            return Ok(Self::Error { fault, retry: error.retry, message });
        }
        if kind == Kind::Report {
            return Ok(Self::Failed(call.failed.clone().unwrap_or_default()));
        }
        let mut fields = call.answer.clone().unwrap_or_default();
        let known: &[&str] = match kind {
            Kind::Check => &CHECK_FIELDS,
            Kind::Quota => &QUOTA_FIELDS,
            Kind::Generate | Kind::Report => return Ok(Self::Fields(fields)),
        };
        for (name, value) in &mut fields {
            if !known.contains(&name.as_str()) {
                let near = nearest_name(name, known.iter().copied());
                let hint = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
                return Err(format!("answer.{name}: an answer has no such field{hint}"));
            }
            *value = normal(name, value).map_err(|problem| format!("answer.{name}: {problem}"))?;
        }
        Ok(Self::Fields(fields))
    }

    /// Where an outcome differs from it.
    pub(super) fn differences(&self, outcome: &Result<Answer, CallError>) -> Vec<Difference> {
        let difference = |what: &str, expected: &Value, actual: Value| {
            (!agrees(expected, &actual)).then(|| Difference {
                what: what.to_owned(),
                expected: plain(expected),
                actual: plain(&actual),
            })
        };
        match (self, outcome) {
            (
                Self::Error { fault, retry, message },
                Err(CallError::Refused { fault: f, retry: r, message: m }),
            ) => {
                let wanted = [
                    ("error.fault", fault.as_ref().map(|fault| json!(fault)), json!(f.to_string())),
                    ("error.retry", retry.map(|retry| json!(retry)), json!(r)),
                    ("error.message", message.as_ref().map(|message| json!(message)), json!(m)),
                ];
                wanted
                    .into_iter()
                    .filter_map(|(what, wanted, actual)| difference(what, &wanted?, actual))
                    .collect()
            }
            (Self::Error { .. }, outcome) => {
                vec![Difference::new("the call", "an error of the adapter", &told(outcome))]
            }
            (_, Err(error)) => vec![Difference::new("the call", "an answer", &error.to_string())],
            (Self::Fields(fields), Ok(answer)) => {
                let actual = answer.json();
                let field = |(name, expected): (&String, &Value)| {
                    difference(name, expected, actual.get(name).cloned().unwrap_or(Value::Null))
                };
                fields.iter().filter_map(field).collect()
            }
            (Self::Failed(expected), Ok(Answer::Report(failed))) => {
                let actual: BTreeMap<u32, &str> =
                    failed.iter().map(|failed| (failed.element, failed.message.as_str())).collect();
                let elements = expected.keys().chain(actual.keys());
                let elements: std::collections::BTreeSet<u32> = elements.copied().collect();
                let one = |element: u32| {
                    let taken = || json!("taken");
                    let wanted =
                        expected.get(&element).map_or_else(taken, |message| json!(message));
                    let was = actual.get(&element).map_or_else(taken, |message| json!(message));
                    difference(&format!("element {element}"), &wanted, was)
                };
                elements.into_iter().filter_map(one).collect()
            }
            (Self::Failed(_), Ok(other)) => {
                vec![Difference::new("the call", "a report", &other.json().to_string())]
            }
        }
    }
}

impl Answer {
    /// As a case file writes it.
    fn json(&self) -> Value {
        match self {
            Self::Check(result) => {
                let output: Map<String, Value> = result
                    .output
                    .iter()
                    .map(|(name, value)| (name.clone().into_owned(), show(value)))
                    .collect();
                let uses = match result.valid_use_count {
                    ..0 => json!("unlimited"),
                    uses => json!(uses),
                };
                let response = result.direct_response.as_ref().map(|response| {
                    let headers: Map<String, Value> = response
                        .headers
                        .iter()
                        .map(|(name, value)| (name.clone(), json!(value)))
                        .collect();
                    json!({ "code": response.code, "body": response.body, "headers": headers })
                });
                json!({
                    "code": code_name(result.code),
                    "message": result.message,
                    "valid_duration": show_nanos(result.valid_duration_ns.into()),
                    "valid_use_count": uses,
                    "direct_response": response,
                    "output": output,
                })
            }
            Self::Quota(grant) => json!({
                "code": code_name(grant.code),
                "message": grant.message,
                "amount": grant.amount,
                "valid_duration": show_nanos(grant.valid_duration_ns.into()),
            }),
            Self::Generate(output) => {
                output.iter().map(|(name, value)| (name.clone(), show(value))).collect()
            }
            Self::Report(failed) => failed
                .iter()
                .map(|failed| (failed.element.to_string(), json!(failed.message)))
                .collect(),
        }
    }
}

/// An expected field in the form that answers are shown in.
fn normal(name: &str, value: &Value) -> Result<Value, String> {
    match name {
        "code" => match value {
            Value::Number(number) => {
                let code = number.as_u64().and_then(|n| CODES.get(usize::try_from(n).ok()?));
                code.map(|(name, _)| json!(name))
                    .ok_or_else(|| format!("there is no code {number}"))
            }
            Value::String(text) if CODES.iter().any(|(name, _)| name == text) => Ok(value.clone()),
            other => Err(format!("{other} is no code of google.rpc, such as PERMISSION_DENIED")),
        },
        "valid_duration" => {
            let span = value.as_str().and_then(duration);
            let span =
                span.ok_or_else(|| format!("expected a duration such as 5s, found {value}"))?;
            Ok(json!(show_nanos(span.as_nanos().into())))
        }
        _ => Ok(value.clone()),
    }
}

fn code_name(code: i32) -> Value {
    let known = usize::try_from(code).ok().and_then(|code| CODES.get(code));
    known.map_or_else(|| json!(code), |(name, _)| json!(name))
}

fn told(outcome: &Result<Answer, CallError>) -> String {
    match outcome {
        Ok(answer) => format!("the answer {}", answer.json()),
        Err(error) => error.to_string(),
    }
}

/// Text without quotes, everything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    }
}
