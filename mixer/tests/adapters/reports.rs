use mesh_api::adapter_model::ReportResult;
use serde_json::json;

use crate::fake::{self, Adapter, bytes};
use crate::world::{MANIFEST, World, adapter, handler, request};

pub(crate) const METRIC: &str = r#"
kind: instance
metadata: { name: size, namespace: a }
spec:
  template: metric
  params:
    value: request.size | 1
    dimensions: { path: request.path, who: source.name | "nobody" }
    monitored_resource_type: '"UNSPECIFIED"'
---
kind: instance
metadata: { name: seen, namespace: a }
spec: { compiledTemplate: reportnothing }
---
kind: rule
metadata: { name: size, namespace: a }
spec: { actions: [ { handler: h, instances: [ size, seen ] } ] }
"#;

#[tokio::test]
async fn the_instances_of_a_report_go_out_in_one_request_for_each_template() {
    let remote = Adapter::start(fake::istio(), |_, _| bytes(&ReportResult {})).await;
    let adapters = adapter("sink", "metric, reportnothing", b"", "");
    let handler = handler("sink.istio-system", remote.address, "");
    let world = World::new(&[MANIFEST, &adapters, &handler, METRIC]).await;
    assert_eq!(world.problems(), [""; 0]);
    let bags: Vec<_> = (5..8).map(|size| request().with("request.size", size)).collect();
    world.report(&bags).await;
    let mut calls = [remote.call().await, remote.call().await];
    calls.sort_by(|a, b| a.path.cmp(&b.path));
    let [metrics, nothing] = calls;
    assert_eq!(metrics.path, "/metric.HandleMetricService/HandleMetric");
    let instance = |size: i64| {
        json!({
            "name": "size.instance.a",
            "value": { "int64_value": size },
            "dimensions": { "path": { "string_value": "/books" }, "who": { "string_value": "nobody" } },
            "monitored_resource_type": "UNSPECIFIED",
        })
    };
    assert_eq!(metrics.body["instances"], json!([instance(5), instance(6), instance(7)]));
    assert_ne!(metrics.body["dedup_id"], nothing.body["dedup_id"]);
    assert_eq!(nothing.path, "/reportnothing.HandleReportNothingService/HandleReportNothing");
    assert_eq!(nothing.body["instances"].as_array().unwrap().len(), 3);
    world.close().await;
    assert_eq!(remote.waiting(), 0);
}

#[tokio::test]
async fn a_batch_is_cut_into_requests_that_servers_take() {
    let remote = Adapter::start(fake::istio(), |_, _| bytes(&ReportResult {})).await;
    let adapters = adapter("sink", "metric, reportnothing", b"", "");
    let handler = handler("sink.istio-system", remote.address, ", timeout: 30s");
    let world = World::new(&[MANIFEST, &adapters, &handler, METRIC]).await;
    let name = "n".repeat(50_000);
    let bags: Vec<_> = (0..100).map(|_| request().with("source.name", name.as_str())).collect();
    world.report(&bags).await;
    world.close().await;
    let mut instances = 0;
    let mut requests = 0;
    while remote.waiting() > 0 {
        let call = remote.call().await;
        if call.path.contains("Metric") {
            requests += 1;
            instances += call.body["instances"].as_array().unwrap().len();
        }
    }
    assert_eq!((instances, requests), (100, 2), "5 MB at 3 MiB a request");
}
