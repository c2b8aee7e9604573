//! For tests: never comes back from a check, and comes back from others.

use adapter_sdk::{
    Adapter, CallError, CheckNothing, CheckResult, Code, InstanceIndex, Instances, ListEntry,
    Problems, Value,
};
use std::hint::black_box;
adapter_sdk::export!(Loop: checknothing, listentry);

/// The adapter.
#[derive(Debug)]
pub struct Loop;

/// It has no parameters.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
pub struct Parameters {}

impl Adapter for Loop {
    type Parameters = Parameters;

    fn configure(_parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        Ok(Self)
    }
}

impl CheckNothing for Loop {
    fn check_nothing(&mut self, _instance: InstanceIndex) -> Result<CheckResult, CallError> {
        let mut turns = 0u64;
        loop {
            turns = black_box(turns.wrapping_add(1));
        }
    }
}

impl ListEntry for Loop {
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        _value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        Ok(CheckResult::once(Code::OK, String::new()))
    }
}
