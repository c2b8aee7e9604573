use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{SpanCollector, TestMesh, wait_until};

use crate::readings::LIMIT;
use crate::require_part;

#[test]
fn spans_of_envoy_and_of_mixer_join_in_one_trace() -> Result<()> {
    require_part!(Envoy);
    let collector = SpanCollector::start()?;
    let mesh = TestMesh::new()?
        .with_demo_file("deny.yaml")?
        .with(|mesh| {
            mesh.spans_to(collector.address());
        })
        .start()?;
    mesh.get("/", &[("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1")])?
        .require_ok()?;
    let spans = wait_until("a trace of both", LIMIT, || {
        let mut traces: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for span in collector.spans() {
            let trace = span["traceId"].as_str().context("a span has no trace id")?.to_owned();
            traces.entry(trace).or_default().push(span);
        }
        let joined = traces.values().find(|spans| {
            let present = services(spans);
            present.contains("greeter") && present.contains("mixer")
        });
        let seen: Vec<_> = traces.values().map(|spans| services(spans)).collect();
        joined.cloned().with_context(|| format!("the traces have spans of {seen:?}"))
    })?;
    let ids: BTreeSet<&str> = spans.iter().filter_map(|span| span["id"].as_str()).collect();
    let of_mixer: Vec<&Value> =
        spans.iter().filter(|span| span["localEndpoint"]["serviceName"] == "mixer").collect();
    for span in of_mixer {
        let parent = span["parentId"].as_str().context("Mixer's span has no parent")?;
        ensure!(ids.contains(parent), "the parent of Mixer's span is not in its trace: {spans:#?}");
        ensure!(span["duration"].as_u64().is_some_and(|micros| micros > 0), "{span}");
    }
    Ok(())
}

fn services(spans: &[Value]) -> BTreeSet<&str> {
    spans.iter().filter_map(|span| span["localEndpoint"]["serviceName"].as_str()).collect()
}
