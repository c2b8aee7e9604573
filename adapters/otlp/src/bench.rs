//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench};
use serde_json::json;

use super::Otlp;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let metric = json!({ "instance_name": "requests.instance.default", "kind": "COUNTER" });
    let parameters = json!({ "endpoint": "http://127.0.0.1:4318", "metrics": [metric] });
    let declared =
        vec![bench::metric("requests"), bench::access_log("entries"), bench::span("spans")];
    let mut otlp = TestHandler::<Otlp>::configure(parameters, declared).unwrap();
    bench::metrics(&mut otlp, 0, "requests");
    bench::log_entries(&mut otlp, 1, "entries");
    bench::spans(&mut otlp, 2, "spans");
}
