use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::{Mesh, Series, wait_until};

/// Far beyond what anything here takes on a machine that does much else.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Counters of a mesh at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) check_calls: u64,
    pub(crate) l1_hits: u64,
    pub(crate) l1_misses: u64,
    pub(crate) l2_hits: u64,
    pub(crate) l2_misses: u64,
    pub(crate) reports_received: u64,
    pub(crate) upstream: u64,
}

impl Reading {
    /// Reads them.
    pub(crate) fn of(mesh: &Mesh) -> Result<Self> {
        let stats = mesh.envoy()?.stats()?;
        let metrics = mesh.mixer().metrics()?;
        Ok(Self {
            check_calls: stats.value("mixmesh.check_calls"),
            l1_hits: stats.value("mixmesh.check_l1_hits"),
            l1_misses: stats.value("mixmesh.check_l1_misses"),
            l2_hits: metrics.count("mixer_checkcache_cache_hits_total", &[]),
            l2_misses: metrics.count("mixer_checkcache_cache_misses_total", &[]),
            reports_received: metrics.count("mixer_reports_received_total", &[]),
            upstream: mesh.upstream_requests()?,
        })
    }

    /// What happened since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            check_calls: self.check_calls - earlier.check_calls,
            l1_hits: self.l1_hits - earlier.l1_hits,
            l1_misses: self.l1_misses - earlier.l1_misses,
            l2_hits: self.l2_hits - earlier.l2_hits,
            l2_misses: self.l2_misses - earlier.l2_misses,
            reports_received: self.reports_received - earlier.reports_received,
            upstream: self.upstream - earlier.upstream,
        }
    }
}

/// Waits until every request that the sidecar has seen was received by Mixer and counted by the adapter,
/// and returns the adapter's series.
pub(crate) fn await_all_counted(mesh: &Mesh) -> Result<Series> {
    wait_until("every request to be counted", LIMIT, || {
        let seen = mesh.envoy()?.stats()?.value("mixmesh.reports");
        let received = mesh.mixer().metrics()?.count("mixer_reports_received_total", &[]);
        let series = mesh.mixer().series()?;
        let counted = series.count("istio_requests_total", &[]);
        ensure!(
            seen == received && seen == counted,
            "{seen} seen, {received} received, {counted} counted"
        );
        Ok(series)
    })
}

/// Waits until the sidecar's watch of generations is alive: before, it must not trust its caches long.
pub(crate) fn await_watch(mesh: &Mesh) -> Result<()> {
    await_stat(mesh, "mixmesh.watch_connected", |value| value == 1)
}

/// Waits until a statistic of the sidecar is as it should be.
pub(crate) fn await_stat(mesh: &Mesh, name: &str, is_right: impl Fn(u64) -> bool) -> Result<()> {
    wait_until(name, LIMIT, || {
        let value = mesh.envoy()?.stats()?.value(name);
        ensure!(is_right(value), "it is {value}");
        Ok(())
    })
}
