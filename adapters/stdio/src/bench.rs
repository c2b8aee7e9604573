//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench};
use serde_json::json;

use super::Stdio;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let declared = vec![bench::access_log("entries")];
    let parameters = json!({ "output_as_json": true });
    let mut stdio = TestHandler::<Stdio>::configure(parameters, declared).unwrap();
    bench::log_entries(&mut stdio, 0, "entries");
}
