//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench};
use serde_json::json;

use super::LookUp;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let table = json!({ "color": "blue", "weight": "heavy", "size": "large" });
    let parameters = json!({ "table": table });
    let mut keyval = TestHandler::<LookUp>::configure(parameters, Vec::new()).unwrap();
    bench::call("check", "lookup", || keyval.key_val(0, "color"));
}
