//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench};
use serde_json::json;

use super::Denier;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let mut denier = TestHandler::<Denier>::configure(json!({}), Vec::new()).unwrap();
    bench::call("check", "gate", || denier.check_nothing(0));
}
