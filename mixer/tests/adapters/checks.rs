use std::sync::Mutex;

use bytes::Bytes;
use mesh_api::adapter_model::CheckResult;
use mesh_api::mixer::v1::header_operation::Operation;
use mesh_api::policy::DirectHttpResponse;
use mesh_api::rpc::Status as RpcStatus;
use mesh_attributes::Timestamp;
use prost::Message;
use serde_json::json;

use crate::fake::{self, Adapter, bytes};
use crate::world::{
    INVENTORY_SET, MANIFEST, PARAMS_SET, World, adapter, handler, inventory, request, template,
};

/// The answer of a check with output.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WithOutput {
    #[prost(message, optional, tag = "1")]
    pub(crate) result: Option<CheckResult>,
    #[prost(message, optional, tag = "2")]
    pub(crate) output: Option<Output>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Output {
    #[prost(string, tag = "1")]
    pub(crate) shelf: String,
    #[prost(int64, tag = "2")]
    pub(crate) left: i64,
    #[prost(map = "string, string", tag = "3")]
    pub(crate) labels: std::collections::HashMap<String, String>,
}

const RULE: &str = r#"
kind: instance
metadata: { name: books, namespace: a }
spec:
  template: inventory.istio-system
  params:
    item: request.path
    amount: request.size | 3
    small: "7"
    signed: "2"
    weight: "1.5"
    fragile: "true"
    level: '"HIGH"'
    from: source.ip
    at: request.time
    within: response.duration | "1500ms"
    any: source.ip
    tags:
      who.is: source.name | "nobody"
      when: request.time
    counts: { all: "12" }
    place: { city: '"Ulm"', tags: { zip: "89073" } }
    stops:
      first: { city: '"Aalen"' }
---
kind: rule
metadata: { name: books, namespace: a }
spec:
  actions: [ { handler: h, instances: [ books ], name: x } ]
  requestHeaderOperations:
  - { name: x-shelf, values: [ x.output.shelf ] }
  - { name: x-color, values: [ 'x.output.labels["color"] | "none"' ] }
"#;

const PARAMS: &str = "
  params:
    house: main
    mode: LOOSE
    limit: 12
    rules: [ { name: one, keep_for: 1.5s } ]
";

fn documents(address: impl std::fmt::Display) -> [String; 5] {
    let handler = handler("acme.istio-system", address, "");
    [
        MANIFEST.to_owned(),
        template("inventory", &INVENTORY_SET),
        adapter("acme", "inventory", &PARAMS_SET, ""),
        format!("{handler}{PARAMS}"),
        RULE.to_owned(),
    ]
}

async fn world(address: impl std::fmt::Display) -> World {
    let documents = documents(address);
    let world = World::new(&documents.each_ref().map(String::as_str)).await;
    assert_eq!(world.problems(), [""; 0]);
    world
}

fn result(code: i32) -> CheckResult {
    let status = RpcStatus { code, message: "says the adapter".to_owned(), details: Vec::new() };
    let valid_duration = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    CheckResult { status: Some(status), valid_duration, valid_use_count: 100 }
}

#[tokio::test]
async fn every_kind_of_field_and_the_parameters_reach_the_adapter_and_its_output_comes_back() {
    let adapter = Adapter::start(inventory(), |_, _| {
        let labels = [("color".to_owned(), "red".to_owned())].into();
        let output = Some(Output { shelf: "B4".to_owned(), left: 3, labels });
        bytes(&WithOutput { result: Some(CheckResult { status: None, ..result(0) }), output })
    })
    .await;
    let world = world(adapter.address).await;
    let bag = request()
        .with("source.ip", mesh_attributes::OwnedValue::Bytes(vec![10, 0, 0, 1]))
        .with("request.time", Timestamp { seconds: 1_700_000_000, nanos: 5 });
    let answer = world.ask(&bag, "", &[]).await.precondition.unwrap();
    assert_eq!(answer.status.unwrap().code, 0);
    assert_eq!(answer.valid_duration.unwrap().seconds, 60);
    // Mixer lends uses out, never more than the adapter gave.
    assert!((1..=100).contains(&answer.valid_use_count), "{}", answer.valid_use_count);
    let operations = answer.route_directive.unwrap().request_header_operations;
    let operations: Vec<_> =
        operations.iter().map(|o| (o.name.as_str(), o.value.as_str(), o.operation())).collect();
    assert_eq!(
        operations,
        [("x-shelf", "B4", Operation::Replace), ("x-color", "red", Operation::Replace)]
    );
    let mut call = adapter.call().await;
    assert_eq!(call.path, "/acme.inventory.HandleInventoryService/HandleInventory");
    let id = call.body.as_object_mut().unwrap().remove("dedup_id").unwrap();
    assert!(id.as_str().unwrap().parse::<u64>().is_ok(), "{id}");
    // house = main, rules = [{name: one, keep_for: 1.5s}], mode = LOOSE, limit = 12
    let params = "0a046d61696e120f0a036f6e65120808011080cab5ee011801200c";
    let at = json!({ "seconds": 1_700_000_000_i64, "nanos": 5 });
    assert_eq!(
        call.body,
        json!({
            "instance": {
                "name": "books.instance.a",
                "item": "/books",
                "amount": 3,
                "small": 7,
                "signed": 2,
                "weight": 1.5,
                "fragile": true,
                "level": 7,
                "from": { "value": "0a000001" },
                "at": { "value": at },
                "within": { "value": { "seconds": 1, "nanos": 500_000_000 } },
                "any": { "ip_address_value": { "value": "0a000001" } },
                "tags": {
                    "who.is": { "string_value": "nobody" },
                    "when": { "timestamp_value": { "value": at } },
                },
                "counts": { "all": 12 },
                "place": { "city": "Ulm", "tags": { "zip": { "int64_value": 89073 } } },
                "stops": { "first": { "city": "Aalen" } },
            },
            "adapter_config": { "type_url": "type.googleapis.com/acme.config.Params", "value": params },
        })
    );
    let again = world.ask(&bag, "", &[]).await.precondition.unwrap();
    assert_eq!(again.status.unwrap().code, 0);
    assert_eq!(adapter.waiting(), 0, "an answer is cached as the adapter allows");
}

