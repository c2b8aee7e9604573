use std::collections::HashMap;

use anyhow::{Context as _, Result, anyhow, ensure};
use cel::{Context, Program};
use mesh_attributes::wire::{CheckRequest, WireBag};
use mesh_attributes::{AttributeName, Bag, KeyState, Tracked, Value, ValueType};
use mixer_expr::{Language, compile_in};

use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::measure;
use crate::request::{self, NAMESPACE};
use crate::subject::{Promise, Subject};

/// All three terms hold, so all are evaluated. It means the same in all languages.
const THREE_TERMS: &str = r#"destination.service.name == "catalog" && request.method == "GET" && request.headers["x-user"] != "mallory""#;

/// The same match in each language, by hand, and by the crate `cel`. For the latter the request is
/// copied into its values beforehand, which is not counted.
pub(super) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let types: HashMap<String, ValueType> = [
        ("destination.service.name", ValueType::String),
        ("request.method", ValueType::String),
        ("request.headers", ValueType::StringMap),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
    .into();
    let message = request::check_request(0, NAMESPACE);
    let bag = CheckRequest::decode(&message)?.attributes;
    let bag = &bag;
    let mut subjects = Vec::new();
    for (name, language) in [
        ("match_3_terms_cexl", Language::Cexl),
        ("match_3_terms_cel", Language::Cel),
        ("match_3_terms_compat", Language::Compat),
    ] {
        let expression = compile_in(THREE_TERMS, language, &types).context(name)?;
        let operation = move || {
            ensure!(expression.eval_bool(bag)?, "the match does not hold");
            Ok(())
        };
        let subject = Subject::new(name, operation).allocates(Promise::Never);
        subjects.push(subject.elsewhere(if language == Language::Cexl {
            "368 ns, 4 allocs, 2 terms: Istio 1.4 Mixer"
        } else {
            ""
        }));
    }
    let tracked = compile_in(THREE_TERMS, Language::Cexl, &types)?;
    subjects.push(Subject::new("match_3_terms_cexl_tracked", move || {
        ensure!(tracked.eval_bool(&Tracked::new(bag))?, "the match does not hold");
        Ok(())
    }));
    let names = ["destination.service.name", "request.method", "request.headers"];
    let names = names.map(AttributeName::new);
    subjects.push(Subject::new("match_3_terms_by_hand", move || {
        ensure!(by_hand(bag, &names), "the match does not hold");
        Ok(())
    }));
    let program = Program::compile(THREE_TERMS).map_err(|cause| anyhow!("{cause}"))?;
    let context = copied()?;
    subjects.push(Subject::new("match_3_terms_cel_crate", move || {
        let value = program.execute(&context)?;
        ensure!(value == cel::Value::Bool(true), "the match does not hold");
        Ok(())
    }));
    measure(subjects, effort)
}

fn by_hand(bag: &WireBag<'_>, [service, method, headers]: &[AttributeName; 3]) -> bool {
    let is = |name, wanted| matches!(bag.get(name), Some(Value::String(text)) if text == wanted);
    is(service, "catalog")
        && is(method, "GET")
        && match bag.get_key(headers, "x-user") {
            KeyState::Value(user) => user != "mallory",
            KeyState::KeyAbsent => true,
            KeyState::MapAbsent | KeyState::NotAMap => false,
        }
}

/// What the match reads, in the values of the crate `cel`.
fn copied() -> Result<Context<'static, 'static>> {
    let text = |text: &str| cel::Value::from(text);
    let headers: HashMap<String, cel::Value> = request::headers(0)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let service = HashMap::from([("name".to_owned(), text("catalog"))]);
    let destination = HashMap::from([("service".to_owned(), cel::Value::from(service))]);
    let request = HashMap::from([
        ("method".to_owned(), text("GET")),
        ("headers".to_owned(), cel::Value::from(headers)),
    ]);
    let mut context = Context::default();
    context.add_variable_from_value("destination", destination);
    context.add_variable_from_value("request", request);
    Ok(context)
}
