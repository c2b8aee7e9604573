//! The configuration source as operators see it.

use std::time::{Duration, Instant};

use mesh_config::SourceStatus;
use mesh_runtime::Drain;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::metrics::Metrics;

/// How often the metrics are brought up to date.
const REFRESH: Duration = Duration::from_secs(1);

/// Exports `status` as metrics until the process drains.
pub(crate) async fn export_status(
    mut status: watch::Receiver<SourceStatus>,
    metrics: Metrics,
    drain: Drain,
) {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(REFRESH);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = status.changed() => if changed.is_err() { return drain.signaled().await },
            () = drain.signaled() => return,
        }
        export(&status.borrow_and_update(), started, &metrics);
    }
}

/// `status` for `/debug/config`.
pub(crate) fn describe(status: &SourceStatus) -> Value {
    json!({
        "name": &*status.name,
        "connected": status.connected,
        "age_seconds": status.age().map(|age| age.as_secs_f64()),
        "revision": status.revision.0,
        "resources": status.resources,
        "problems": status.problems,
        "resyncs": status.resyncs,
        "reconnects": status.reconnects,
        "error": status.error,
    })
}

fn export(status: &SourceStatus, started: Instant, metrics: &Metrics) {
    metrics.source_connected.set(i64::from(status.connected));
    metrics.source_age.set(status.age().unwrap_or_else(|| started.elapsed()).as_secs_f64());
    for (metric, now) in
        [(&metrics.source_resyncs, status.resyncs), (&metrics.source_reconnects, status.reconnects)]
    {
        metric.inc_by(now.saturating_sub(metric.get()));
    }
}
