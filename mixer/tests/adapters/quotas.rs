use std::collections::HashMap;

use mesh_api::adapter_model::{QuotaResult, quota_result};
use mesh_attributes::wire::QuotaRequest;
use serde_json::json;

use crate::fake::{self, Adapter, bytes};
use crate::world::{MANIFEST, World, adapter, handler, request};

const RULE: &str = r#"
kind: instance
metadata: { name: requestcount, namespace: a }
spec: { compiledTemplate: quota, params: { dimensions: { who: source.name | "nobody" } } }
---
kind: rule
metadata: { name: count, namespace: a }
spec: { actions: [ { handler: h, instances: [ requestcount ] } ] }
"#;

async fn granted(result: quota_result::Result, name: &str) -> (Adapter, World, Vec<(i64, i32)>) {
    let name = name.to_owned();
    let remote = Adapter::start(fake::istio(), move |_, _| {
        bytes(&QuotaResult { quotas: HashMap::from([(name.clone(), result.clone())]) })
    })
    .await;
    let adapters = adapter("counter", "quota", b"", "");
    let handler = handler("counter.istio-system", remote.address, "");
    let world = World::new(&[MANIFEST, &adapters, &handler, RULE]).await;
    assert_eq!(world.problems(), [""; 0]);
    let asked = QuotaRequest { name: "requestcount", amount: 5, best_effort: true };
    let answer = world.ask(&request(), "id-1", &[asked]).await;
    let quotas = answer.quotas.values();
    let granted = quotas
        .map(|quota| (quota.granted_amount, quota.status.as_ref().map_or(0, |s| s.code)))
        .collect();
    (remote, world, granted)
}

#[tokio::test]
async fn an_amount_is_asked_for_with_its_id_and_never_more_granted() {
    let result = quota_result::Result {
        valid_duration: Some(prost_types::Duration { seconds: 9, nanos: 0 }),
        granted_amount: 70,
        status: None,
    };
    let (remote, _world, granted) = granted(result, "requestcount.instance.a").await;
    assert_eq!(granted, [(5, 0)]);
    let call = remote.call().await;
    assert_eq!(
        call.body,
        json!({
            "instance": {
                "name": "requestcount.instance.a",
                "dimensions": { "who": { "string_value": "nobody" } },
            },
            "dedup_id": "id-1requestcount",
            "quota_request": {
                "quotas": { "requestcount.instance.a": { "amount": 5, "best_effort": true } },
            },
        })
    );
}

#[tokio::test]
async fn a_status_says_why_nothing_is_granted() {
    let status = mesh_api::rpc::Status { code: 8, message: "spent".to_owned(), details: vec![] };
    let result =
        quota_result::Result { granted_amount: 5, status: Some(status), ..Default::default() };
    let (_remote, _world, granted) = granted(result, "requestcount.instance.a").await;
    assert_eq!(granted, [(0, 8)]);
}

#[tokio::test]
async fn an_answer_for_another_quota_is_none() {
    let result = quota_result::Result { granted_amount: 5, ..Default::default() };
    let (_remote, world, granted) = granted(result, "other.instance.a").await;
    assert_eq!(granted, [], "the check is refused");
    assert_eq!(world.counted(|status| status.errors), 1);
}
