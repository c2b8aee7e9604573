//! Looks up values in a table, for the header operations of rules: the adapter of Istio's policy task.

use std::collections::HashMap;
use std::time::Duration;

use adapter_sdk::{
    Adapter, CallError, CheckResult, Code, DirectResponse, InstanceIndex, Instances, KeyVal,
    Problems,
};
use schemars::JsonSchema;
use serde::Deserialize;

adapter_sdk::export!(LookUp: keyval);

/// How long an answer may be used again, as in Istio's adapter.
const VALID_DURATION: Duration = Duration::from_secs(5);

/// The host refuses longer values: a header is no place for them.
const MAX_VALUE: usize = 8 << 10;

/// The adapter: a table.
#[derive(Debug)]
pub struct LookUp {
    table: HashMap<String, String>,
    not_found: Code,
}

/// What a handler of this adapter is configured with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// Values by key.
    table: HashMap<String, String>,
    /// The code of google.rpc for requests whose key is not in the table. NOT_FOUND by default; with 0
    /// they pass, without a value.
    not_found_status: Code,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { table: HashMap::new(), not_found_status: Code::NOT_FOUND }
    }
}

impl Adapter for LookUp {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        let Parameters { table, not_found_status: not_found } = parameters;
        let mut problems = Problems::new();
        for (key, value) in &table {
            let field = || format!("table.{key}");
            if value.len() > MAX_VALUE {
                let message = format!("has {} bytes, {MAX_VALUE} at most", value.len());
                problems.add(field(), message);
            } else if value.chars().any(|c| c.is_control() && c != '\t') {
                problems.add(field(), "has a control character, which no header may have");
            }
        }
        problems.none_or(Self { table, not_found })
    }
}

impl KeyVal for LookUp {
    fn key_val(
        &mut self,
        _instance: InstanceIndex,
        key: &str,
    ) -> Result<(CheckResult, Option<String>), CallError> {
        let pass = CheckResult {
            code: Code::OK,
            message: String::new(),
            valid_duration: VALID_DURATION,
            valid_use_count: None,
            direct_response: None,
        };
        if let Some(value) = self.table.get(key) {
            return Ok((pass, Some(value.clone())));
        }
        if self.not_found == Code::OK {
            return Ok((pass, None));
        }
        // Not to be used again, as in Istio: clients can make up keys without end.
        let mut denial = CheckResult::once(self.not_found, format!("key {key:?} not found"));
        denial.direct_response = Some(DirectResponse {
            code: 0,
            body: format!("<error_detail>key {} not found</error_detail>", quoted(key)),
            headers: Vec::new(),
        });
        Ok((denial, None))
    }
}

/// The key comes from the client, and the body is made like XML.
fn quoted(key: &str) -> String {
    format!("{key:?}").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
