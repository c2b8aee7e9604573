use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::http::Connection;
use testbed::{FailPolicy, Mesh, TestMesh, wait_until};

use crate::readings::{LIMIT, await_stat, await_watch};
use crate::require_part;

const REQUESTS: u64 = 20;

fn start() -> Result<Mesh> {
    let mesh = TestMesh::new()?
        .with_demo_file("deny.yaml")?
        .with_demo_file("list.yaml")?
        .with_demo_file("metrics.yaml")?
        .start()?;
    await_watch(&mesh)?;
    Ok(mesh)
}

/// Statuses of requests with keys never seen before.
fn ask(mesh: &Mesh, policy: FailPolicy, key: &str) -> Result<Vec<u16>> {
    let mut connection = Connection::open(mesh.proxy_with(policy)?)?;
    let mut ask =
        |number| Ok(connection.get("/", &[("x-user", &format!("{key}-{number}"))])?.status);
    (0..REQUESTS).map(&mut ask).collect()
}

fn lost(mesh: &Mesh) -> Result<u64> {
    Ok(mesh.envoy()?.stats()?.value("mixmesh.reports_lost"))
}

#[test]
fn without_mixer_a_closed_listener_refuses_and_an_open_one_lets_through() -> Result<()> {
    require_part!(Envoy);
    let mut mesh = start()?;
    let (lost_before, upstream) = (lost(&mesh)?, mesh.upstream_requests()?);
    mesh.mixer_mut().kill()?;

    assert_eq!(ask(&mesh, FailPolicy::Closed, "closed")?, vec![503; 20]);
    assert_eq!(mesh.upstream_requests()?, upstream);
    let refusal = mesh.get("/", &[("x-user", "one-more")])?;
    assert!(refusal.text().starts_with("UNAVAILABLE:"), "{}", refusal.text());

    assert_eq!(ask(&mesh, FailPolicy::Open, "open")?, vec![200; 20]);
    assert_eq!(mesh.upstream_requests()?, upstream + REQUESTS);

    // Each of the 41 requests was reported, and none of the reports could be delivered.
    await_stat(&mesh, "mixmesh.reports_lost", |now| now - lost_before == 2 * REQUESTS + 1)
}

#[test]
fn all_recovers_by_itself_when_mixer_is_back() -> Result<()> {
    require_part!(Envoy);
    let mut mesh = start()?;
    mesh.mixer_mut().kill()?;
    assert_eq!(ask(&mesh, FailPolicy::Closed, "gone")?, vec![503; 20]);
    mesh.mixer_mut().restart()?;
    let mut number = 0;
    wait_until("the first answer", LIMIT, || {
        number += 1;
        mesh.get("/", &[("x-user", &format!("first-{number}"))])?.require_ok()
    })?;
    assert_eq!(ask(&mesh, FailPolicy::Closed, "back")?, vec![200; 20]);
    assert_eq!(mesh.get("/admin", &[])?.status, 403);
    await_watch(&mesh)?;
    wait_until("reports to arrive again", LIMIT, || {
        let received = mesh.mixer().metrics()?.count("mixer_reports_received_total", &[]);
        let counted = mesh.mixer().series()?.count("istio_requests_total", &[]);
        ensure!(
            received >= REQUESTS && counted >= REQUESTS,
            "{received} did, {counted} are counted"
        );
        Ok(())
    })
}

#[test]
fn a_cached_answer_serves_on_for_a_while_and_then_the_fail_policy_rules() -> Result<()> {
    require_part!(Envoy);
    let mut mesh = start()?;
    let mut connection = mesh.connect()?;
    connection.get("/", &[("x-user", "ann")])?.require_ok()?;
    assert_eq!(connection.get("/admin", &[])?.status, 403);
    mesh.mixer_mut().kill()?;
    // Well within the 5 s for which answers are trusted after the watch died.
    connection.get("/", &[("x-user", "ann")])?.require_ok()?;
    assert_eq!(connection.get("/admin", &[])?.status, 403);
    wait_until("the cached answer to be trusted no more", Duration::from_secs(60), || {
        let answer = connection.get("/", &[("x-user", "ann")])?;
        ensure!(answer.status == 503, "it is still {}", answer.status);
        Ok(())
    })
}

#[test]
fn a_sidecar_that_starts_before_mixer_finds_it_later() -> Result<()> {
    require_part!(Envoy);
    let mut mesh = start()?;
    mesh.mixer_mut().kill()?;
    mesh.restart_envoy()?;
    assert_eq!(mesh.get("/", &[])?.status, 503);
    mesh.mixer_mut().restart()?;
    wait_until("the first answer", LIMIT, || mesh.get("/", &[])?.require_ok())?;
    await_watch(&mesh)
}
