//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench};
use serde_json::json;

use super::Zipkin;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let parameters = json!({ "url": "http://127.0.0.1:9411", "sample_probability": 1 });
    let declared = vec![bench::span("spans")];
    let mut zipkin = TestHandler::<Zipkin>::configure(parameters, declared).unwrap();
    bench::spans(&mut zipkin, 0, "spans");
}
