//! For tests: takes its time with reports.

use adapter_sdk::host::clock;
use adapter_sdk::{Adapter, Instances, Metric, MetricInstance, Problems};

adapter_sdk::export!(Slow: metric);

/// How long a batch takes, however large it is: well below the deadline, so nothing fails.
const BATCH_NANOS: u64 = 150_000_000;

/// The adapter.
#[derive(Debug)]
pub struct Slow;

/// It has no parameters.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
pub struct Parameters {}

impl Adapter for Slow {
    type Parameters = Parameters;

    fn configure(_parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        Ok(Self)
    }
}

impl Metric for Slow {
    fn metric(&mut self, _metric: &MetricInstance<'_>) -> Result<(), String> {
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        let until = clock::monotonic() + BATCH_NANOS;
        while clock::monotonic() < until {}
        Ok(())
    }
}
