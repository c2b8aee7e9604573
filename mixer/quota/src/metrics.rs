use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::{Ask, Grant, StoreError};

/// From 50 µs, a round trip on one machine, to 50 ms, past the default timeout.
const GRANT_SECONDS: [f64; 10] = [5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05];

/// Metrics of all stores of a process. The helps say what they count.
#[derive(Debug, Clone)]
pub struct QuotaMetrics {
    grants: IntCounterVec,
    denials: IntCounterVec,
    errors: IntCounterVec,
    pub(crate) grant_seconds: Histogram,
    pub(crate) cells: IntGauge,
    pub(crate) remembered: IntGauge,
    pub(crate) not_remembered: IntCounter,
    pub(crate) stores_away: IntGauge,
    pub(crate) outages: IntCounter,
    pub(crate) restarts: IntCounter,
}

/// The handles of one kind of store.
#[derive(Debug, Clone)]
pub(crate) struct StoreMetrics {
    grants: IntCounter,
    denials: IntCounter,
    errors: IntCounterVec,
    store: &'static str,
}

impl QuotaMetrics {
    /// All metrics, at zero, in `registry`.
    ///
    /// # Errors
    /// When they are in there already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self::default();
        let Self { grants, denials, errors, grant_seconds, cells, .. } = metrics.clone();
        let Self { remembered, not_remembered, stores_away, outages, restarts, .. } =
            metrics.clone();
        registry.register(Box::new(grants))?;
        registry.register(Box::new(denials))?;
        registry.register(Box::new(errors))?;
        registry.register(Box::new(grant_seconds))?;
        registry.register(Box::new(cells))?;
        registry.register(Box::new(remembered))?;
        registry.register(Box::new(not_remembered))?;
        registry.register(Box::new(stores_away))?;
        registry.register(Box::new(outages))?;
        registry.register(Box::new(restarts))?;
        Ok(metrics)
    }

    /// Counters noticed to be lost with a restart, since the start of this process.
    pub fn restarts_noticed(&self) -> u64 {
        self.restarts.get()
    }

    pub(crate) fn store(&self, store: &'static str) -> StoreMetrics {
        StoreMetrics {
            grants: self.grants.with_label_values(&[store]),
            denials: self.denials.with_label_values(&[store]),
            errors: self.errors.clone(),
            store,
        }
    }
}

impl Default for QuotaMetrics {
    /// Metrics that nobody sees.
    #[expect(clippy::expect_used, reason = "the names are constants, and every test calls this")]
    fn default() -> Self {
        let ok = "metric names and labels are valid";
        let counter = |name, help| IntCounter::new(name, help).expect(ok);
        let gauge = |name, help| IntGauge::new(name, help).expect(ok);
        let by = |name, help, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect(ok)
        };
        let seconds = HistogramOpts::new(
            "mixer_quota_store_duration_seconds",
            "Time until Redis has answered an ask, or the time for it was over.",
        );
        Self {
            grants: by(
                "mixer_quota_store_grants_total",
                "Asks of which something was granted, by store; releases included.",
                &["store"],
            ),
            denials: by(
                "mixer_quota_store_denials_total",
                "Asks of which nothing was granted, by store.",
                &["store"],
            ),
            errors: by(
                "mixer_quota_store_errors_total",
                "Asks without a decision, by store and reason. `unknown` may have been granted.",
                &["store", "reason"],
            ),
            grant_seconds: Histogram::with_opts(seconds.buckets(GRANT_SECONDS.to_vec())).expect(ok),
            cells: gauge("mixer_quota_store_cells", "Counters in memory, unused ones included."),
            remembered: gauge(
                "mixer_quota_store_remembered",
                "Answers in memory for repeated deduplication ids, forgotten ones included.",
            ),
            not_remembered: counter(
                "mixer_quota_store_not_remembered_total",
                "Answers not remembered for want of room; a repetition counts twice.",
            ),
            stores_away: gauge(
                "mixer_quota_store_away",
                "Redis servers that are not asked because they failed; a probe is under way.",
            ),
            outages: counter(
                "mixer_quota_store_outages_total",
                "Times that a Redis server failed so often that it was asked no more.",
            ),
            restarts: counter(
                "mixer_quota_store_restarts_total",
                "Restarts of Redis noticed; without persistence each may grant every limit once more.",
            ),
        }
    }
}

impl StoreMetrics {
    pub(crate) fn count(&self, ask: &Ask, outcome: &Result<Grant, StoreError>) {
        match outcome {
            Ok(Grant { amount: 0, .. }) if ask.amount > 0 => self.denials.inc(),
            Ok(_) => self.grants.inc(),
            Err(cause) => self.errors.with_label_values(&[self.store, cause.reason()]).inc(),
        }
    }
}
