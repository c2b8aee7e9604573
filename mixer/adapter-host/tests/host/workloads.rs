//! What the host knows of workloads, through the adapter that asks for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapter_host::{Container, Import, OwnedValue, Pod, Template};
use mesh_attributes::ValueType;
use serde_json::json;

use crate::fixture::{TestHandler, host, load};
use crate::templates::ONE;

fn reviews() -> Pod {
    Pod {
        name: "reviews-1".to_owned(),
        namespace: "books".to_owned(),
        ips: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        host_ip: Some("192.168.0.1".parse().unwrap()),
        found_by_ip: true,
        created: 0,
        labels: BTreeMap::from([("app".to_owned(), "reviews".to_owned())]),
        service_account_name: "reader".to_owned(),
        workload_name: "reviews".to_owned(),
        owner: "kubernetes://apis/apps/v1/namespaces/books/deployments/reviews".to_owned(),
        containers: vec![Container { name: "app".to_owned(), ports: vec![9080] }],
    }
}

fn env() -> TestHandler {
    let declared = [
        ("destination_ip", ValueType::IpAddress),
        ("destination_port", ValueType::Int64),
        ("source_uid", ValueType::String),
    ];
    TestHandler::new(json!({})).with(adapter_host::InstanceDecl {
        name: "attributes.instance.default".to_owned(),
        template: Template::Kubernetes,
        fields: declared.map(|(name, declared)| (name.to_owned(), declared)).into(),
        value_type: None,
    })
}

fn request(ip: &[u8], source: &str) -> Vec<OwnedValue> {
    let (ip, port) = (OwnedValue::Bytes(ip.to_vec()), OwnedValue::Int64(9080));
    vec![ip, port, OwnedValue::String(source.to_owned())]
}

#[tokio::test]
async fn pods_become_attributes_and_changes_are_seen_by_the_next_call() {
    let host = host();
    let adapter = load(&host, "kubernetesenv");
    let handler = env().build(&host, &adapter).await;
    let by_ip = || handler.generate(ONE, request(&[10, 0, 0, 1], ""));
    assert_eq!(by_ip().await.unwrap(), [], "nothing is known before anybody tells");

    host.workloads().replace([Arc::new(reviews())]).unwrap();
    let known: BTreeMap<_, _> = by_ip().await.unwrap().into_iter().collect();
    let text = |text: &str| OwnedValue::String(text.to_owned());
    let labels = BTreeMap::from([("app".to_owned(), "reviews".to_owned())]);
    let owner = "kubernetes://apis/apps/v1/namespaces/books/deployments/reviews";
    let expected = [
        ("destination_container_name", text("app")),
        ("destination_host_ip", OwnedValue::Bytes(vec![192, 168, 0, 1])),
        ("destination_labels", OwnedValue::StringMap(labels.into_iter().collect())),
        ("destination_namespace", text("books")),
        ("destination_owner", text(owner)),
        ("destination_pod_ip", OwnedValue::Bytes(vec![10, 0, 0, 1])),
        ("destination_pod_name", text("reviews-1")),
        ("destination_pod_uid", text("kubernetes://reviews-1.books")),
        ("destination_service_account_name", text("reader")),
        ("destination_workload_name", text("reviews")),
        ("destination_workload_namespace", text("books")),
        ("destination_workload_uid", text("istio://books/workloads/reviews")),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(known, BTreeMap::from(expected));

    let both = handler.generate(ONE, request(&[], "kubernetes://reviews-1.books")).await.unwrap();
    assert_eq!(both.len(), 11, "the source, which has no container");
    assert!(both.iter().all(|(name, _)| name.starts_with("source_")));

    host.workloads().replace([]).unwrap();
    assert_eq!(by_ip().await.unwrap(), []);
}

#[tokio::test]
async fn the_adapter_can_look_up_pods_and_nothing_else() {
    let host = host();
    let asks: Vec<_> =
        load(&host, "kubernetesenv").imports().iter().map(|i| i.function.clone()).collect();
    assert!(asks.contains(&"by-uid".to_owned()) && asks.contains(&"by-ip".to_owned()), "{asks:?}");
    let workloads = "mixmesh:host/workloads@0.1.0";
    let is_known = |import: &Import| import.interface == workloads || import.function == "log";
    assert!(load(&host, "kubernetesenv").imports().iter().all(is_known));
    let denier = load(&host, "denier");
    assert!(denier.imports().iter().all(|import| import.interface != workloads));
}

#[tokio::test]
async fn an_address_of_any_length_is_looked_up_without_harm() {
    let host = host();
    let adapter = load(&host, "kubernetesenv");
    host.workloads().replace([Arc::new(reviews())]).unwrap();
    let handler = env().build(&host, &adapter).await;
    for ip in [&[][..], &[10], &[10, 0, 0, 1, 0], &[0; 16], &[1; 1000]] {
        assert_eq!(handler.generate(ONE, request(ip, "?")).await.unwrap(), [], "{ip:?}");
    }
    let mut mapped = [0; 16];
    mapped[10..].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 1]);
    assert_eq!(handler.generate(ONE, request(&mapped, "")).await.unwrap().len(), 12);
}
