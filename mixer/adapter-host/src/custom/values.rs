//! Values for calls without bindings, and answers of such calls.

use mesh_attributes::{OwnedValue, ValueType};
use wasmtime::component::Val;

use super::field::FieldKind;
use super::shape::Shape;
use crate::batch::epoch_nanos;
use crate::bindings::mixmesh::adapter::types;

impl Shape {
    /// The value of the fields that an instance declares, sorted by name, with these values.
    pub(super) fn value(&self, declared: &[(String, ValueType)], values: &[OwnedValue]) -> Val {
        match self {
            Self::Record(fields) => {
                let inner = fields
                    .iter()
                    .map(|(name, shape)| (name.clone(), shape.value(declared, values)));
                Val::Record(inner.collect())
            }
            Self::Field { name, kind, optional } => {
                let at = declared.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok();
                let value = at.and_then(|at| values.get(at)).map(|value| lowered(*kind, value));
                if *optional {
                    Val::Option(value.map(Box::new))
                } else {
                    // A field that is missing was refused before.
                    value.unwrap_or_else(|| unset(*kind))
                }
            }
        }
    }

    /// The fields of an answer, under their names; what is `none` is left out.
    pub(super) fn fields(&self, answer: Val, into: &mut Vec<(String, OwnedValue)>) -> Option<()> {
        match (self, answer) {
            (Self::Record(shapes), Val::Record(fields)) => {
                for ((_, shape), (_, value)) in shapes.iter().zip(fields) {
                    shape.fields(value, into)?;
                }
            }
            (Self::Field { optional: true, .. }, Val::Option(None)) => {}
            (Self::Field { name, kind, optional: true }, Val::Option(Some(value))) => {
                into.push((name.clone(), lifted(*kind, *value)?));
            }
            (Self::Field { name, kind, .. }, value) => {
                into.push((name.clone(), lifted(*kind, value)?));
            }
            (Self::Record(_), _) => return None,
        }
        Some(())
    }
}

fn lowered(kind: FieldKind, value: &OwnedValue) -> Val {
    let plain = match value {
        OwnedValue::String(text) => Val::String(text.clone()),
        OwnedValue::Int64(number) => Val::S64(*number),
        OwnedValue::Double(number) => Val::Float64(*number),
        OwnedValue::Bool(truth) => Val::Bool(*truth),
        OwnedValue::Timestamp(moment) => Val::S64(epoch_nanos(*moment)),
        OwnedValue::Duration(span) => Val::S64(span.as_nanos()),
        OwnedValue::Bytes(bytes) => Val::List(bytes.iter().map(|byte| Val::U8(*byte)).collect()),
        OwnedValue::StringMap(map) => {
            let pair = |(key, value): (&String, &String)| {
                Val::Tuple(vec![Val::String(key.clone()), Val::String(value.clone())])
            };
            Val::List(map.iter().map(pair).collect())
        }
    };
    if kind != FieldKind::Any {
        return plain;
    }
    let case = match value {
        OwnedValue::String(_) => "text",
        OwnedValue::Int64(_) => "int64",
        OwnedValue::Double(_) => "double",
        OwnedValue::Bool(_) => "boolean",
        OwnedValue::Timestamp(_) => "timestamp",
        OwnedValue::Duration(_) => "duration",
        OwnedValue::Bytes(_) => "ip-address",
        OwnedValue::StringMap(_) => "string-map",
    };
    Val::Variant(case.to_owned(), Some(Box::new(plain)))
}

fn unset(kind: FieldKind) -> Val {
    match kind {
        FieldKind::Text => Val::String(String::new()),
        FieldKind::Integer => Val::S64(0),
        FieldKind::Double => Val::Float64(0.0),
        FieldKind::Boolean => Val::Bool(false),
        FieldKind::Address | FieldKind::Map => Val::List(Vec::new()),
        FieldKind::Any => {
            Val::Variant("text".to_owned(), Some(Box::new(Val::String(String::new()))))
        }
    }
}

