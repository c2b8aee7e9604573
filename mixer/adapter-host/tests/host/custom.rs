//! Templates that authors invent, through a real component.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapter_host::{
    CallError, Component, CustomBatch, CustomTemplate, Fault, InstanceDecl, InstanceIndex,
    OwnedValue, Template, Variety,
};
use mesh_attributes::{Timestamp, ValueType};
use serde_json::json;

use crate::fixture::{TestHandler, host, load};

const ONE: InstanceIndex = InstanceIndex(0);

fn template(component: &Arc<Component>, short: &str) -> CustomTemplate {
    let own = component.templates().iter().filter_map(|template| match template {
        Template::Custom(custom) => Some(*custom),
        _ => None,
    });
    own.into_iter().find(|custom| custom.short_name() == short).unwrap()
}

fn instance(template: CustomTemplate, fields: &[(&str, ValueType)]) -> InstanceDecl {
    InstanceDecl {
        name: "one.instance.default".to_owned(),
        template: Template::Custom(template),
        fields: fields.iter().map(|(name, of)| ((*name).to_owned(), *of)).collect(),
        value_type: None,
    }
}

fn text(text: &str) -> OwnedValue {
    OwnedValue::String(text.to_owned())
}

const LIMITS: [(&str, ValueType); 6] = [
    ("client.name", ValueType::String),
    ("extra", ValueType::Timestamp),
    ("internal", ValueType::Bool),
    ("labels", ValueType::StringMap),
    ("share", ValueType::Double),
    ("tokens", ValueType::Int64),
];

fn limits(name: &str, internal: bool) -> Vec<OwnedValue> {
    let labels =
        BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())]);
    vec![
        text(name),
        OwnedValue::Timestamp(Timestamp { seconds: 1, nanos: 5 }),
        OwnedValue::Bool(internal),
        OwnedValue::StringMap(labels.into_iter().collect()),
        OwnedValue::Double(0.5),
        OwnedValue::Int64(-3),
    ]
}

#[tokio::test]
async fn the_types_of_a_component_are_its_templates() {
    let host = host();
    let component = load(&host, "testing/invented");
    assert_eq!(component.description().version, "1.2.0");
    let limits = template(&component, "limits");
    assert_eq!((limits.interface(), limits.variety()), ("acme:rates/limits@1.2.0", Variety::Check));
    let fields: Vec<_> =
        limits.fields().iter().map(|field| (field.name.as_str(), field.optional)).collect();
    assert_eq!(
        fields,
        [
            ("client.address", true),
            ("client.name", false),
            ("extra", false),
            ("internal", false),
            ("labels", false),
            ("max_age", true),
            ("share", false),
            ("tokens", false),
        ]
    );
    let origin = template(&component, "origin");
    assert_eq!(
        origin.outputs(),
        [
            ("labels", ValueType::StringMap),
            ("region", ValueType::String),
            ("weight", ValueType::Int64),
        ]
    );
    let changed = load(&host, "testing/invented-changed");
    assert_ne!(template(&changed, "limits"), limits, "other types are another template");
}

#[tokio::test]
async fn a_check_gets_its_fields_and_its_answer_counts() {
    let host = host();
    let component = load(&host, "testing/invented");
    let declared = instance(template(&component, "limits"), &LIMITS);
    let handler = TestHandler::new(json!({})).with(declared).build(&host, &component).await;
    let passed = handler.check(ONE, limits("me", true)).await.unwrap();
    assert_eq!((passed.code, passed.valid_duration_ns), (0, 1_000_000_000));
    let told = &passed.message;
    for expected in [
        "address: None",
        "name: \"me\"",
        "tokens: -3",
        "share: 0.5",
        "(\"a\", \"1\"), (\"b\", \"2\")",
        "Timestamp(1000000005)",
        "max-age: None",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert_eq!(handler.check(ONE, limits("me", false)).await.unwrap().code, 7);
    let refused = handler.check(ONE, limits("nobody", true)).await.unwrap_err();
    assert!(matches!(&refused, CallError::Refused { fault: Fault::Caller, .. }), "{refused}");
    assert_eq!(handler.status().errors, 1);
}

#[tokio::test]
async fn a_report_goes_in_batches_and_names_what_it_did_not_take() {
    let host = host();
    let component = load(&host, "testing/invented");
    let fields = [("instance", ValueType::Int64), ("who", ValueType::String)];
    let declared = instance(template(&component, "audit"), &fields);
    let handler = TestHandler::new(json!({}))
        .with(declared)
        // A loaded machine needs more than half a second for a thousand.
        .with_limits(|limits| limits.report_deadline = std::time::Duration::from_secs(10))
        .build(&host, &component)
        .await;
    let mut batch = CustomBatch::default();
    for element in 0..2500 {
        let who = if element % 1000 == 7 { "nobody" } else { "me" };
        batch.push(element, ONE, vec![OwnedValue::Int64(element.into()), text(who)]);
    }
    let failed = handler.report_custom(&batch).await.unwrap();
    let failed: Vec<u32> = failed.iter().map(|failed| failed.element).collect();
    assert_eq!(failed, [7, 1007, 2007]);
    let status = handler.status();
    assert_eq!((status.calls, status.failed_elements), (3, 3));
}

#[tokio::test]
async fn a_generator_answers_with_attributes() {
    let host = host();
    let component = load(&host, "testing/invented");
    let declared = instance(template(&component, "origin"), &[("ip", ValueType::IpAddress)]);
    let handler = TestHandler::new(json!({})).with(declared).build(&host, &component).await;
    let of = |ip: &[u8]| handler.generate(ONE, vec![OwnedValue::Bytes(ip.to_vec())]);
    let mut inside = of(&[10, 0, 0, 9]).await.unwrap();
    inside.sort_by(|a, b| a.0.cmp(&b.0));
    let names: Vec<_> = inside.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["labels", "region", "weight"]);
    assert_eq!((&inside[1].1, &inside[2].1), (&text("inside"), &OwnedValue::Int64(9)));
    assert_eq!(of(&[]).await.unwrap().len(), 2, "what is none is absent");
}

#[tokio::test]
async fn an_instance_that_does_not_fit_is_refused() {
    let host = host();
    let component = load(&host, "testing/invented");
    let fields = [("ipp", ValueType::IpAddress)];
    let declared = instance(template(&component, "origin"), &fields);
    let problems = TestHandler::new(json!({})).with(declared).problems(&host, &component).await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("field ipp: is unknown"), "{problems:?}");
    let changed = load(&host, "testing/invented-changed");
    let declared = instance(template(&component, "limits"), &LIMITS);
    let problems = TestHandler::new(json!({})).with(declared).problems(&host, &changed).await;
    assert!(problems[0].contains("does not serve template acme:rates/limits@1.2.0"));
}
