use std::time::Duration;

use adapter_sdk::Problems;
use adapter_sdk::parameters::Interval;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

const CACHING_INTERVAL: Duration = Duration::from_secs(60);
const CACHING_USE_COUNT: u32 = 10_000;
const DATA_REFRESH_INTERVAL: Duration = Duration::from_secs(60);
const DATA_TTL: Duration = Duration::from_secs(300);

/// What a handler of this adapter is configured with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// Modules in Rego, of version 1 or 0 each.
    pub(crate) policy: Vec<String>,
    /// The query that decides, such as `data.mixerauthz.allow`.
    pub(crate) check_method: String,
    /// What becomes of a request when the policy fails or gives no decision: `true` denies it, `false` lets
    /// it pass. Unset, the fail policy of the rule decides, as for all adapters.
    pub(crate) fail_close: Option<bool>,
    /// A document that policies see under `data`: an object, or its JSON as text.
    pub(crate) data: Json,
    /// Where to fetch another one, in JSON: `http://`, `https://` or `file://`, 1 MiB at most. The two must
    /// not contradict each other.
    pub(crate) data_url: String,
    /// How often to look for a new version of it. 60s by default, 1s at least.
    pub(crate) data_refresh_interval: Interval,
    /// How long the last version is used when it can no longer be fetched; then no request can be decided.
    /// 300s by default, not shorter than `data_refresh_interval`.
    pub(crate) data_ttl: Interval,
    /// How long a sidecar may use a decision again for equal requests, unless the decision says it itself.
    /// 60s by default. A policy that asks for the time wants less.
    pub(crate) caching_interval: Interval,
    /// How many requests may use a decision. 10000 by default.
    pub(crate) caching_use_count: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            policy: Vec::new(),
            check_method: String::new(),
            fail_close: None,
            data: Json::Null,
            data_url: String::new(),
            data_refresh_interval: Interval(DATA_REFRESH_INTERVAL),
            data_ttl: Interval(DATA_TTL),
            caching_interval: Interval(CACHING_INTERVAL),
            caching_use_count: CACHING_USE_COUNT,
        }
    }
}

impl Parameters {
    pub(crate) fn check(&self, problems: &mut Problems) {
        if self.policy.is_empty() {
            problems.add("policy", "is missing: a module in Rego is needed");
        }
        if self.check_method.is_empty() {
            let message = "is missing: which rule decides, such as data.mixerauthz.allow?";
            problems.add("check_method", message);
        }
        if *self.data_refresh_interval < Duration::from_secs(1) {
            problems.add("data_refresh_interval", "must be 1s at least");
        }
        if self.data_ttl < self.data_refresh_interval {
            problems.add("data_ttl", "must not be shorter than data_refresh_interval");
        }
    }

    /// The document under `data`, as JSON.
    pub(crate) fn data_json(&self) -> Result<Json, String> {
        let data = match &self.data {
            Json::Null => return Ok(Json::Object(serde_json::Map::new())),
            Json::String(text) => {
                serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))?
            }
            other => other.clone(),
        };
        match data {
            Json::Object(_) => Ok(data),
            _ => Err("must be an object, whose keys policies see under data".to_owned()),
        }
    }
}
