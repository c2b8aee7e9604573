//! From the save of a file to the first answer that obeys it: Mixer, Envoy and the filter as users run
//! them, with requests going on meanwhile.
//!
//! The path that an edit closes was just answered, so each level of the cache holds the old verdict when
//! the file is written. Time counts from before the write to the first refusal.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::json;
use testbed::{Layout, Mesh, MeshOptions, wait_until};

use crate::cache::open_loop::{self, Load};
use crate::effort::Effort;
use crate::policy;
use crate::request::NAMESPACE;

/// An edit that is not enforced by then never is.
const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks whether an edit is enforced.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Users of the requests that go on meanwhile.
const USERS: u64 = 64;

/// What came of all edits, in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Enforcement {
    pub(super) edits: usize,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) worst_ms: f64,
    /// Requests that were answered meanwhile.
    pub(super) load: u64,
}

/// Edits one file again and again.
///
/// # Errors
/// When a part is not installed or built, or an edit is not enforced within half a minute.
pub(super) fn run(effort: &Effort) -> Result<Enforcement> {
    let edits = if effort.is_believable { 100 } else { 3 };
    let rate = if effort.is_believable { 200 } else { 50 };
    let layout = Layout::of_checkout();
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("config"))?;
    let mut options = MeshOptions::new(&layout, folder.path())?;
    let text = |value: &str| json!({ "t": "STRING", "v": value });
    // Longer than the default: a machine that is busy with other things must not fail the bench.
    options.filter(json!({ "check_timeout": "5s", "attributes": {
        "destination.namespace": text(NAMESPACE),
        "destination.service.namespace": text(NAMESPACE),
    }}));
    options.mixer().adapters = policy::adapters()?;
    std::fs::write(folder.path().join("config/policy.yaml"), closing("/admin"))?;
    let mesh = options.start()?;
    wait_until("the filter's watch", LIMIT, || {
        let connected = mesh.envoy()?.stats()?.value("mixmesh.watch_connected");
        ensure!(connected == 1, "it is not connected");
        Ok(())
    })?;
    let (done, proxy) = (AtomicBool::new(false), mesh.proxy()?);
    let (took, load) = thread::scope(|scope| {
        let load = scope.spawn(|| keep_asking(proxy, rate, &done));
        let took = (0..edits).map(|number| edit(&mesh, number)).collect::<Result<Vec<_>>>();
        done.store(true, Ordering::Relaxed);
        let load = load.join().ok().context("the load panicked")??;
        Ok::<_, anyhow::Error>((took?, load))
    })?;
    let mut millis: Vec<f64> = took.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    millis.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| {
        let index = (millis.len() as f64 * part) as usize;
        millis.get(index.min(millis.len() - 1)).copied().context("there was no edit")
    };
    Ok(Enforcement { edits, p50_ms: at(0.5)?, p99_ms: at(0.99)?, worst_ms: at(1.0)?, load })
}

/// Closes a path that was open, and says how long that took.
fn edit(mesh: &Mesh, number: usize) -> Result<Duration> {
    let path = format!("/edited-{number}/");
    let mut connection = mesh.connect()?;
    let headers = [("x-user", "editor")];
    wait_until("the path to be open", LIMIT, || connection.get(&path, &headers)?.require_ok())?;
    let start = Instant::now();
    mesh.write_config("policy.yaml", &closing(&path))?;
    loop {
        let status = connection.get(&path, &headers)?.status;
        let took = start.elapsed();
        if status == 403 {
            return Ok(took);
        }
        // 503: an adapter was too slow, which says nothing about the edit.
        ensure!(matches!(status, 200 | 503), "answered {status} after edit {number}");
        ensure!(took < LIMIT, "edit {number} is not enforced after {took:?}");
        thread::sleep(LOOK_EVERY);
    }
}

/// The benches' policy with another path closed.
fn closing(path: &str) -> String {
    include_str!("../policy.yaml").replace("\"/admin\"", &format!("{path:?}"))
}

/// Requests that no edit concerns, until `done`; how many were answered.
fn keep_asking(proxy: SocketAddr, rate: u32, done: &AtomicBool) -> Result<u64> {
    let load = Load { rate, connections: 2, time: Duration::from_millis(500) };
    let mut answered = 0;
    while !done.load(Ordering::Relaxed) {
        answered +=
            open_loop::run(proxy, &load, &|n| format!("user-{}", n % USERS))?.latencies.len();
    }
    Ok(answered)
}
