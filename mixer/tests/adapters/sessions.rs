use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mesh_api::adapter_model::{
    CheckResult, CloseSessionResponse, CreateSessionResponse, ValidateResponse,
};
use serde_json::json;
use tonic::{Code, Status};

use crate::fake::{self, Adapter, bytes, unimplemented};
use crate::world::{MANIFEST, PARAMS_SET, World, adapter, handler, request};

const RULE: &str = r#"
kind: instance
metadata: { name: who, namespace: a }
spec: { compiledTemplate: listentry, params: { value: source.ip } }
---
kind: rule
metadata: { name: who, namespace: a }
spec: { actions: [ { handler: h, instances: [ who ] } ] }
"#;

const SERVICE: &str = "/istio.mixer.adapter.model.v1beta1.InfrastructureBackend/";

async fn world(remote: &Adapter) -> World {
    let adapters = adapter("guard", "listentry", &PARAMS_SET, ", session_based: true");
    let handler = handler("guard.istio-system", remote.address, ", timeout: 30s");
    let handler = format!("{handler}  params: {{ house: main }}\n");
    World::new(&[MANIFEST, &adapters, &handler, RULE]).await
}

fn from() -> mesh_attributes::AttributeBag {
    request().with("source.ip", mesh_attributes::OwnedValue::Bytes(vec![10, 0, 0, 1]))
}

#[tokio::test]
async fn parameters_and_types_are_sent_once_and_calls_say_which_session_they_are_of() {
    let remote = Adapter::start(fake::istio(), |path, _| match path.rsplit('/').next().unwrap() {
        "Validate" => bytes(&ValidateResponse::default()),
        "CreateSession" => {
            bytes(&CreateSessionResponse { session_id: "s-1".to_owned(), status: None })
        }
        "CloseSession" => bytes(&CloseSessionResponse::default()),
        _ => bytes(&CheckResult::default()),
    })
    .await;
    let world = world(&remote).await;
    assert_eq!(world.problems(), [""; 0]);
    let validate = remote.call().await;
    assert_eq!(validate.path, format!("{SERVICE}Validate"));
    let expected = json!({
        "adapter_config": {
            "type_url": "type.googleapis.com/acme.config.Params",
            "value": "0a046d61696e",
        },
        // value = IP_ADDRESS
        "inferred_types": {
            "who.instance.a": { "type_url": "type.googleapis.com/listentry.Type", "value": "0806" },
        },
    });
    assert_eq!(validate.body, expected);
    let create = remote.call().await;
    assert_eq!((create.path, create.body), (format!("{SERVICE}CreateSession"), expected));
    assert_eq!(world.check(&from()).await.0, 0);
    let handle = remote.call().await;
    assert_eq!(
        handle.body["adapter_config"],
        json!({ "type_url": "google.protobuf.Any.type_url", "value": "732d31" })
    );
    world.close().await;
    let close = remote.call().await;
    assert_eq!(close.path, format!("{SERVICE}CloseSession"));
    assert_eq!(close.body, json!({ "session_id": "s-1" }));
}

#[tokio::test]
async fn a_session_that_the_adapter_forgot_is_opened_again() {
    let opened = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&opened);
    let remote = Adapter::start(fake::istio(), move |path, request| {
        match path.rsplit('/').next().unwrap() {
            "Validate" => bytes(&ValidateResponse::default()),
            "CreateSession" => {
                let number = count.fetch_add(1, Ordering::Relaxed);
                let session_id = format!("s-{number}");
                bytes(&CreateSessionResponse { session_id, status: None })
            }
            _ if String::from_utf8_lossy(request).contains("s-0") => {
                Err(Status::new(Code::NotFound, "no such session"))
            }
            _ => bytes(&CheckResult::default()),
        }
    })
    .await;
    let world = world(&remote).await;
    let (code, message) = world.check(&from()).await;
    assert_eq!(code, 14);
    assert!(message.contains("no such session"), "{message}");
    assert_eq!(world.check(&from()).await.0, 0);
    assert_eq!(opened.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn parameters_that_the_adapter_refuses_are_a_mistake_of_the_configuration() {
    let remote = Adapter::start(fake::istio(), |_, _| {
        let status =
            mesh_api::rpc::Status { code: 3, message: "no such house".to_owned(), details: vec![] };
        bytes(&ValidateResponse { status: Some(status) })
    })
    .await;
    let world = world(&remote).await;
    let problems = world.problems();
    assert!(problems[0].contains("it refuses the parameters: no such house"), "{problems:?}");
    assert_eq!(world.check(&from()).await.0, 14);
}

#[tokio::test]
async fn an_adapter_without_sessions_is_called_without_its_parameters_as_by_istio() {
    let remote = Adapter::start(fake::istio(), |path, _| {
        if path.starts_with(SERVICE) { unimplemented() } else { bytes(&CheckResult::default()) }
    })
    .await;
    let world = world(&remote).await;
    assert_eq!(world.check(&from()).await.0, 0);
    let _asked = remote.call().await;
    let handle = remote.call().await;
    assert_eq!(handle.body.get("adapter_config"), None);
}
