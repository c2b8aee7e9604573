//! What is wrong in a configuration is told with its place and the likely cause.

use crate::world::{
    INVENTORY_SET, MANIFEST, PARAMS_SET, World, adapter, compile, handler, template,
};

fn instance(template: &str, params: &str) -> String {
    format!(
        "
kind: instance
metadata: {{ name: i, namespace: a }}
spec: {{ template: {template}, params: {{ {params} }} }}
---
kind: rule
metadata: {{ name: r, namespace: a }}
spec: {{ actions: [ {{ handler: h, instances: [ i ] }} ] }}
"
    )
}

async fn problems(documents: &[&str]) -> Vec<String> {
    let mut all = vec![MANIFEST];
    all.extend(documents);
    World::new(&all).await.problems()
}

/// Each of `told` is in a problem.
fn assert_told(problems: &[String], told: &[&str]) {
    for text in told {
        assert!(problems.iter().any(|problem| problem.contains(text)), "{text}: {problems:#?}");
    }
}

#[tokio::test]
async fn a_descriptor_that_is_none_is_told_from_one_that_lacks_something() {
    let cases: &[(Vec<u8>, &str)] = &[
        (b"\xff\xff\xff".to_vec(), "template t.istio-system: the descriptor is no FileDescriptorSet"),
        (PARAMS_SET.clone(), "no file of the descriptor has the option template_variety"),
        (
            compile(
                "syntax = \"proto3\"; package x; import \"istio/adapter/model/v1beta1/extensions.proto\";
                 option (istio.mixer.adapter.model.v1beta1.template_variety) = TEMPLATE_VARIETY_CHECK;
                 option (istio.mixer.adapter.model.v1beta1.template_name) = \"x\"; message Template {}",
            ),
            "has no message InstanceMsg; the descriptor must be that of template_handler_service.proto",
        ),
        (
            compile(
                "syntax = \"proto3\"; package x; import \"istio/adapter/model/v1beta1/extensions.proto\";
                 option (istio.mixer.adapter.model.v1beta1.template_variety) = TEMPLATE_VARIETY_CHECK;
                 message InstanceMsg {}",
            ),
            "has no option template_name",
        ),
        (mesh_api::TEMPLATES.to_vec(), "both have the option template_variety"),
    ];
    for (descriptor, told) in cases {
        assert_told(&problems(&[&template("t", descriptor)]).await, &[told]);
    }
}

#[tokio::test]
async fn fields_are_held_against_the_template() {
    let inventory = template("inventory", &INVENTORY_SET);
    for (params, told) in [
        ("itme: request.path", "template inventory has no field itme, did you mean item?"),
        ("item: '1'", "field item: is INT64, expected STRING"),
        ("place: { town: request.path }", "has no field place.town; here it has city, tags"),
        ("place: request.path", "field place of template inventory is a message"),
        ("tags: request.path", "field tags of template inventory is a map"),
        ("item: { name: request.path }", "field item.name of template inventory is one value"),
        ("list: request.path", "is a list, which no expression makes"),
        ("raw: request.path", "field raw of template inventory is"),
        ("name: request.path", "template inventory has no field name"),
        ("from: request.path", "field from: is STRING, expected IP_ADDRESS"),
        ("level: '1.5'", "field level: is DOUBLE, expected INT64 or STRING"),
        ("item: no.such", "field item: unknown attribute no.such"),
    ] {
        let instance = instance("inventory.istio-system", params);
        assert_told(&problems(&[&inventory, &instance]).await, &[told]);
    }
}

#[tokio::test]
async fn parameters_are_held_against_the_adapters_own_declaration() {
    let inventory = template("inventory", &INVENTORY_SET);
    let adapters = adapter("acme", "inventory", &PARAMS_SET, "");
    for (params, told) in [
        ("hous: x", "hous: there is no such parameter, did you mean `house`?"),
        (
            "rules: [ {}, { nam: x } ]",
            "rules[1].nam: there is no such parameter, did you mean `name`?",
        ),
        ("by_name: { a: { x: 1 } }", "by_name.a.x: there is no such parameter"),
        ("limit: many", "limit: "),
        ("mode: WILD", "mode: "),
        ("rules: [ { keep_for: soon } ]", "rules[0].keep_for: "),
    ] {
        let handler = handler("acme.istio-system", "127.0.0.1:1", "");
        let handler = format!("{handler}  params: {{ {params} }}\n");
        let problems = problems(&[&inventory, &adapters, &handler]).await;
        assert_told(&problems, &[&format!("handler h.a: {told}")]);
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let inventory = template("inventory", &INVENTORY_SET);
    let adapters = adapter("acme", "inventory", &PARAMS_SET, "");
    let here = handler("acme.istio-system", "127.0.0.1:1", "");
    let no_template = adapter("acme", "inventroy", b"", "");
    assert_told(
        &problems(&[&inventory, &no_template, &here]).await,
        &[
            "no template `inventroy`, did you mean `inventory.template.istio-system`?",
            "adapter acme.adapter.istio-system is refused for a mistake",
        ],
    );
    let no_adapter = handler("amce.istio-system", "127.0.0.1:1", "");
    let told = "no adapter `amce.istio-system`, did you mean `acme.adapter.istio-system`?";
    assert_told(&problems(&[&inventory, &adapters, &no_adapter]).await, &[told]);
    let no_port = handler("acme.istio-system", "adapter", "");
    let told = "connection.address: `adapter` must be host:port";
    assert_told(&problems(&[&inventory, &adapters, &no_port]).await, &[told]);
    let no_connection = "\nkind: handler\nmetadata: { name: h, namespace: a }\nspec: { adapter: acme.istio-system }\n";
    let told = "`spec.connection.address` is missing";
    assert_told(&problems(&[&inventory, &adapters, no_connection]).await, &[told]);
    let wrong_config = adapter("acme", "inventory", &INVENTORY_SET, "");
    let told = "no file in `config` has a message Params";
    assert_told(&problems(&[&inventory, &wrong_config]).await, &[told]);
    let wrong_template = instance("metric", "value: request.path");
    let told = "does not take i.instance.a, which is of template metric; it takes inventory";
    assert_told(&problems(&[&inventory, &adapters, &here, &wrong_template]).await, &[told]);
}

#[tokio::test]
async fn a_refused_template_leaves_the_one_before_in_force() {
    let inventory = template("inventory", &INVENTORY_SET);
    let adapters = adapter("acme", "inventory", &PARAMS_SET, "");
    let handler = handler("acme.istio-system", "127.0.0.1:1", "");
    let instance = instance("inventory.istio-system", "item: request.path");
    let mut world = World::new(&[MANIFEST, &inventory, &adapters, &handler, &instance]).await;
    assert_eq!(world.problems(), [""; 0]);
    let broken = template("inventory", b"\xff\xff");
    world.edit(&[MANIFEST, &broken, &adapters, &handler, &instance]).await;
    let problems = world.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(world.mixer.handler_statuses().len(), 1, "the handler goes on");
}