#[tokio::test]
async fn a_denial_has_the_adapters_words_and_its_direct_response() {
    let adapter = Adapter::start(inventory(), |_, _| {
        let response = DirectHttpResponse {
            code: 451,
            body: "<no/>".to_owned(),
            headers: [("x-why".to_owned(), "law".to_owned())].into(),
        };
        let detail = prost_types::Any {
            type_url: "type.googleapis.com/istio.policy.v1beta1.DirectHttpResponse".to_owned(),
            value: response.encode_to_vec(),
        };
        let mut denied = result(7);
        denied.status.as_mut().unwrap().details.push(detail);
        bytes(&WithOutput { result: Some(denied), output: Some(Output::default()) })
    })
    .await;
    let world = world(adapter.address).await;
    let bag = request()
        .with("source.ip", mesh_attributes::OwnedValue::Bytes(vec![10, 0, 0, 1]))
        .with("request.time", Timestamp::default());
    let answer = world.ask(&bag, "", &[]).await.precondition.unwrap();
    let status = answer.status.unwrap();
    assert_eq!((status.code, status.message.as_str()), (7, "h.a:says the adapter"));
    let directive = answer.route_directive.unwrap();
    assert_eq!(
        (directive.direct_response_code, directive.direct_response_body.as_str()),
        (451, "<no/>")
    );
    assert_eq!(directive.response_header_operations[0].name, "x-why");
}

#[tokio::test]
async fn a_template_of_istio_works_by_its_compiled_name_and_with_its_descriptor() {
    for (how, declared) in [("compiledTemplate", false), ("template", true)] {
        let seen: Mutex<u32> = Mutex::default();
        let adapter = Adapter::start(fake::istio(), move |path, _: &Bytes| {
            *seen.lock().unwrap() += 1;
            assert_eq!(path, "/authorization.HandleAuthorizationService/HandleAuthorization");
            bytes(&result(7))
        })
        .await;
        let instance = format!(
            r#"
kind: instance
metadata: {{ name: who, namespace: a }}
spec:
  {how}: authorization{}
  params:
    subject: {{ user: source.name | "eve", properties: {{ app: '"web"' }} }}
    action: {{ method: '"GET"', path: request.path }}
---
kind: rule
metadata: {{ name: who, namespace: a }}
spec: {{ actions: [ {{ handler: h, instances: [ who ] }} ] }}
"#,
            if declared { ".istio-system" } else { "" }
        );
        let one = crate::world::one_template("authorization");
        let template = template("authorization", &one);
        let adapters = crate::world::adapter("guard", "authorization", b"", "");
        let handler = handler("guard.istio-system", adapter.address, "");
        let mut documents = vec![MANIFEST, &adapters, &handler, &instance];
        if declared {
            documents.push(&template);
        }
        let world = World::new(&documents).await;
        assert_eq!(world.problems(), [""; 0], "{how}");
        assert_eq!(world.check(&request()).await, (7, "h.a:says the adapter".to_owned()));
        let call = adapter.call().await;
        assert_eq!(
            call.body["instance"],
            json!({
                "name": "who.instance.a",
                "subject": { "user": "eve", "properties": { "app": { "string_value": "web" } } },
                "action": { "method": "GET", "path": "/books" },
            })
        );
        assert_eq!(call.body.get("adapter_config"), None, "it declares no parameters");
    }
}
