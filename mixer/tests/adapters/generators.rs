use bytes::Bytes;
use prost::Message;

use crate::fake::{self, Adapter};
use crate::world::{MANIFEST, World, adapter, handler, request};

/// Of the output of Istio's template `kubernetes`, some fields.
#[derive(Clone, PartialEq, Message)]
struct Workloads {
    #[prost(string, tag = "2")]
    source_pod_name: String,
    #[prost(map = "string, string", tag = "3")]
    source_labels: std::collections::HashMap<String, String>,
    #[prost(message, optional, tag = "1")]
    source_pod_ip: Option<mesh_api::policy::IpAddress>,
}

const RULES: &str = r#"
kind: instance
metadata: { name: pods, namespace: istio-system }
spec:
  template: kubernetes
  params: { source_ip: source.ip, source_uid: '"kubernetes://a.b"' }
  attributeBindings:
    source.name: $out.source_pod_name | "unknown"
---
kind: handler
metadata: { name: no, namespace: a }
spec: { compiledAdapter: denier }
---
kind: instance
metadata: { name: nothing, namespace: a }
spec: { compiledTemplate: checknothing }
---
kind: rule
metadata: { name: deny, namespace: a }
spec: { match: source.name == "evil-pod", actions: [ { handler: no, instances: [ nothing ] } ] }
"#;

async fn world(remote: &Adapter) -> World {
    let adapters = adapter("pods", "kubernetes", b"", "");
    let handler = handler("pods.istio-system", remote.address, "");
    let rule = "
kind: rule
metadata: { name: pods, namespace: a }
spec: { actions: [ { handler: h, instances: [ pods.istio-system ] } ] }
";
    let world = World::new(&[MANIFEST, &adapters, &handler, RULES, rule]).await;
    assert_eq!(world.problems(), [""; 0]);
    world
}

#[tokio::test]
async fn what_an_adapter_knows_becomes_attributes() {
    let remote = Adapter::start(fake::istio(), |_, _| {
        let ip = mesh_api::policy::IpAddress { value: vec![10, 0, 0, 1] };
        let known = Workloads {
            source_pod_name: "evil-pod".to_owned(),
            source_labels: [("app".to_owned(), "x".to_owned())].into(),
            source_pod_ip: Some(ip),
        };
        Ok(known.encode_to_vec().into())
    })
    .await;
    let world = world(&remote).await;
    let from = request().with("source.ip", mesh_attributes::OwnedValue::Bytes(vec![10, 0, 0, 1]));
    assert_eq!(world.check(&from).await.0, 9);
    let call = remote.call().await;
    assert_eq!(call.path, "/adapter.template.kubernetes.HandleKubernetesService/HandleKubernetes");
    assert_eq!(call.body["instance"]["source_ip"]["value"], "0a000001");
}

#[tokio::test]
async fn an_output_that_is_not_set_is_absent_and_a_wrong_one_is_no_output() {
    let remote = Adapter::start(fake::istio(), |_, _| Ok(Bytes::new())).await;
    let world = world(&remote).await;
    let from = request().with("source.ip", mesh_attributes::OwnedValue::Bytes(vec![10, 0, 0, 1]));
    assert_eq!(world.check(&from).await.0, 0);
    // An address of three bytes.
    let wrong = Adapter::start(fake::istio(), |_, _| {
        Ok(Bytes::from_static(&[0x0a, 0x05, 0x0a, 0x03, 1, 2, 3]))
    })
    .await;
    let world = self::world(&wrong).await;
    let (code, message) = world.check(&from).await;
    assert_eq!(code, 14);
    assert!(message.contains("source_pod_ip is an address of 3 bytes"), "{message}");
}
