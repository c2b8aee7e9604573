//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench, instance};
use adapter_sdk::{QuotaRequest, Template, Value, ValueType};
use serde_json::json;

use super::Quotas;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let fields = [("user", ValueType::Text)];
    let declared = instance("rate.instance.default", Template::Quota, &fields, None);
    let parameters = json!({ "quotas": [{
        "name": "rate",
        "max_amount": 1_000_000_000_000_i64,
        "valid_duration": "3600s",
        "rate_limit_algorithm": "FIXED_WINDOW",
    }] });
    let mut quota = TestHandler::<Quotas>::configure(parameters, vec![declared]).unwrap();
    let request = QuotaRequest { deduplication_id: String::new(), amount: 1, best_effort: false };
    bench::call("quota", "rate", || quota.allocate(0, &[Value::Text("alice")], &request));
}
