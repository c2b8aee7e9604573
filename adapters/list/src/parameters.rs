use std::time::Duration;

use adapter_sdk::Problems;
use adapter_sdk::parameters::Interval;
use schemars::JsonSchema;
use serde::Deserialize;

const CACHING_INTERVAL: Duration = Duration::from_secs(300);
const CACHING_USE_COUNT: u32 = 10_000;
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
const TTL: Duration = Duration::from_secs(300);

/// What a handler of this adapter is configured with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// Where to fetch a list: `http://`, `https://` or `file://`. Texts and patterns one a line, addresses
    /// one a line or in YAML as a list, bare or under `whitelist`; 1 MiB at most.
    pub(crate) provider_url: String,
    /// How often to look for a new version of it. 60s by default, 1s at least.
    pub(crate) refresh_interval: Interval,
    /// How long the last version is used when it can no longer be fetched or read; then no request can be
    /// decided. 300s by default, not shorter than `refresh_interval`.
    pub(crate) ttl: Interval,
    /// How long a sidecar may use an answer again for equal requests. 300s by default.
    pub(crate) caching_interval: Interval,
    /// How many requests may use an answer. 10000 by default.
    pub(crate) caching_use_count: u32,
    /// Entries besides those of `provider_url`. They count also while that cannot be fetched.
    pub(crate) overrides: Vec<String>,
    /// What the entries are. STRINGS by default.
    pub(crate) entry_type: EntryType,
    /// Whether values on the list are denied, instead of all others. false by default.
    pub(crate) blacklist: bool,
}

/// How entries are compared with a value. The order is that of the numbers in Istio's API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum EntryType {
    #[default]
    Strings,
    CaseInsensitiveStrings,
    IpAddresses,
    Regex,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            provider_url: String::new(),
            refresh_interval: Interval(REFRESH_INTERVAL),
            ttl: Interval(TTL),
            caching_interval: Interval(CACHING_INTERVAL),
            caching_use_count: CACHING_USE_COUNT,
            overrides: Vec::new(),
            entry_type: EntryType::default(),
            blacklist: false,
        }
    }
}

impl Parameters {
    pub(crate) fn check(&self, problems: &mut Problems) {
        if *self.refresh_interval < Duration::from_secs(1) {
            problems.add("refresh_interval", "must be 1s at least");
        }
        if self.ttl < self.refresh_interval {
            problems.add("ttl", "must not be shorter than refresh_interval");
        }
    }
}
