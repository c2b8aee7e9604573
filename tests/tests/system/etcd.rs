//! A mesh whose configuration is in a real etcd.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::Value;
use testbed::{Etcd, Layout, Mesh, TestMesh, http, wait_until};

use crate::readings::LIMIT;
use crate::require_part;

const ATTRIBUTES: &str = "/mixmesh/attributes";
const DENY: &str = "/mixmesh/deny";

fn demo_file(name: &str) -> Result<String> {
    Ok(fs::read_to_string(Layout::of_checkout().demo_config().join(name))?)
}

/// A mesh with the demo's attributes, and an etcd that holds them.
fn start() -> Result<(Mesh, Etcd)> {
    let mesh = TestMesh::new()?;
    let etcd = Etcd::start(&Layout::of_checkout(), mesh.folder())?;
    etcd.put(ATTRIBUTES, &demo_file("attributes.yaml")?)?;
    let url = format!("etcd://{}/mixmesh", etcd.address());
    let mesh = mesh.with(|mesh| mesh.mixer().config = url.into()).start()?;
    Ok((mesh, etcd))
}

fn await_status(mesh: &Mesh, path: &str, status: u16) -> Result<()> {
    wait_until(&format!("{path} to answer {status}"), LIMIT, || {
        let answer = mesh.get(path, &[])?;
        ensure!(answer.status == status, "it answers {}", answer.status);
        Ok(())
    })
}

fn debug_config(mesh: &Mesh) -> Result<(u16, Value)> {
    let answer = http::get(&format!("{}/debug/config", mesh.mixer().http_url()))?;
    Ok((answer.status, serde_json::from_slice(&answer.body)?))
}

fn await_connected(mesh: &Mesh, connected: u64) -> Result<()> {
    wait_until(&format!("the source's connection to be {connected}"), LIMIT, || {
        let now = mesh.mixer().metrics()?.count("mixer_config_source_connected", &[]);
        ensure!(now == connected, "it is {now}");
        Ok(())
    })
}

#[test]
fn a_rule_put_into_etcd_is_enforced_at_etcds_revision() -> Result<()> {
    require_part!(Envoy);
    require_part!(Etcd);
    let (mesh, etcd) = start()?;
    await_status(&mesh, "/admin", 200)?;
    let put = etcd.put(DENY, &demo_file("deny.yaml")?)?;
    await_status(&mesh, "/admin", 403)?;
    let (status, config) = debug_config(&mesh)?;
    assert_eq!((status, &config["revision"]), (200, &put.into()));
    let generation = config["namespaces"]["default"]["generation"].as_str().unwrap_or_default();
    assert!(generation.starts_with(&format!("{put}-")), "{generation}");
    assert_eq!(config["source"]["connected"], true);

    // A change for the worse leaves the rule as it was, and says where it is wrong.
    etcd.put(DENY, &demo_file("deny.yaml")?.replace("request.path", "request.paths"))?;
    wait_until("the mistake to be listed", LIMIT, || {
        let problems = debug_config(&mesh)?.1["problems"].to_string();
        ensure!(
            problems.contains("/mixmesh/deny:") && problems.contains("request.paths"),
            problems
        );
        Ok(())
    })?;
    assert_eq!(mesh.get("/admin", &[])?.status, 403);
    etcd.delete(DENY)?;
    await_status(&mesh, "/admin", 200)
}

#[test]
fn a_mesh_lives_on_without_etcd_and_a_mixer_that_starts_waits_for_it() -> Result<()> {
    require_part!(Envoy);
    require_part!(Etcd);
    let (mut mesh, mut etcd) = start()?;
    etcd.put(DENY, &demo_file("deny.yaml")?)?;
    await_status(&mesh, "/admin", 403)?;
    etcd.kill()?;
    await_connected(&mesh, 0)?;
    assert_eq!(mesh.get("/admin", &[])?.status, 403);
    mesh.get("/", &[])?.require_ok()?;
    let age = |mesh: &Mesh| {
        Ok::<_, anyhow::Error>(mesh.mixer().metrics()?.sum("mixer_config_source_age_seconds", &[]))
    };
    let before = age(&mesh)?;
    wait_until("the age to grow", LIMIT, || {
        ensure!(age(&mesh)? > before);
        Ok(())
    })?;
    etcd.restart()?;
    await_connected(&mesh, 1)?;
    assert!(mesh.mixer().metrics()?.count("mixer_config_source_reconnects_total", &[]) >= 1);

    etcd.kill()?;
    mesh.mixer_mut().spawn()?;
    wait_until("the new Mixer to tell what it waits for", LIMIT, || {
        let (status, body) = debug_config(&mesh)?;
        let error = body["source"]["error"].as_str().unwrap_or_default();
        ensure!(status == 503 && error.contains("Connection refused"), "{status} {body}");
        let ready = http::get(&format!("{}/readyz", mesh.mixer().http_url()))?;
        ensure!(ready.status == 503 && ready.text().contains("configuration"), ready.text());
        Ok(())
    })?;
    etcd.restart()?;
    wait_until("the new Mixer to be ready", LIMIT, || {
        http::get(&format!("{}/readyz", mesh.mixer().http_url()))?.require_ok()
    })?;
    await_status(&mesh, "/admin", 403)?;
    await_status(&mesh, "/", 200)
}
