//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench};
use serde_json::json;

use super::Fluentd;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let parameters = json!({ "address": "127.0.0.1:24224", "ack": false });
    let declared = vec![bench::access_log("entries")];
    let mut fluentd = TestHandler::<Fluentd>::configure(parameters, declared).unwrap();
    bench::log_entries(&mut fluentd, 0, "entries");
}
