//! Mixer's own metrics: handles, resolved once.
//!
//! Names, texts and budgets of labels stand in one table ([`name`]). What is read from state rather than
//! counted (handlers, spans, the process) is collected when it is scraped.

mod check_cache;
mod compiles;
mod config;
mod dispatch;
mod front;
mod grpc;
mod handlers;
mod name;
mod outside;
mod registrar;
mod shedding;
mod state;

use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, Registry};

pub(crate) use self::check_cache::CheckCacheMetrics;
pub(crate) use self::compiles::CompileMetrics;
pub(crate) use self::config::ConfigMetrics;
pub(crate) use self::dispatch::Dispatches;
pub(crate) use self::front::FrontMetrics;
pub(crate) use self::grpc::GrpcMetrics;
pub(crate) use self::handlers::HandlerMetrics;
use self::name::Name;
pub(crate) use self::registrar::CountersBy;
use self::registrar::Registrar;
pub(crate) use self::shedding::SheddingMetrics;
pub(crate) use self::state::StateMetrics;

/// Mixer's own metrics. The table of names says what each field counts.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) registry: Registry,
    pub(crate) check_requests: IntCounter,
    pub(crate) check_denials: IntCounter,
    pub(crate) check_cache: CheckCacheMetrics,
    pub(crate) check_failures: CountersBy,
    pub(crate) check_stale_answers: IntCounter,
    pub(crate) quota_requests: IntCounter,
    pub(crate) quota_denials: IntCounter,
    pub(crate) quota_unlimited: IntCounter,
    pub(crate) quota_failures: CountersBy,
    pub(crate) generate_failures: CountersBy,
    pub(crate) check_seconds: Histogram,
    pub(crate) reports_received: IntCounter,
    pub(crate) report_requests: IntCounter,
    pub(crate) report_gaps: IntGauge,
    pub(crate) report_repeats: IntCounter,
    pub(crate) report_elements_lost: CountersBy,
    pub(crate) report_instance_errors: CountersBy,
    pub(crate) report_queued: IntGauge,
    pub(crate) rule_match_errors: IntCounter,
    pub(crate) malformed_messages: CountersBy,
    pub(crate) dispatch_destinations: Histogram,
    pub(crate) dispatch_instances: Histogram,
    pub(crate) config_revision: Gauge,
    pub(crate) config_snapshots: IntCounter,
    pub(crate) config_problems: IntGauge,
    pub(crate) config_rules: IntGauge,
    pub(crate) config_handlers: IntGauge,
    pub(crate) config_generation_changes: IntCounter,
    pub(crate) config: ConfigMetrics,
    pub(crate) source_connected: IntGauge,
    pub(crate) source_age: Gauge,
    pub(crate) source_resyncs: IntCounter,
    pub(crate) source_reconnects: IntCounter,
    pub(crate) handlers_built: IntCounter,
    pub(crate) handlers_reused: IntCounter,
    pub(crate) handlers_closed: IntCounter,
    pub(crate) handler_build_failures: IntCounter,
    pub(crate) shedding: SheddingMetrics,
    pub(crate) grpc: GrpcMetrics,
    pub(crate) connections: IntGauge,
    pub(crate) connections_refused: IntCounterVec,
    pub(crate) front: FrontMetrics,
    pub(crate) watchers: IntGauge,
}

/// From 50 µs, a cached answer, to 1 s, twice the filter's default timeout.
const CHECK_SECONDS: [f64; 14] =
    [5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// As in Istio's Mixer.
const COUNTS: [f64; 12] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at zero, in a registry of their own.
    pub fn new() -> Self {
        let registry = Registry::new();
        let r = Registrar(&registry);
        r.gauges(Name::BuildInfo).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Self {
            check_requests: r.counter(Name::CheckRequests),
            check_denials: r.counter(Name::CheckDenials),
            check_cache: CheckCacheMetrics::new(&r),
            check_failures: r.counters_by(Name::CheckFailures),
            check_stale_answers: r.counter(Name::CheckStaleAnswers),
            quota_requests: r.counter(Name::QuotaRequests),
            quota_denials: r.counter(Name::QuotaDenials),
            quota_unlimited: r.counter(Name::QuotaUnlimited),
            quota_failures: r.counters_by(Name::QuotaFailures),
            generate_failures: r.counters_by(Name::GenerateFailures),
            check_seconds: r.histogram(Name::CheckSeconds, &CHECK_SECONDS),
            reports_received: r.counter(Name::ReportsReceived),
            report_requests: r.counter(Name::ReportRequests),
            report_gaps: r.gauge(Name::ReportBatchesMissing),
            report_repeats: r.counter(Name::ReportBatchesRepeated),
            report_elements_lost: r.counters_by(Name::ReportElementsLost),
            report_instance_errors: r.counters_by(Name::ReportInstanceErrors),
            report_queued: r.gauge(Name::ReportQueued),
            rule_match_errors: r.counter(Name::RuleMatchErrors),
            malformed_messages: r.counters_by(Name::MalformedMessages),
            dispatch_destinations: r.histogram(Name::DispatcherDestinations, &COUNTS),
            dispatch_instances: r.histogram(Name::DispatcherInstances, &COUNTS),
            config_revision: r.float_gauge(Name::ConfigRevision),
            config_snapshots: r.counter(Name::ConfigSnapshots),
            config_problems: r.gauge(Name::ConfigProblems),
            config_rules: r.gauge(Name::ConfigRules),
            config_handlers: r.gauge(Name::ConfigHandlers),
            config_generation_changes: r.counter(Name::ConfigGenerationChanges),
            config: ConfigMetrics::new(&r),
            source_connected: r.gauge(Name::SourceConnected),
            source_age: r.float_gauge(Name::SourceAge),
            source_resyncs: r.counter(Name::SourceResyncs),
            source_reconnects: r.counter(Name::SourceReconnects),
            handlers_built: r.counter(Name::HandlersNew),
            handlers_reused: r.counter(Name::HandlersReused),
            handlers_closed: r.counter(Name::HandlersClosed),
            handler_build_failures: r.counter(Name::HandlerBuildFailures),
            shedding: SheddingMetrics::new(&r),
            grpc: GrpcMetrics::new(&r),
            connections: r.gauge(Name::Connections),
            connections_refused: r.counters(Name::ConnectionsRefused),
            front: FrontMetrics::new(&r),
            watchers: r.gauge(Name::Watchers),
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
