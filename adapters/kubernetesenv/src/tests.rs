use adapter_sdk::host::workloads::{Container, Pod};
use adapter_sdk::testing::{TestHandler, endpoint, set_pods};
use adapter_sdk::{Endpoint, Workload};
use serde_json::json;

use super::KubernetesEnv;

const UID: &str = "kubernetes://reviews-7d9-x.books";

fn pod(name: &str, ip: &[u8]) -> Pod {
    let container =
        |name: &str, ports: &[u16]| Container { name: name.into(), ports: ports.into() };
    Pod {
        uid: format!("kubernetes://{name}.books"),
        name: name.to_owned(),
        namespace: "books".to_owned(),
        ip: ip.to_vec(),
        host_ip: vec![192, 168, 0, 1],
        labels: vec![("app".to_owned(), "reviews".to_owned())],
        service_account_name: "reader".to_owned(),
        workload_uid: "istio://books/workloads/reviews".to_owned(),
        workload_name: "reviews".to_owned(),
        workload_namespace: "books".to_owned(),
        owner: "kubernetes://apis/apps/v1/namespaces/books/deployments/reviews".to_owned(),
        containers: vec![container("app", &[9080, 9443]), container("proxy", &[15001])],
    }
}

fn at(uid: &str, ip: &[u8], port: i64) -> Endpoint {
    Endpoint { uid: uid.to_owned(), ip: ip.to_vec(), port }
}

fn handler() -> TestHandler<KubernetesEnv> {
    set_pods(vec![pod("reviews-7d9-x", &[10, 0, 0, 1]), pod("other", &[10, 0, 0, 2])]);
    TestHandler::configure(json!({}), Vec::new()).unwrap()
}

fn destination(end: &Endpoint) -> Option<Workload> {
    handler().generate(0, &endpoint(""), end).unwrap().destination
}

fn name_of(end: &Endpoint) -> Option<String> {
    destination(end).map(|workload| workload.pod_name)
}

#[test]
fn both_ends_get_all_that_is_known_of_their_pods() {
    let both = handler().generate(0, &at(UID, &[], 0), &at("", &[10, 0, 0, 2], 0)).unwrap();
    let source = both.source.unwrap();
    assert_eq!(both.destination.unwrap().pod_uid, "kubernetes://other.books");
    let expected = Workload {
        pod_uid: UID.to_owned(),
        pod_ip: vec![10, 0, 0, 1],
        pod_name: "reviews-7d9-x".to_owned(),
        labels: vec![("app".to_owned(), "reviews".to_owned())],
        namespace: "books".to_owned(),
        service_account_name: "reader".to_owned(),
        host_ip: vec![192, 168, 0, 1],
        workload_uid: "istio://books/workloads/reviews".to_owned(),
        workload_name: "reviews".to_owned(),
        workload_namespace: "books".to_owned(),
        owner: "kubernetes://apis/apps/v1/namespaces/books/deployments/reviews".to_owned(),
        container_name: String::new(),
    };
    assert_eq!(source, expected);
}

#[test]
fn the_uid_counts_before_the_address_and_the_address_when_the_uid_is_not_known() {
    let other = [10, 0, 0, 2];
    assert_eq!(name_of(&at(UID, &other, 0)).as_deref(), Some("reviews-7d9-x"));
    assert_eq!(name_of(&at("kubernetes://gone.books", &other, 0)).as_deref(), Some("other"));
    assert_eq!(name_of(&at("", &other, 0)).as_deref(), Some("other"));
}

#[test]
fn an_end_that_is_not_known_has_no_output() {
    set_pods(vec![pod("nowhere", &[0, 0, 0, 0])]);
    let mut env = TestHandler::<KubernetesEnv>::configure(json!({}), Vec::new()).unwrap();
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    for ip in [&[][..], &[0; 4], &[0; 16], &mapped, &[10, 0, 0, 3], &[1, 2, 3]] {
        let known = env.generate(0, &at("", ip, 0), &at("gone", ip, 80)).unwrap();
        assert_eq!((known.source, known.destination), (None, None), "{ip:?}");
    }
}

#[test]
fn the_container_is_the_one_that_declares_the_port() {
    for (port, container) in
        [(9080, "app"), (9443, "app"), (15001, "proxy"), (80, ""), (0, ""), (-1, ""), (65_536, "")]
    {
        assert_eq!(destination(&at(UID, &[], port)).unwrap().container_name, container, "{port}");
    }
}

#[test]
fn parameters_that_an_adapter_cannot_follow_are_refused_with_the_flag_that_can() {
    let problems = |parameters| TestHandler::<KubernetesEnv>::problems(parameters, Vec::new());
    assert!(problems(json!({ "cacheRefreshDuration": "1m" })).is_empty());
    let all = problems(json!({
        "kubeconfig_path": "/etc/kubeconfig",
        "cache_refresh_duration": "0s",
        "cluster_registries_namespace": "istio-system",
    }));
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[0].starts_with("kubeconfig_path: ") && all[0].contains("--workloads"), "{all:?}");
    assert!(all[2].contains("--workloads"), "{all:?}");
}
