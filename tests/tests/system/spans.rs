use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{SpanCollector, TestMesh, wait_until};

use crate::readings::LIMIT;
use crate::require_part;

#[test]
fn a_trace_that_begins_at_the_sidecar_goes_on_in_mixer() -> Result<()> {
    require_part!(Envoy);
    require_joined_trace(&[])
}

#[test]
fn a_trace_that_the_caller_began_goes_on_in_mixer() -> Result<()> {
    require_part!(Envoy);
    require_joined_trace(&[("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1")])
}

/// One request with these headers leaves spans of Envoy and of Mixer in one trace, Mixer's below Envoy's.
fn require_joined_trace(headers: &[(&str, &str)]) -> Result<()> {
    let collector = SpanCollector::start()?;
    let mesh = TestMesh::new()?
        .with_demo_file("deny.yaml")?
        .with(|mesh| {
            mesh.spans_to(collector.address());
        })
        .start()?;
    mesh.get("/", headers)?.require_ok()?;
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
    for span in spans.iter().filter(|span| span["localEndpoint"]["serviceName"] == "mixer") {
        let parent = span["parentId"].as_str().context("Mixer's span has no parent")?;
        ensure!(ids.contains(parent), "the parent of Mixer's span is not in its trace: {spans:#?}");
        ensure!(span["duration"].as_u64().is_some_and(|micros| micros > 0), "{span}");
    }
    Ok(())
}

fn services(spans: &[Value]) -> BTreeSet<&str> {
    spans.iter().filter_map(|span| span["localEndpoint"]["serviceName"].as_str()).collect()
}
