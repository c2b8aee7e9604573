//! The native side of `bench.yaml`.

use adapter_sdk::Endpoint;
use adapter_sdk::testing::{TestHandler, bench, endpoint};
use serde_json::json;

use super::KubernetesEnv;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let mut adapter = TestHandler::<KubernetesEnv>::configure(json!({}), Vec::new()).unwrap();
    let source = endpoint("kubernetes://web-5f6-a.shop");
    let uid = "kubernetes://reviews-7d9-x.books".to_owned();
    let destination = Endpoint { uid, ip: vec![10, 0, 0, 1], port: 9080 };
    bench::call("generate", "workloads", || adapter.generate(0, &source, &destination));
}
