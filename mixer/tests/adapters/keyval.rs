//! Istio's task with its demonstration adapter, which runs in another process.
use prost::Message;
use std::path::Path;

use crate::checks::WithOutput;
use crate::fake::{self, Adapter, bytes};
use crate::world::{MANIFEST, World};

#[derive(Clone, PartialEq, Message)]
struct Params {
    #[prost(map = "string, string", tag = "1")]
    table: std::collections::HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, optional, tag = "1")]
    instance: Option<Instance>,
    #[prost(message, optional, tag = "2")]
    adapter_config: Option<prost_types::Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Instance {
    #[prost(string, tag = "1")]
    key: String,
}

#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    result: Option<mesh_api::adapter_model::CheckResult>,
    #[prost(message, optional, tag = "2")]
    output: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "2")]
    value: String,
}

/// The task's file, with the adapter at `address`.
fn task(address: impl std::fmt::Display) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/istio-1.4/tasks/header-operations.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    text.replace("keyval:9070", &format!("{address}\n    timeout: 30s"))
        .replace("apiVersion: config.istio.io/v1alpha2\n", "\n")
        .replace("source.labels[\"istio\"]", "source.name")
}

#[tokio::test]
async fn the_task_of_istio_asks_the_adapter_where_it_is() {
    // What Istio's own does: look the key up in the parameters that come with it.
    let remote = Adapter::start(fake::istio(), |_, request| {
        let request = Request::decode(request.clone()).unwrap();
        let params = Params::decode(request.adapter_config.unwrap().value.as_slice()).unwrap();
        match params.table.get(&request.instance.unwrap().key) {
            Some(value) => {
                let output = Some(Value { value: value.clone() });
                bytes(&Response { result: Some(Default::default()), output })
            }
            None => {
                let status = mesh_api::rpc::Status { code: 5, ..Default::default() };
                let result = mesh_api::adapter_model::CheckResult {
                    status: Some(status),
                    ..Default::default()
                };
                bytes(&WithOutput { result: Some(result), output: None })
            }
        }
    })
    .await;
    let world = World::new(&[MANIFEST, &task(remote.address)]).await;
    assert_eq!(world.problems(), [""; 0]);
    let user = |name: &str| crate::world::request().with("request.headers", [("user", name)]);
    let answer = world.ask(&user("jason"), "", &[]).await.precondition.unwrap();
    assert_eq!(answer.status.unwrap().code, 0);
    let operations = answer.route_directive.unwrap().request_header_operations;
    assert_eq!(
        (operations[0].name.as_str(), operations[0].value.as_str()),
        ("user-group", "admin")
    );
    assert_eq!(world.check(&user("eve")).await.0, 5);
    assert_eq!(remote.waiting(), 2);
}

#[tokio::test]
async fn without_a_connection_the_component_of_that_name_does_it() {
    let task = task("x:1");
    let here = task.replace("  connection:\n    address: x:1\n    timeout: 30s\n", "");
    assert_ne!(here, task);
    let world = World::new(&[MANIFEST, &here]).await;
    assert_eq!(world.problems(), [""; 0]);
    let user = crate::world::request().with("request.headers", [("user", "jason")]);
    let answer = world.ask(&user, "", &[]).await.precondition.unwrap();
    assert_eq!(answer.status.unwrap().code, 0);
}
