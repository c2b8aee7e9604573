use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::http;

/// Envoy's counters and gauges at one moment.
#[derive(Debug, Clone, Default)]
pub struct EnvoyStats(BTreeMap<String, u64>);

impl EnvoyStats {
    /// Reads them from Envoy's admin address, a URL.
    ///
    /// # Errors
    /// When Envoy does not answer, or not with statistics.
    pub fn read(admin: &str) -> Result<Self> {
        let answer = http::get(&format!("{admin}/stats?format=json"))?.require_ok()?;
        let stats: Value = serde_json::from_slice(&answer.body).context("read Envoy's /stats")?;
        let list = stats["stats"].as_array().context("Envoy's /stats have no list")?;
        let pairs = list
            .iter()
            .filter_map(|stat| Some((stat["name"].as_str()?.to_owned(), stat["value"].as_u64()?)));
        Ok(Self(pairs.collect()))
    }

    /// The value of `name`; 0 for one that Envoy has not made yet, which it does at the first use.
    pub fn value(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Those whose name begins with `prefix`.
    pub fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = (&str, u64)> {
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(n, v)| (n.as_str(), *v))
    }
}
