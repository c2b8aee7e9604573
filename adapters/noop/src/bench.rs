//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench};
use serde_json::json;

use super::Noop;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let declared = vec![bench::metric("requests"), bench::access_log("entries")];
    let mut noop = TestHandler::<Noop>::configure(json!({}), declared).unwrap();
    bench::call("check", "gate", || noop.check_nothing(0));
    bench::metrics(&mut noop, 0, "requests");
    bench::log_entries(&mut noop, 1, "entries");
}
