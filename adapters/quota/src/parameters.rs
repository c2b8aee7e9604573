use std::collections::BTreeMap;
use std::time::Duration;

use adapter_sdk::parameters::Interval;
use schemars::JsonSchema;
use serde::Deserialize;

/// Istio's for `memquota`.
const MIN_DEDUPLICATION_DURATION: Duration = Duration::from_secs(1);

/// What a handler of this adapter is configured with: the parameters of Istio's `memquota` and, with
/// `redis_server_url`, of `redisquota`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// The limits. Each quota instance that rules send here needs one.
    pub(crate) quotas: Vec<QuotaLimit>,
    /// For how long the answer to a deduplication id is remembered. 1s by default; in Redis a window's
    /// length by default, 60s at most.
    pub(crate) min_deduplication_duration: Option<Interval>,
    /// Where to count: `host:port`, `redis://…` or `rediss://…`. Without it counters are in the memory of
    /// each Mixer, which then grants the whole limit by itself.
    pub(crate) redis_server_url: String,
    /// No effect: all requests share one connection, one behind the other.
    pub(crate) connection_pool_size: i64,
}

/// How much may be used of the quota of an instance.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct QuotaLimit {
    /// The instance: `name.instance.namespace`, or `name` alone for those of every namespace.
    pub(crate) name: String,
    /// What may be used for each combination of dimensions.
    pub(crate) max_amount: i64,
    /// For how long what is used counts. Without it: until it is released (in memory only).
    pub(crate) valid_duration: Interval,
    /// How finely a rolling window rolls. In memory 100ms by default; a thousandth of the window at
    /// least.
    pub(crate) bucket_duration: Interval,
    /// What kind of window. ROLLING_WINDOW by default in memory, FIXED_WINDOW in Redis.
    pub(crate) rate_limit_algorithm: Option<Algorithm>,
    /// Other limits for some values of dimensions; the first that fits counts.
    pub(crate) overrides: Vec<Override>,
}

/// A limit for some values of dimensions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Override {
    /// The dimensions that must have these values; the others may have any.
    pub(crate) dimensions: BTreeMap<String, String>,
    /// What may be used for each combination of all dimensions.
    pub(crate) max_amount: i64,
    /// As that of the limit, which it replaces. Without it the limit's holds.
    pub(crate) valid_duration: Option<Interval>,
}

/// The order is that of the numbers in Istio's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Algorithm {
    FixedWindow,
    RollingWindow,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            quotas: Vec::new(),
            min_deduplication_duration: None,
            redis_server_url: String::new(),
            connection_pool_size: 10,
        }
    }
}

impl Parameters {
    pub(crate) fn is_in_redis(&self) -> bool {
        !self.redis_server_url.is_empty()
    }

    /// How long answers of a window of this length are remembered.
    pub(crate) fn keep(&self, length: Duration) -> Duration {
        /// Sidecars give up after seconds; nobody repeats a request after a minute.
        const LONGEST: Duration = Duration::from_secs(60);
        match self.min_deduplication_duration {
            Some(keep) => *keep,
            None if self.is_in_redis() => length.clamp(MIN_DEDUPLICATION_DURATION, LONGEST),
            None => MIN_DEDUPLICATION_DURATION,
        }
    }
}
