use std::fs;
use std::net::IpAddr;

use adapter_host::Container;

use super::*;

const REVIEWS: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: reviews-v1-6f4d-x2
  namespace: books
  creationTimestamp: "2024-05-31T23:59:59Z"
  labels:
    app: reviews
    pod-template-hash: 6f4d
  ownerReferences:
  - apiVersion: apps/v1
    kind: ReplicaSet
    name: reviews-v1-6f4d
    uid: 1-2-3
    controller: true
spec:
  serviceAccountName: reader
  nodeName: n1
  initContainers:
  - name: migrate
    ports: [{ containerPort: 1 }]
  - name: proxy
    restartPolicy: Always
    ports: [{ containerPort: 15001, protocol: TCP }]
  containers:
  - name: app
    image: reviews:1
    ports:
    - { name: http, containerPort: 9080 }
    - { name: dns, containerPort: 53, protocol: UDP }
status:
  phase: Running
  podIP: 10.0.0.1
  podIPs: [{ ip: 10.0.0.1 }, { ip: "fd00::1" }]
  hostIP: 192.168.0.1
"#;

fn read(text: &str) -> Pods {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pods.yaml"), text).unwrap();
    Pods::read(folder.path())
}

fn problems(text: &str) -> Vec<String> {
    read(text).problems.iter().map(ToString::to_string).collect()
}

fn one(text: &str) -> Pod {
    let read = read(text);
    assert_eq!((read.pods.len(), &*read.problems), (1, &[][..]));
    Pod::clone(&read.pods[0])
}

fn minimal(rest: &str) -> String {
    format!("kind: Pod\nmetadata:\n  name: web\n{rest}")
}

#[test]
fn a_pod_is_read_with_all_that_adapters_may_know() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let labels = [("app", "reviews"), ("pod-template-hash", "6f4d")];
    let container = |name: &str, port| Container { name: name.to_owned(), ports: vec![port] };
    let expected = Pod {
        name: "reviews-v1-6f4d-x2".to_owned(),
        namespace: "books".to_owned(),
        ips: vec![ip("10.0.0.1"), ip("fd00::1")],
        host_ip: Some(ip("192.168.0.1")),
        found_by_ip: true,
        created: 20_240_531_235_959,
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        service_account_name: "reader".to_owned(),
        workload_name: "reviews-v1".to_owned(),
        owner: "kubernetes://apis/apps/v1/namespaces/books/deployments/reviews-v1".to_owned(),
        containers: vec![container("app", 9080), container("proxy", 15001)],
    };
    assert_eq!(one(REVIEWS), expected);
}

#[test]
fn a_pod_may_say_next_to_nothing() {
    let pod = one(&minimal(""));
    assert_eq!((pod.namespace.as_str(), pod.workload_name.as_str()), ("default", "web"));
    assert_eq!(pod.owner, "kubernetes://apis/v1/namespaces/default/pods/web");
    assert!(pod.ips.is_empty() && pod.containers.is_empty());
}

#[test]
fn pods_that_ended_or_are_in_the_network_of_their_node_have_no_address_to_themselves() {
    for rest in
        ["spec: { hostNetwork: true }", "status: { phase: Failed }", "status: { phase: Succeeded }"]
    {
        assert!(!one(&minimal(rest)).found_by_ip, "{rest}");
    }
    for rest in ["spec: { hostNetwork: false }", "status: { phase: Pending, podIP: \"\" }"] {
        assert!(one(&minimal(rest)).found_by_ip, "{rest}");
    }
}

#[test]
fn lists_are_read_and_other_kinds_are_passed_over() {
    let read = read(
        "kind: List\nitems:\n- { kind: Pod, metadata: { name: a } }\n- { kind: Service }\n---\n\
         kind: PodList\nitems:\n- metadata: { name: b }\n---\nkind: Deployment\n---\n\
         kind: PodList\nitems: null\n",
    );
    let names: Vec<_> = read.pods.iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!((names.as_slice(), read.others, &*read.problems), (&["a", "b"][..], 2, &[][..]));
}

#[test]
fn each_mistake_is_told_with_its_place() {
    let text = "kind: Pod\nmetadata:\n  name: a\n  labels:\n    version: 1\n---\n\
                kind: List\nitems:\n- kind: Pod\n  metadata:\n    name: b\n  status:\n    podIP: here\n\
                - metadata: { name: c }\n---\n\
                kind: Pod\napiVersion: v2\nmetadata: { name: d }\n";
    let told = problems(text);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].starts_with("pods.yaml:5: metadata.labels.version of a pod: "), "{told:?}");
    assert!(told[0].contains("expected a string"), "{told:?}");
    assert_eq!(told[1], r#"pods.yaml:13: pod b: status.podIP "here" is no IP address"#);
    assert_eq!(told[2], "pods.yaml:14: has no kind; is it a pod of Kubernetes?");
    assert_eq!(told[3], "pods.yaml:17: pods have apiVersion v1, not v2");
}

#[test]
fn more_that_is_wrong_is_refused() {
    for (text, expected) in [
        ("kind: Pod", "missing field `metadata`"),
        ("kind: Pod\nmetadata: {}", "missing field `name`"),
        ("kind: Pod\nmetadata: { name: \"\" }", "metadata.name is empty"),
        ("kind: Pod\nmetadata: { name: A }", "\"A\" has 'A', which is neither a-z"),
        ("kind: Pod\nmetadata: { name: a, namespace: b.c }", "metadata.namespace \"b.c\" has '.'"),
        (
            &minimal(&format!("  labels: {{ a: {} }}", "v".repeat(64))),
            "longer than Kubernetes allows",
        ),
        (
            &format!("kind: Pod\nmetadata: {{ name: {} }}", "a".repeat(254)),
            "254 bytes, 253 at most",
        ),
        ("kind: Pod\nmetadata: [", "not valid YAML"),
        ("- a\n- b", "has no kind"),
        ("kind: List\nitems: 3", "items are no list"),
        (&minimal("spec: { containers: [{ name: a, ports: [{ containerPort: 70000 }] }] }"), "u16"),
        (&minimal("  creationTimestamp: yesterday"), "is no time such as"),
        (
            "kind: Pod\nmetadata: { name: a }\n---\nkind: Pod\nmetadata: { name: a }",
            "is at pods.yaml:2 too",
        ),
    ] {
        let told = problems(text);
        assert!(told.len() == 1 && told[0].contains(expected), "{text}: {told:?}");
    }
}

#[test]
fn what_cannot_be_read_is_a_problem() {
    let missing = Pods::read(Path::new("/nowhere/pods.yaml"));
    assert!(missing.problems[0].to_string().contains("cannot be read"), "{:?}", missing.problems);
}
