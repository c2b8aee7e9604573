use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Metrics of the gRPC port and of the services that a stock Envoy uses. The helps say what they count.
#[derive(Debug, Clone)]
pub(crate) struct FrontMetrics {
    pub(crate) connections: IntGauge,
    pub(crate) connections_refused: IntCounterVec,
    pub(crate) ext_authz_requests: IntCounterVec,
    pub(crate) header_operations_untold: IntCounter,
    pub(crate) access_log_streams: IntGauge,
    pub(crate) access_log_streams_refused: IntCounterVec,
    pub(crate) access_log_entries: IntCounterVec,
    pub(crate) access_log_tags_refused: IntCounter,
    pub(crate) rate_limit_descriptors: IntCounterVec,
}

impl FrontMetrics {
    /// All of them, at zero, in `registry`.
    #[expect(clippy::expect_used, reason = "the names are constants, and a test calls this")]
    pub(crate) fn register(registry: &Registry) -> Self {
        let ok = "metric names and labels are valid and registered once";
        let counter = |name: &str, help: &str| {
            let metric = IntCounter::new(name, help).expect(ok);
            registry.register(Box::new(metric.clone())).expect(ok);
            metric
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels).expect(ok);
            registry.register(Box::new(metric.clone())).expect(ok);
            metric
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(name, help).expect(ok);
            registry.register(Box::new(metric.clone())).expect(ok);
            metric
        };
        Self {
            connections: gauge("mixer_grpc_connections", "Open connections to the gRPC port."),
            connections_refused: counters(
                "mixer_grpc_connections_refused_total",
                "Connections to the gRPC port that were closed before the first request, by reason.",
                &["reason"],
            ),
            ext_authz_requests: counters(
                "mixer_ext_authz_requests_total",
                "Requests that Envoy's external authorization asked about, by answer.",
                &["answer"],
            ),
            header_operations_untold: counter(
                "mixer_ext_authz_header_operations_untold_total",
                "Header operations that Envoy's external authorization has no words for.",
            ),
            access_log_streams: gauge("mixer_access_log_streams", "Open streams of access logs."),
            access_log_streams_refused: counters(
                "mixer_access_log_streams_refused_total",
                "Streams of access logs that were ended by Mixer, by reason.",
                &["reason"],
            ),
            access_log_entries: counters(
                "mixer_access_log_entries_total",
                "Entries of access logs, by protocol and what became of them.",
                &["protocol", "result"],
            ),
            access_log_tags_refused: counter(
                "mixer_access_log_tags_refused_total",
                "Custom tags of access logs that are named like an attribute and are none.",
            ),
            rate_limit_descriptors: counters(
                "mixer_rate_limit_descriptors_total",
                "Descriptors that Envoy asked the rate limit service about, by answer.",
                &["answer"],
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn every_metric_can_be_registered_beside_mixers() {
        FrontMetrics::register(Metrics::new().registry());
    }
}
