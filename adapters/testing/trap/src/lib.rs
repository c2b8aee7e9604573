//! For tests: crashes when it is told to.
//!
//! It crashes in each call while the address or the text `crash` is handed in, and when its parameters
//! say so; other calls work. Reports fail by the same rule.

use adapter_sdk::host::log;
use adapter_sdk::{
    Adapter, CallError, CheckNothing, CheckResult, Code, Entry, InstanceIndex, Instances,
    ListEntry, LogEntry, Metric, MetricInstance, Problems, Value,
};
use schemars::JsonSchema;
use serde::Deserialize;

adapter_sdk::export!(Trap: checknothing, listentry, metric, logentry);

/// The adapter.
#[derive(Debug)]
pub struct Trap {
    calls: u32,
}

/// What a handler of this adapter is configured with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    crash_in_configure: bool,
    chatter: u32,
}

impl Adapter for Trap {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        assert!(!parameters.crash_in_configure, "told to crash");
        for n in 0..parameters.chatter {
            log::log(log::Level::Debug, &format!("chatter {n}"));
        }
        Ok(Self { calls: 0 })
    }
}

impl CheckNothing for Trap {
    fn check_nothing(&mut self, _instance: InstanceIndex) -> Result<CheckResult, CallError> {
        panic!("this instance always crashes")
    }
}

impl ListEntry for Trap {
    /// Answers with the number of calls that this instance of the component has had.
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        crash_if_told(value);
        if value == Value::Text("refuse") {
            return Err(CallError::caller("told to refuse"));
        }
        self.calls += 1;
        Ok(CheckResult::once(Code::OK, self.calls.to_string()))
    }
}

impl Metric for Trap {
    fn metric(&mut self, metric: &MetricInstance<'_>) -> Result<(), String> {
        metric.dimensions().for_each(crash_if_told);
        Ok(())
    }
}

impl LogEntry for Trap {
    fn log_entry(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        entry.variables().for_each(crash_if_told);
        Ok(())
    }
}

fn crash_if_told(value: Value<'_>) {
    assert!(value != Value::Text("crash"), "told to crash");
}
