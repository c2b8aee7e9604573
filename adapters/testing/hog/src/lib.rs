//! For tests: takes memory until there is none, or series.

use std::hint::black_box;

use adapter_sdk::host::metrics::{self, Definition, Kind};
use adapter_sdk::{
    Adapter, CallError, CheckNothing, CheckResult, InstanceIndex, Instances, ListEntry, Problem,
    Problems, Value,
};

adapter_sdk::export!(Hog: checknothing, listentry);

/// The adapter.
#[derive(Debug)]
pub struct Hog {
    metric: u32,
}

/// It has no parameters.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
pub struct Parameters {}

impl Adapter for Hog {
    type Parameters = Parameters;

    fn configure(_parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        let definition = Definition {
            name: "hog_series".to_owned(),
            help: String::new(),
            kind: Kind::Counter,
            buckets: Vec::new(),
            labels: vec!["number".to_owned()],
            expiry: None,
        };
        let metric = metrics::define(&definition).map_err(|message| Problem::new("", message))?;
        Ok(Self { metric })
    }
}

impl CheckNothing for Hog {
    /// A MiB at a time.
    fn check_nothing(&mut self, _instance: InstanceIndex) -> Result<CheckResult, CallError> {
        let mut taken = Vec::new();
        loop {
            taken.push(black_box(vec![1u8; 1 << 20]));
        }
    }
}

impl ListEntry for Hog {
    /// Interns ids without end and never forgets one.
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        _value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        for number in 0u64.. {
            metrics::intern(self.metric, &[vec![number.to_string()]]);
        }
        Err(CallError::adapter("ran out of numbers"))
    }
}
