//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench};
use serde_json::json;

use super::StatsD;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let parameters = json!({
        "address": "127.0.0.1:8125",
        "metrics": { "requests.instance.default": {
            "type": "COUNTER", "name_template": "requests.{{.source}}.{{.code}}",
        } },
    });
    let declared = vec![bench::metric("requests")];
    let mut statsd = TestHandler::<StatsD>::configure(parameters, declared).unwrap();
    bench::metrics(&mut statsd, 0, "requests");
}
