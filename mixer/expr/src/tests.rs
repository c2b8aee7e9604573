mod absence;
mod bounds;
mod faults;
mod formats;
mod functions;
mod model;
mod syntax;

use std::collections::BTreeMap;

use mesh_attributes::{AttributeBag, Condition, Timestamp, Tracked, ValueType};

use crate::{Evaluated, compile};

/// Two attributes of each type, `as` and `bs` of STRING and so on, and a few of the real names.
fn types() -> BTreeMap<String, ValueType> {
    let suffixes = [
        ("s", ValueType::String),
        ("i", ValueType::Int64),
        ("d", ValueType::Double),
        ("b", ValueType::Bool),
        ("t", ValueType::Timestamp),
        ("ip", ValueType::IpAddress),
        ("email", ValueType::EmailAddress),
        ("uri", ValueType::Uri),
        ("dns", ValueType::DnsName),
        ("dur", ValueType::Duration),
        ("r", ValueType::StringMap),
    ];
    let named = [
        ("request.path", ValueType::String),
        ("request.headers", ValueType::StringMap),
        ("source.name", ValueType::String),
        ("source.labels", ValueType::StringMap),
    ];
    let pairs = suffixes
        .into_iter()
        .flat_map(|(suffix, t)| [(format!("a{suffix}"), t), (format!("b{suffix}"), t)]);
    pairs.chain(named.map(|(name, t)| (name.to_owned(), t))).collect()
}

/// The value in a short form, or the error.
fn show(outcome: Result<Evaluated<'_>, crate::EvalError>) -> String {
    match outcome {
        Ok(Evaluated::String(v)) => format!("{v:?}"),
        Ok(Evaluated::Int64(v)) => v.to_string(),
        Ok(Evaluated::Double(v)) => format!("{v:?}"),
        Ok(Evaluated::Bool(v)) => v.to_string(),
        Ok(Evaluated::Timestamp(Timestamp { seconds, nanos })) => format!("@{seconds}.{nanos:09}"),
        Ok(Evaluated::Duration(v)) => format!("{}ns", v.as_nanos()),
        Ok(Evaluated::IpAddress(v)) => v.to_string(),
        Ok(Evaluated::StringMap(v)) => {
            let mut entries = BTreeMap::new();
            v.each(&mut |key, value| {
                entries.insert(key.to_owned(), value.to_owned());
            });
            format!("{entries:?}")
        }
        Err(error) => format!("eval: {error}"),
    }
}

fn eval(text: &str, bag: &AttributeBag) -> String {
    match compile(text, &types()) {
        Ok(expression) => show(expression.eval(bag)),
        Err(error) => format!("compile: {error}"),
    }
}

/// What evaluation read, as a Check answer would list it: `+name` for exact, `-name` for absence.
fn read(text: &str, bag: &AttributeBag) -> String {
    let expression = compile(text, &types()).unwrap();
    let tracked = Tracked::new(bag);
    show(expression.eval(&tracked));
    list(&tracked)
}

fn list(tracked: &Tracked<'_, AttributeBag>) -> String {
    let references = tracked.references();
    let texts = references.iter().map(|(name, key, condition)| {
        let sign = if condition == Condition::Absence { '-' } else { '+' };
        let key = key.map(|key| format!("[{key}]")).unwrap_or_default();
        format!("{sign}{name}{key}")
    });
    texts.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(bag: &AttributeBag, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(eval(text, bag), *expected, "{text}");
    }
}

fn empty() -> AttributeBag {
    AttributeBag::new()
}
