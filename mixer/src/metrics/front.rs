use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::name::Name;
use super::registrar::Registrar;

/// Metrics of the services that a stock Envoy uses. Their label values are words of the code.
#[derive(Debug, Clone)]
pub(crate) struct FrontMetrics {
    pub(crate) ext_authz_requests: IntCounterVec,
    pub(crate) header_operations_untold: IntCounter,
    pub(crate) access_log_streams: IntGauge,
    pub(crate) access_log_streams_refused: IntCounterVec,
    pub(crate) access_log_entries: IntCounterVec,
    pub(crate) access_log_tags_refused: IntCounter,
    pub(crate) rate_limit_descriptors: IntCounterVec,
}

impl FrontMetrics {
    pub(super) fn new(r: &Registrar<'_>) -> Self {
        Self {
            ext_authz_requests: r.counters(Name::ExtAuthzRequests),
            header_operations_untold: r.counter(Name::HeaderOperationsUntold),
            access_log_streams: r.gauge(Name::AccessLogStreams),
            access_log_streams_refused: r.counters(Name::AccessLogStreamsRefused),
            access_log_entries: r.counters(Name::AccessLogEntries),
            access_log_tags_refused: r.counter(Name::AccessLogTagsRefused),
            rate_limit_descriptors: r.counters(Name::RateLimitDescriptors),
        }
    }
}
