use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

/// Mixer's own metrics. The fields' helps say what they count; handles are resolved once, here.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) registry: Registry,
    pub(crate) check_requests: IntCounter,
    pub(crate) check_denials: IntCounter,
    pub(crate) check_cache_hits: IntCounter,
    pub(crate) check_cache_misses: IntCounter,
    pub(crate) check_cache_entries: IntGauge,
    pub(crate) check_cache_bytes: IntGauge,
    pub(crate) check_uncacheable: IntCounter,
    pub(crate) check_failures: IntCounterVec,
    pub(crate) check_stale_answers: IntCounter,
    pub(crate) check_seconds: Histogram,
    pub(crate) reports_received: IntCounter,
    pub(crate) report_requests: IntCounter,
    pub(crate) report_gaps: IntGauge,
    pub(crate) report_repeats: IntCounter,
    pub(crate) report_elements_lost: IntCounterVec,
    pub(crate) report_instance_errors: IntCounterVec,
    pub(crate) rule_match_errors: IntCounter,
    pub(crate) malformed_messages: IntCounterVec,
    pub(crate) config_revision: Gauge,
    pub(crate) config_snapshots: IntCounter,
    pub(crate) config_problems: IntGauge,
    pub(crate) config_rules: IntGauge,
    pub(crate) config_handlers: IntGauge,
    pub(crate) config_generation_changes: IntCounter,
    pub(crate) source_connected: IntGauge,
    pub(crate) source_age: Gauge,
    pub(crate) source_resyncs: IntCounter,
    pub(crate) source_reconnects: IntCounter,
    pub(crate) handlers_built: IntCounter,
    pub(crate) handlers_reused: IntCounter,
    pub(crate) handlers_closed: IntCounter,
    pub(crate) handler_build_failures: IntCounter,
    pub(crate) watchers: IntGauge,
}

/// From 50 µs, a cached answer, to 1 s, twice the filter's default timeout.
const CHECK_SECONDS: [f64; 14] =
    [5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at zero, in a registry of their own.
    #[expect(clippy::expect_used, reason = "the names are constants, and a test calls this")]
    pub fn new() -> Self {
        let registry = Registry::new();
        let r = &registry;
        let ok = "metric names and labels are valid and registered once";
        let counter = |name: &str, help: &str| {
            let metric = IntCounter::new(name, help).expect(ok);
            r.register(Box::new(metric.clone())).expect(ok);
            metric
        };
        let counters = |name: &str, help: &str, label: &str| {
            let metric = IntCounterVec::new(Opts::new(name, help), &[label]).expect(ok);
            r.register(Box::new(metric.clone())).expect(ok);
            metric
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(name, help).expect(ok);
            r.register(Box::new(metric.clone())).expect(ok);
            metric
        };
        let config_revision = Gauge::new(
            "mixer_config_revision",
            "Revision of the configuration in force: that of etcd or Kubernetes, or a folder's newest \
             modification time in ns.",
        )
        .expect(ok);
        r.register(Box::new(config_revision.clone())).expect(ok);
        let source_age = Gauge::new(
            "mixer_config_source_age_seconds",
            "Time since the configuration source last knew that it had the newest data, or since the \
             start while it has none.",
        )
        .expect(ok);
        r.register(Box::new(source_age.clone())).expect(ok);
        let check_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "mixer_check_duration_seconds",
                "Time from a decoded Check request to its encoded answer.",
            )
            .buckets(CHECK_SECONDS.to_vec()),
        )
        .expect(ok);
        r.register(Box::new(check_seconds.clone())).expect(ok);
        Self {
            check_requests: counter("mixer_check_requests_total", "Check requests received."),
            check_denials: counter(
                "mixer_check_denials_total",
                "Check answers whose precondition is not OK, cached ones included.",
            ),
            check_cache_hits: counter(
                "mixer_check_cache_hits_total",
                "Check requests answered from the cache.",
            ),
            check_cache_misses: counter(
                "mixer_check_cache_misses_total",
                "Check requests that were dispatched because no cached answer fitted.",
            ),
            check_cache_entries: gauge("mixer_check_cache_entries", "Answers in the check cache."),
            check_cache_bytes: gauge(
                "mixer_check_cache_bytes",
                "Weight of the answers in the check cache, keys included.",
            ),
            check_uncacheable: counter(
                "mixer_check_cache_refused_total",
                "Answers not cached: not valid for any time or use, or with references no key can hold.",
            ),
            check_failures: counters(
                "mixer_check_failures_total",
                "Calls of check handlers that gave no answer, by reason.",
                "reason",
            ),
            check_stale_answers: counter(
                "mixer_check_stale_answers_total",
                "Check answers of an older generation than the caller knows.",
            ),
            check_seconds,
            reports_received: counter(
                "mixer_reports_received_total",
                "Sets of attributes received by Report: one for each request a proxy served.",
            ),
            report_requests: counter("mixer_report_requests_total", "Report requests received."),
            report_gaps: gauge(
                "mixer_report_batches_missing",
                "Report batches that filters numbered and that have not arrived.",
            ),
            report_repeats: counter(
                "mixer_report_batches_repeated_total",
                "Report batches that arrived a second time and were dropped.",
            ),
            report_elements_lost: counters(
                "mixer_report_elements_lost_total",
                "Instances that no handler took, by reason.",
                "reason",
            ),
            report_instance_errors: counters(
                "mixer_report_instance_errors_total",
                "Instances that could not be made because a field could not be evaluated.",
                "instance",
            ),
            rule_match_errors: counter(
                "mixer_rule_match_errors_total",
                "Evaluations of a rule's match that failed; the rule is skipped for that request.",
            ),
            malformed_messages: counters(
                "mixer_malformed_messages_total",
                "Requests, or elements of them, that could not be decoded, by method.",
                "method",
            ),
            config_revision,
            config_snapshots: counter(
                "mixer_config_snapshots_total",
                "Configurations that came into force.",
            ),
            config_problems: gauge(
                "mixer_config_problems",
                "Mistakes in the configuration, listed at /debug/config.",
            ),
            config_rules: gauge("mixer_config_rule_configs_total", "Rules in force."),
            config_handlers: gauge("mixer_config_handler_configs_total", "Handlers in use."),
            config_generation_changes: counter(
                "mixer_config_generation_changes_total",
                "Changes of a namespace's check generation.",
            ),
            source_connected: gauge(
                "mixer_config_source_connected",
                "1 while changes of the configuration would be noticed.",
            ),
            source_age,
            source_resyncs: counter(
                "mixer_config_source_resyncs_total",
                "Times the whole configuration was read again.",
            ),
            source_reconnects: counter(
                "mixer_config_source_reconnects_total",
                "Times the configuration source was reached again.",
            ),
            handlers_built: counter("mixer_handler_new_handlers_total", "Handlers built."),
            handlers_reused: counter(
                "mixer_handler_reused_handlers_total",
                "Handlers kept over a change of the configuration.",
            ),
            handlers_closed: counter("mixer_handler_closed_handlers_total", "Handlers closed."),
            handler_build_failures: counter(
                "mixer_handler_handler_build_failures_total",
                "Handlers that could not be built.",
            ),
            watchers: gauge("mixer_watchers", "Open watches of generations."),
            registry,
        }
    }

    /// The registry that holds them all.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_can_be_registered_beside_the_others() {
        assert!(!Metrics::new().registry().gather().is_empty());
    }
}
