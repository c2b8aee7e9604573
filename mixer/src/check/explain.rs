//! Why a request is answered as it is: what each rule makes of it, step by step.
//!
//! For people, by the very code that answers requests. Handlers are asked, but nothing is cached, no quota
//! is spent (it is asked for nothing) and no report is delivered. What is shown may hold secrets of the
//! request: the page is on the port that stays inside the mesh.

use mesh_attributes::wire::{CheckRequest, encode_check_request};
use mesh_attributes::{AttributeBag, Bag, Condition, OwnedValue, References, bag_to_json};
use serde_json::{Value, json};

use super::dispatch::Dispatched;
use crate::answer::Verdict;
use crate::generate::{GenerateFailure, Generated, RememberedOutputs};
use crate::instance::{adapter_value, evaluate_owned};
use crate::layered::Layered;
use crate::policy::namespace_of;
use crate::policy::rule::{Field, ReportInput, Scope, Target};
use crate::service::Mixer;

impl Mixer {
    /// What the rules make of a request with these attributes, as JSON: namespace and generation, what
    /// generators made, each rule with its instances and its handlers' answers, the verdict and what it
    /// depends on.
    pub async fn explain(&self, bag: &AttributeBag) -> Value {
        let policy = self.policy();
        let asked = policy.for_bag(bag);
        let mut remembered = RememberedOutputs::default();
        let made = self.generate(&asked.generate, bag, &mut remembered).await;
        let (generated, generators) = describe_generated(made);
        let visible = Layered { upper: bag, lower: &generated.attributes };
        let name = namespace_of(&visible);
        let deciding = policy.for_namespace(name);
        let mut rules = Vec::new();
        for rule in &deciding.check {
            let matches = matches(&rule.scope, &visible);
            let mut calls = Vec::new();
            if matches == Value::Bool(true) {
                for call in &rule.calls {
                    let mut shown = instance(&call.target, &call.input.fields, &visible);
                    if let Ok(values) = evaluate_owned(&call.input.fields, &visible) {
                        let handler = &call.target.handler;
                        shown["answer"] = match handler.check(call.target.index, values).await {
                            Ok(result) => json!({
                                "code": result.code,
                                "message": result.message,
                                "valid_ms": result.valid_duration_ns / 1_000_000,
                                "uses": result.valid_use_count,
                                "output": attributes(result.output.iter().map(|(n, v)| (&**n, v))),
                            }),
                            Err(failure) => json!({ "error": failure.to_string() }),
                        };
                    }
                    calls.push(shown);
                }
            }
            rules.push(rule_json("check", &rule.scope, &matches, calls));
        }
        for rule in &deciding.quota {
            let calls = rule.calls.iter().map(|call| {
                let mut shown = instance(&call.target, &call.input.fields, &visible);
                shown["quota"] = (&*call.quota).into();
                shown
            });
            rules.push(rule_json(
                "quota",
                &rule.scope,
                &matches(&rule.scope, &visible),
                calls.collect(),
            ));
        }
        for rule in &deciding.report {
            let calls = rule.calls.iter().map(|call| match &*call.input {
                ReportInput::Metric { value, dimensions, .. } => {
                    instance(&call.target, std::iter::once(value).chain(dimensions), &visible)
                }
                ReportInput::Columns { fields, .. } | ReportInput::Row { fields, .. } => {
                    instance(&call.target, fields, &visible)
                }
                ReportInput::Nothing => instance(&call.target, &[], &visible),
            });
            rules.push(rule_json(
                "report",
                &rule.scope,
                &matches(&rule.scope, &visible),
                calls.collect(),
            ));
        }
        let mut request = Vec::new();
        encode_check_request(bag, "", &[], &mut request);
        let answer = match CheckRequest::decode(&request) {
            Ok(request) => {
                let dispatched = self.dispatch(&request, asked, &policy, None).await;
                verdict(&dispatched)
            }
            Err(cause) => json!({ "error": cause.to_string() }),
        };
        json!({
            "namespace": name,
            "generation": deciding.generation.to_string(),
            "generated": generators,
            "rules": rules,
            "answer": answer,
        })
    }
}

