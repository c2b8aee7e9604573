//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench, instance};
use adapter_sdk::{Template, Value, ValueType};
use serde_json::json;

use super::List;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let declared = instance("source", Template::ListEntry, &[], Some(ValueType::IpAddress));
    let parameters = json!({
        "overrides": ["10.0.0.0/8", "192.168.0.0/16", "fd00::/8"],
        "entry_type": "IP_ADDRESSES",
    });
    let mut list = TestHandler::<List>::configure(parameters, vec![declared]).unwrap();
    bench::call("check", "source", || list.list_entry(0, Value::IpAddress(&[10, 1, 2, 3])));
}
