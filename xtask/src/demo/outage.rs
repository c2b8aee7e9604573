//! The third phase: Mixer is killed. One listener of the sidecar then refuses what Mixer has not
//! judged, the other lets it through; when Mixer is back, everything is as before.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testbed::http::Connection;
use testbed::{FailPolicy, Mesh, wait_until};

/// Requests with a key never seen before, for each fail policy.
const REQUESTS: u64 = 50;
/// The filter sends a report at least once a second.
const FLUSHED: Duration = Duration::from_secs(15);
const RECOVERED: Duration = Duration::from_secs(60);

/// What happened while Mixer was away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outage {
    /// Answers that the client got.
    pub(crate) requests: u64,
    /// Of those, with status 503.
    pub(crate) status_503: u64,
    /// Of those, with status 200.
    pub(crate) status_200: u64,
    /// Requests that reached the service, by its own count.
    pub(crate) upstream_requests: u64,
    /// Reports that the filter could not deliver, by Envoy's statistics.
    pub(crate) reports_lost: u64,
}

/// Both fail policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outages {
    pub(crate) closed: Outage,
    pub(crate) open: Outage,
}

/// What happened when Mixer came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// From the start of Mixer's process to the first 200 where the fail policy is closed.
    pub(crate) time_to_first_answer: Duration,
    /// Requests with keys never seen before, after that.
    pub(crate) requests: u64,
    /// Of those, with status 200.
    pub(crate) allowed: u64,
}

/// Kills Mixer, sends requests by both fail policies, and starts Mixer again.
///
/// # Errors
/// When the sidecar or the service does not answer, or Mixer does not come back.
pub(crate) fn run(mesh: &mut Mesh) -> Result<(Outages, Recovery)> {
    println!("Mixer killed");
    // Seen before the outage, so cached.
    let mut cached = Connection::open(mesh.proxy_with(FailPolicy::Closed)?)?;
    let allowed = cached.get("/", &[])?.status;
    await_fates(mesh)?;
    mesh.mixer_mut().kill()?;
    let during = cached.get("/", &[])?.status;
    println!("  a request with a cached answer: {allowed} before, {during} just after");
    let closed = without_mixer(mesh, FailPolicy::Closed)?;
    let open = without_mixer(mesh, FailPolicy::Open)?;
    println!("\nMixer started again");
    let recovery = recover(mesh)?;
    Ok((Outages { closed, open }, recovery))
}

fn without_mixer(mesh: &Mesh, policy: FailPolicy) -> Result<Outage> {
    let lost = || Ok::<_, anyhow::Error>(mesh.envoy()?.stats()?.value("mixmesh.reports_lost"));
    await_fates(mesh)?;
    let (lost_before, upstream_before) = (lost()?, mesh.upstream_requests()?);
    let mut connection = Connection::open(mesh.proxy_with(policy)?)?;
    let mut outage = Outage::default();
    for number in 0..REQUESTS {
        let answer = connection.get("/", &[("x-user", &format!("{}-{number}", policy.name()))])?;
        outage.requests += 1;
        match answer.status {
            503 => outage.status_503 += 1,
            200 => outage.status_200 += 1,
            _ => {}
        }
    }
    outage.upstream_requests = mesh.upstream_requests()? - upstream_before;
    await_fates(mesh)?;
    outage.reports_lost = lost()? - lost_before;
    println!(
        "  fail policy {}: {} requests with new keys, {} answered 503, {} answered 200, {} reached the service, {} reports lost",
        policy.name(),
        outage.requests,
        outage.status_503,
        outage.status_200,
        outage.upstream_requests,
        outage.reports_lost,
    );
    Ok(outage)
}

/// Waits until the filter knows of each report what became of it.
fn await_fates(mesh: &Mesh) -> Result<()> {
    wait_until("the fate of all reports to be known", FLUSHED, || {
        let stats = mesh.envoy()?.stats()?;
        let value = |name: &str| stats.value(&format!("mixmesh.{name}"));
        let fates = ["reports_sent", "reports_lost", "reports_unknown", "reports_dropped"];
        let known: u64 = fates.into_iter().map(value).sum();
        ensure!(known == value("reports"), "it is known of {known} of {}", value("reports"));
        Ok(())
    })
}

fn recover(mesh: &mut Mesh) -> Result<Recovery> {
    let started = Instant::now();
    mesh.mixer_mut().spawn()?;
    let mut connection = Connection::open(mesh.proxy_with(FailPolicy::Closed)?)?;
    let mut number = 0;
    let mut ask = || {
        number += 1;
        connection.get("/", &[("x-user", &format!("after-{number}"))])
    };
    wait_until("Mixer to answer again", RECOVERED, || ask()?.require_ok())?;
    let time_to_first_answer = started.elapsed();
    let mut recovery = Recovery { time_to_first_answer, requests: 0, allowed: 0 };
    for _ in 0..REQUESTS {
        recovery.requests += 1;
        recovery.allowed += u64::from(ask()?.status == 200);
    }
    wait_until("reports to arrive again", FLUSHED, || {
        let received = mesh.mixer().metrics()?.count("mixer_reports_received_total", &[]);
        ensure!(received >= recovery.requests, "{received} of {} did", recovery.requests);
        Ok(())
    })?;
    println!(
        "  first answer after {} ms; then {} requests with new keys, {} allowed, and reported\n",
        recovery.time_to_first_answer.as_millis(),
        recovery.requests,
        recovery.allowed,
    );
    Ok(recovery)
}