fn describe_generated(made: Result<Generated, GenerateFailure>) -> (Generated, Value) {
    match made {
        Ok(generated) => {
            let shown = bag_to_json(&generated.attributes).unwrap_or_default();
            (generated, shown)
        }
        Err(failure) => {
            let handler = &failure.handler.name;
            let error = json!({ "error": format!("{handler}: {}", failure.message) });
            (Generated::default(), error)
        }
    }
}

/// `true`, `false`, or why the condition cannot be evaluated, in which case it does not hold.
fn matches(scope: &Scope, bag: &impl Bag) -> Value {
    match &scope.condition {
        None => true.into(),
        Some(condition) => match condition.eval_bool(bag) {
            Ok(holds) => holds.into(),
            Err(cause) => json!({ "error": cause.to_string() }),
        },
    }
}

fn rule_json(variety: &str, scope: &Scope, matches: &Value, calls: Vec<Value>) -> Value {
    let holds = *matches == Value::Bool(true);
    let mut shown = json!({
        "rule": &*scope.rule,
        "variety": variety,
        "match": scope.condition.as_ref().map(|condition| condition.text()),
        "matches": matches,
    });
    if scope.sampling.is_some() {
        shown["sampled"] = true.into();
    }
    if holds {
        shown["calls"] = calls.into();
    }
    shown
}

fn instance<'f>(
    target: &Target,
    fields: impl IntoIterator<Item = &'f Field>,
    bag: &impl Bag,
) -> Value {
    let mut made = AttributeBag::new();
    let mut errors = Vec::new();
    // Those that are not set would hide the others: a span has many, all zero.
    for field in fields.into_iter().filter(|field| field.expression.is_some()) {
        match field.evaluate(bag) {
            Ok(value) => made.set(&field.name, OwnedValue::from(adapter_value(&value))),
            Err(cause) => errors.push(cause.to_string()),
        }
    }
    let mut shown = json!({
        "instance": &*target.instance,
        "handler": target.handler.name,
        "adapter": target.handler.adapter,
        "values": bag_to_json(&made).unwrap_or_default(),
    });
    if !errors.is_empty() {
        shown["errors"] = errors.into();
    }
    shown
}

fn attributes<'v>(values: impl Iterator<Item = (&'v str, &'v OwnedValue)>) -> Value {
    let mut bag = AttributeBag::new();
    values.for_each(|(name, value)| bag.set(name, value.clone()));
    bag_to_json(&bag).unwrap_or_default()
}

fn verdict(dispatched: &Dispatched) -> Value {
    let Dispatched { verdict, references, .. } = dispatched;
    let Verdict { code, message, valid_duration, valid_use_count, directive, rule } = verdict;
    let operations = |operations: &[mesh_api::mixer::v1::HeaderOperation]| -> Vec<Value> {
        let shown = operations.iter().map(|operation| {
            json!({
                "name": operation.name,
                "value": operation.value,
                "operation": operation.operation().as_str_name(),
            })
        });
        shown.collect()
    };
    json!({
        "code": code,
        "message": message,
        "rule": rule.as_deref(),
        "valid_ms": u64::try_from(valid_duration.as_millis()).unwrap_or(u64::MAX),
        "uses": valid_use_count.0,
        "request_headers": operations(&directive.request_header_operations),
        "response_headers": operations(&directive.response_header_operations),
        "direct_response": (directive.direct_response_code != 0).then(|| json!({
            "code": directive.direct_response_code,
            "body": directive.direct_response_body,
        })),
        "depends_on": depends_on(references),
    })
}

fn depends_on(references: &References) -> Vec<Value> {
    let shown = references.iter().map(|(name, key, condition)| {
        let condition = match condition {
            Condition::Absence => "ABSENCE",
            Condition::Exact => "EXACT",
            Condition::Regex => "REGEX",
        };
        let mut reference = json!({ "name": name.as_str(), "condition": condition });
        if let Some(key) = key {
            reference["key"] = key.into();
        }
        reference
    });
    shown.collect()
}
