use std::collections::BTreeMap;

use adapter_sdk::{Action, Property, Subject, Value as Given};
use regorus::Value;

/// `input` as Istio's adapter made it: `subject` and `action`, without what is empty, `groups` as a list of
/// the one text there is.
pub(crate) fn input(subject: &Subject, action: &Action) -> Value {
    let Subject { user, groups, properties } = subject;
    let groups = match groups.as_str() {
        "" => None,
        groups => Some(Value::from(vec![Value::from(groups)])),
    };
    let subject = object([
        ("user", text(user)),
        ("groups", groups),
        ("properties", of_properties(properties)),
    ]);
    let Action { namespace, service, method, path, properties } = action;
    let action = object([
        ("namespace", text(namespace)),
        ("service", text(service)),
        ("method", text(method)),
        ("path", text(path)),
        ("properties", of_properties(properties)),
    ]);
    object([("subject", Some(subject)), ("action", Some(action))])
}

fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let set = fields.into_iter().filter_map(|(name, value)| Some((Value::from(name), value?)));
    Value::from(set.collect::<BTreeMap<_, _>>())
}

fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::from(text))
}

fn of_properties(properties: &[Property]) -> Option<Value> {
    let entry = |p: &Property| (Value::from(p.name.as_str()), of_value(p.value()));
    (!properties.is_empty())
        .then(|| Value::from(properties.iter().map(entry).collect::<BTreeMap<_, _>>()))
}

/// Addresses, times and durations are texts, as labels show them.
fn of_value(value: Given<'_>) -> Value {
    match value {
        Given::Text(text) => text.into(),
        Given::Int64(number) => number.into(),
        Given::Double(number) => number.into(),
        Given::Boolean(truth) => truth.into(),
        Given::StringMap(map) => {
            let entries = map.iter().map(|(key, value)| (Value::from(key), Value::from(value)));
            Value::from(entries.collect::<BTreeMap<_, _>>())
        }
        Given::Timestamp(_) | Given::Duration(_) | Given::IpAddress(_) => value.to_string().into(),
    }
}
