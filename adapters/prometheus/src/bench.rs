//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench};
use serde_json::json;

use super::Prometheus;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let parameters = json!({ "metrics": [{
        "name": "requests_total",
        "instance_name": "requests.instance.default",
        "kind": "COUNTER",
        "label_names": ["code", "destination", "protocol", "source"],
    }] });
    let declared = vec![bench::metric("requests")];
    let mut prometheus = TestHandler::<Prometheus>::configure(parameters, declared).unwrap();
    bench::metrics(&mut prometheus, 0, "requests");
}
