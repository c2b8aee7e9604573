mod absence;
mod bounds;
mod cel;
mod cel_model;
mod cel_syntax;
mod cel_types;
mod compat;
mod faults;
mod formats;
mod functions;
mod model;
mod syntax;

use std::collections::BTreeMap;

use mesh_attributes::{AttributeBag, Condition, StringMap, Timestamp, Tracked, ValueType};

use crate::{Evaluated, Language, compile_in};

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
        // CEL keeps the word `as` for itself.
        ("xs", ValueType::String),
        ("request.path", ValueType::String),
        ("request.size", ValueType::Int64),
        ("request.time", ValueType::Timestamp),
        ("connection.mtls", ValueType::Bool),
        ("connection.duration", ValueType::Duration),
        ("context.reporter.kind", ValueType::String),
        ("source.ip", ValueType::IpAddress),
        ("request.headers", ValueType::StringMap),
        ("source.name", ValueType::String),
        ("source.labels", ValueType::StringMap),
        ("destination.labels", ValueType::StringMap),
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
    eval_in(Language::Cexl, text, bag)
}

fn eval_in(language: Language, text: &str, bag: &AttributeBag) -> String {
    match compile_in(text, language, &types()) {
        Ok(expression) => {
            let plain = show(expression.eval(bag));
            assert_eq!(show(expression.eval(&Tracked::new(bag))), plain, "{text}, tracked");
            plain
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.offset), "{text} at {}", error.offset);
            format!("compile: {error}")
        }
    }
}

/// What evaluation read, as a Check answer would list it: `+name` for exact, `-name` for absence.
fn read(text: &str, bag: &AttributeBag) -> String {
    read_in(Language::Cexl, text, bag)
}

fn read_in(language: Language, text: &str, bag: &AttributeBag) -> String {
    let expression = compile_in(text, language, &types()).unwrap();
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
    check_in(Language::Cexl, bag, cases);
}

#[track_caller]
fn check_in(language: Language, bag: &AttributeBag, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(eval_in(language, text, bag), *expected, "{text}");
    }
}

#[track_caller]
fn reads_in(language: Language, bag: &AttributeBag, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(read_in(language, text, bag), *expected, "{text}");
    }
}

fn empty() -> AttributeBag {
    AttributeBag::new()
}
