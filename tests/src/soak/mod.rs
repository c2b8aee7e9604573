//! A mesh under load and faults for a long time, with an oracle that judges every answer.
//!
//! Each version of the policy has a number, which every answer carries: a header of requests that pass,
//! the message of refusals. The oracle reads the YAML of that version with code of its own and says what
//! the answer must be. So whatever a cache, a late answer or a restarted Mixer does, a verdict that does
//! not follow from the policy it claims is found, and so is one of a policy that had long been replaced.

mod chance;
mod faults;
mod history;
mod load;
mod policy;
mod summary;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

pub use self::summary::Summary;

use self::faults::Faults;
use self::history::History;
use self::load::{Load, Tally};
use self::policy::Policy;
use crate::{Mesh, TestMesh};

/// Clients at once, each on a connection of its own.
const CLIENTS: usize = 8;

/// What to run.
#[derive(Debug, Clone)]
pub struct SoakOptions {
    /// For how long faults are injected.
    pub duration: Duration,
    /// Turns one answer into another before it is judged: the run must fail.
    pub inject_wrong: bool,
}

/// Runs it.
///
/// # Errors
/// When the mesh does not start, a request was lost or wrongly answered, or the sidecar leaks.
pub fn run_soak(options: &SoakOptions) -> Result<Summary> {
    let history = History::default();
    let first = Policy::numbered(1);
    let mut mesh = TestMesh::new()?
        .with_file("policy.yaml", &first.yaml())?
        .with(|mesh| {
            mesh.filter(json!({ "check_timeout": "300ms", "max_stale": "2s" }));
        })
        .start()?;
    history.save(&first.yaml());
    let envoy = mesh.envoy()?.id();
    let address = mesh.proxy()?;
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let (faults, tallies) = thread::scope(|scope| -> Result<_> {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let load = Load {
                    address,
                    history: &history,
                    stop: &stop,
                    // One client lies to the oracle about one answer.
                    inject_wrong: options.inject_wrong && number == 0,
                };
                scope.spawn(move || load.run(number as u64))
            })
            .collect();
        let mut faults = Faults::new(&history, envoy);
        let injected = faults.run(&mut mesh, started + options.duration);
        stop.store(true, Ordering::Relaxed);
        let mut tallies = Vec::new();
        for client in clients {
            tallies.push(client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?);
        }
        injected?;
        Ok((faults.into_report(), tallies))
    })?;
    let tally = tallies.into_iter().fold(Tally::default(), Tally::merged);
    settle_reports(&mesh)?;
    let summary = Summary::new(started.elapsed(), tally, faults, &mesh.envoy()?.stats()?);
    ensure!(mesh.envoy()?.id() == envoy, "the sidecar was started again");
    summary.verify().with_context(|| summary.to_string())?;
    Ok(summary)
}

/// Waits until every report has come to its end, so that the sums can be held against each other.
fn settle_reports(mesh: &Mesh) -> Result<()> {
    const LIMIT: Duration = Duration::from_secs(30);
    crate::wait_until("all reports to be settled", LIMIT, || {
        let pending = mesh.envoy()?.stats()?.value("mixmesh.reports_pending");
        ensure!(pending == 0, "{pending} are pending");
        Ok(())
    })
}