fn lifted(kind: FieldKind, value: Val) -> Option<OwnedValue> {
    Some(match (kind, value) {
        (FieldKind::Text, Val::String(text)) => OwnedValue::String(text),
        (FieldKind::Integer, Val::S64(number)) => OwnedValue::Int64(number),
        (FieldKind::Double, Val::Float64(number)) => OwnedValue::Double(number),
        (FieldKind::Boolean, Val::Bool(truth)) => OwnedValue::Bool(truth),
        (FieldKind::Address, Val::List(bytes)) => {
            let byte = |byte| if let Val::U8(byte) = byte { Some(byte) } else { None };
            OwnedValue::Bytes(bytes.into_iter().map(byte).collect::<Option<_>>()?)
        }
        (FieldKind::Map, Val::List(pairs)) => {
            OwnedValue::StringMap(pairs.into_iter().map(pair).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn pair(pair: Val) -> Option<(String, String)> {
    let Val::Tuple(pair) = pair else { return None };
    let [key, value]: [Val; 2] = pair.try_into().ok()?;
    Some((text(key)?, text(value)?))
}

/// A decision, or the adapter's word that it cannot decide.
pub(super) fn decision(answer: Val) -> Option<Result<types::CheckResult, types::CallError>> {
    let Val::Result(answer) = answer else { return None };
    let answer = match answer {
        Ok(answer) => answer?,
        Err(error) => return Some(Err(call_error(*error?)?)),
    };
    let [code, message, duration, uses, response] = record(*answer)?;
    let (Val::S32(code), Val::S64(valid_duration), Val::Option(uses), Val::Option(response)) =
        (code, duration, uses, response)
    else {
        return None;
    };
    let uses = match uses.map(|uses| *uses) {
        None => None,
        Some(Val::U32(uses)) => Some(uses),
        Some(_) => return None,
    };
    Some(Ok(types::CheckResult {
        code,
        message: text(message)?,
        valid_duration,
        valid_use_count: uses,
        direct_response: match response {
            None => None,
            Some(response) => Some(direct_response(*response)?),
        },
    }))
}

/// What a generator answered.
pub(super) fn generated(answer: Val) -> Option<Result<Val, types::CallError>> {
    match answer {
        Val::Result(Ok(answer)) => Some(Ok(*answer?)),
        Val::Result(Err(error)) => Some(Err(call_error(*error?)?)),
        _ => None,
    }
}

/// The elements of a batch that were not taken, with the reasons.
pub(super) fn failed_elements(answer: Val) -> Option<Vec<types::FailedElement>> {
    let Val::List(failed) = answer else { return None };
    let one = |failed| {
        let [element, message] = record(failed)?;
        let Val::U32(element) = element else { return None };
        Some(types::FailedElement { element, message: text(message)? })
    };
    failed.into_iter().map(one).collect()
}

fn direct_response(response: Val) -> Option<types::DirectResponse> {
    let [code, body, headers] = record(response)?;
    let (Val::U16(code), Val::List(headers)) = (code, headers) else { return None };
    let header = |header| {
        let [name, value] = record(header)?;
        Some(types::Header { name: text(name)?, value: text(value)? })
    };
    let headers = headers.into_iter().map(header).collect::<Option<_>>()?;
    Some(types::DirectResponse { code, body: text(body)?, headers })
}

fn call_error(error: Val) -> Option<types::CallError> {
    let [fault, retry, message] = record(error)?;
    let (Val::Enum(fault), Val::Bool(retry)) = (fault, retry) else { return None };
    let fault = match fault.as_str() {
        "caller" => types::Fault::Caller,
        "backend" => types::Fault::Backend,
        _ => types::Fault::Adapter,
    };
    Some(types::CallError { fault, retry, message: text(message)? })
}

fn record<const N: usize>(record: Val) -> Option<[Val; N]> {
    let Val::Record(fields) = record else { return None };
    let values: Vec<Val> = fields.into_iter().map(|(_, value)| value).collect();
    values.try_into().ok()
}

fn text(value: Val) -> Option<String> {
    if let Val::String(text) = value { Some(text) } else { None }
}
