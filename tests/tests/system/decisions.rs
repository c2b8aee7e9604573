//! What the sidecar does with a verdict, and what an operator reads of it in Envoy's access log.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Mesh, TestMesh, wait_until};

use crate::require_part;

const LIMIT: Duration = Duration::from_secs(20);

/// The first line of the access log about `path`. Envoy flushes its logs every ten seconds at the latest.
fn logged(mesh: &Mesh, path: &str) -> Result<Value> {
    wait_until("the access log", LIMIT, || {
        let lines = mesh.access_log()?;
        lines.into_iter().find(|line| line["path"] == path).context("no line yet")
    })
}

#[test]
fn header_operations_of_rules_reach_the_service_and_the_client_of_a_sidecar() -> Result<()> {
    require_part!(Envoy);
    let mesh = TestMesh::new()?
        .with_file("headers.yaml", include_str!("header_operations.yaml"))?
        .start()?;
    for round in ["asked", "cached"] {
        let answer = mesh.get("/", &[("x-user", "mallory")])?.require_ok()?;
        ensure!(answer.text().contains("Hello, ann!"), "{round}: {}", answer.text());
        let values = |name: &str| -> Vec<&str> {
            answer.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
        };
        assert_eq!(values("x-policy"), ["first", "second"], "{round}");
        assert_eq!(values("content-type"), ["text/policy"], "{round}");
        let removed = mesh.get("/without", &[("x-user", "mallory")])?.require_ok()?;
        ensure!(removed.text().contains("Hello, stranger!"), "{round}: {}", removed.text());
    }
    Ok(())
}

#[test]
fn a_rule_chooses_the_route_by_a_header_that_it_sets() -> Result<()> {
    require_part!(Envoy);
    let rule = "apiVersion: config.istio.io/v1alpha2\nkind: rule\n\
        metadata: { name: reroute, namespace: default }\nspec:\n  match: request.path == \"/old\"\n  \
        requestHeaderOperations:\n  - { name: ':path', values: ['\"/new\"'], operation: REPLACE }\n";
    let mesh = TestMesh::new()?.with_file("reroute.yaml", rule)?.start()?;
    mesh.get("/old", &[])?.require_ok()?;
    assert_eq!(logged(&mesh, "/new")?["status"], 200);
    Ok(())
}

#[test]
fn the_access_log_says_what_refused_a_request_and_where_the_verdict_came_from() -> Result<()> {
    require_part!(Envoy);
    let mesh = TestMesh::new()?
        .with_demo_file("deny.yaml")?
        .with(|options| {
            options.filter(json!({ "dynamic_metadata": "always" }));
        })
        .start()?;
    assert_eq!(mesh.get("/admin/1", &[])?.status, 403);
    mesh.get("/", &[])?.require_ok()?;
    let line = logged(&mesh, "/admin/1")?;
    assert_eq!(line["details"], "mixmesh_denied{PERMISSION_DENIED}");
    assert_eq!(line["custom_flags"], "MXDN");
    assert_eq!(line["check"]["status"], "PERMISSION_DENIED");
    assert_eq!(line["check"]["rule"], "denyadmin.rule.default");
    assert_eq!(line["check"]["cache"], "miss");
    let generation = line["check"]["generation"].as_str().context("no generation")?;
    ensure!(generation.contains('-'), "{generation}");
    let passed = logged(&mesh, "/")?;
    assert_eq!((&passed["status"], &passed["check"]["status"]), (&json!(200), &json!("OK")));
    assert_eq!(passed["custom_flags"], "");
    Ok(())
}

#[test]
fn the_access_log_says_that_mixer_gave_no_verdict() -> Result<()> {
    require_part!(Envoy);
    let mut mesh = TestMesh::new()?.with_demo_file("deny.yaml")?.start()?;
    mesh.mixer_mut().kill()?;
    assert_eq!(mesh.get("/unknown", &[])?.status, 503);
    let line = logged(&mesh, "/unknown")?;
    let details = line["details"].as_str().context("no details")?;
    ensure!(details.starts_with("mixmesh_no_verdict{14:"), "{details}");
    assert_eq!(line["custom_flags"], "MXNV");
    assert_eq!(line["check"]["cache"], "none");
    Ok(())
}
