//! Denies every request that a rule sends to it.

use std::time::Duration;

use adapter_sdk::parameters::Interval;
use adapter_sdk::{
    Adapter, CallError, CheckNothing, CheckResult, Code, InstanceIndex, Instances, ListEntry,
    Problems, Value,
};
use schemars::JsonSchema;
use serde::Deserialize;

adapter_sdk::export!(Denier: checknothing, listentry);

/// How long a denial may be used again.
const VALID_DURATION: Duration = Duration::from_secs(5);

/// How many requests may use a denial.
const VALID_USE_COUNT: u32 = 1000;

/// The adapter: one answer for everything.
#[derive(Debug)]
pub struct Denier {
    answer: CheckResult,
}

/// What a handler of this adapter is configured with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// The status that requests are answered with.
    status: Status,
    /// How long a sidecar may use the denial again for equal requests. 5s by default.
    valid_duration: Interval,
    /// How many requests may use the denial. 1000 by default.
    valid_use_count: u32,
}

/// A google.rpc.Status.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
struct Status {
    /// The code; FAILED_PRECONDITION by default. 0 lets requests pass.
    code: Code,
    /// Shown to the client.
    message: String,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            status: Status::default(),
            valid_duration: Interval(VALID_DURATION),
            valid_use_count: VALID_USE_COUNT,
        }
    }
}

impl Default for Status {
    fn default() -> Self {
        Self { code: Code::FAILED_PRECONDITION, message: String::new() }
    }
}

impl Adapter for Denier {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        let Parameters { status, valid_duration, valid_use_count } = parameters;
        Ok(Self {
            answer: CheckResult {
                code: status.code,
                message: status.message,
                valid_duration: *valid_duration,
                valid_use_count: Some(valid_use_count),
                direct_response: None,
            },
        })
    }
}

impl CheckNothing for Denier {
    fn check_nothing(&mut self, _instance: InstanceIndex) -> Result<CheckResult, CallError> {
        Ok(self.answer.clone())
    }
}

impl ListEntry for Denier {
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        _value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        Ok(self.answer.clone())
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
