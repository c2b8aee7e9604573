use prometheus::{IntCounter, IntGauge};

use super::name::Name;
use super::registrar::Registrar;

/// What goes in and out of the check cache. The table of names says what each field counts.
#[derive(Debug, Clone)]
pub(crate) struct CheckCacheMetrics {
    pub(crate) hits: IntCounter,
    pub(crate) misses: IntCounter,
    pub(crate) stale: IntCounter,
    pub(crate) writes: IntCounter,
    pub(crate) refused: IntCounter,
    pub(crate) expired: IntCounter,
    pub(crate) evicted: IntCounter,
    pub(crate) entries: IntGauge,
    pub(crate) bytes: IntGauge,
    pub(crate) limit: IntGauge,
    pub(crate) shapes: IntGauge,
    pub(crate) shapes_refused: IntCounter,
    pub(crate) shapes_replaced: IntCounter,
    pub(crate) waiting: IntGauge,
    pub(crate) waits: IntCounter,
    pub(crate) waits_in_vain: IntCounter,
    pub(crate) waits_refused: IntCounter,
}

impl CheckCacheMetrics {
    pub(super) fn new(r: &Registrar<'_>) -> Self {
        let evictions = r.counters(Name::CacheEvictions);
        Self {
            hits: r.counter(Name::CacheHits),
            misses: r.counter(Name::CacheMisses),
            stale: r.counter(Name::CacheStale),
            writes: r.counter(Name::CacheWrites),
            refused: r.counter(Name::CacheRefused),
            expired: evictions.with_label_values(&["expired"]),
            evicted: evictions.with_label_values(&["size"]),
            entries: r.gauge(Name::CacheEntries),
            bytes: r.gauge(Name::CacheBytes),
            limit: r.gauge(Name::CacheLimit),
            shapes: r.gauge(Name::CacheShapes),
            shapes_refused: r.counter(Name::CacheShapesRefused),
            shapes_replaced: r.counter(Name::CacheShapesReplaced),
            waiting: r.gauge(Name::CacheWaiting),
            waits: r.counter(Name::CacheWaits),
            waits_in_vain: r.counter(Name::CacheWaitsInVain),
            waits_refused: r.counter(Name::CacheWaitsRefused),
        }
    }
}
