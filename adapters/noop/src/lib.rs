//! Takes everything and does nothing: lets every request pass, grants every quota and swallows reports.
//!
//! For measuring what Mixer itself costs, and for switching a handler off without touching its rules.

use std::time::Duration;

use adapter_sdk::{
    Action, Adapter, ApiKey, ApiKeyRequest, Authorization, CallError, CheckNothing, CheckResult,
    Code, Edge, Endpoint, Entry, Grant, InstanceIndex, Instances, KeyVal, Kubernetes, ListEntry,
    LogEntry, Metric, MetricInstance, Problems, Quota, QuotaRequest, ReportNothing, Span, Subject,
    TraceSpan, Value, WorkloadEdge, Workloads,
};
use schemars::JsonSchema;
use serde::Deserialize;

adapter_sdk::export!(
    Noop: metric, logentry, tracespan, edge, reportnothing, checknothing, listentry, apikey, authorization, keyval,
    quota, kubernetes
);

/// As long as in Istio's adapter.
const FOR_EVER: Duration = Duration::from_secs(1_000_000_000);

/// The adapter.
#[derive(Debug)]
pub struct Noop;

/// It has no parameters.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Parameters {}

impl Adapter for Noop {
    type Parameters = Parameters;

    fn configure(_parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        Ok(Self)
    }
}

impl CheckNothing for Noop {
    fn check_nothing(&mut self, _instance: InstanceIndex) -> Result<CheckResult, CallError> {
        Ok(pass())
    }
}

impl ListEntry for Noop {
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        _value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        Ok(pass())
    }
}

impl ApiKey for Noop {
    fn api_key(
        &mut self,
        _instance: InstanceIndex,
        _request: &ApiKeyRequest,
    ) -> Result<CheckResult, CallError> {
        Ok(pass())
    }
}

impl Authorization for Noop {
    fn authorize(
        &mut self,
        _instance: InstanceIndex,
        _subject: &Subject,
        _action: &Action,
    ) -> Result<CheckResult, CallError> {
        Ok(pass())
    }
}

impl KeyVal for Noop {
    fn key_val(
        &mut self,
        _instance: InstanceIndex,
        _key: &str,
    ) -> Result<(CheckResult, Option<String>), CallError> {
        Ok((pass(), None))
    }
}

impl Quota for Noop {
    fn allocate(
        &mut self,
        _instance: InstanceIndex,
        _dimensions: &[Value<'_>],
        request: &QuotaRequest,
    ) -> Result<Grant, CallError> {
        // What is given back has no amount to be used.
        Ok(Grant::of(request.amount.max(0), FOR_EVER))
    }
}

impl Kubernetes for Noop {
    fn generate(
        &mut self,
        _instance: InstanceIndex,
        _source: &Endpoint,
        _destination: &Endpoint,
    ) -> Result<Workloads, CallError> {
        Ok(Workloads { source: None, destination: None })
    }
}

impl Metric for Noop {
    fn metric(&mut self, _metric: &MetricInstance<'_>) -> Result<(), String> {
        Ok(())
    }
}

impl TraceSpan for Noop {
    fn trace_span(&mut self, _span: &Span<'_>) -> Result<(), String> {
        Ok(())
    }
}

impl Edge for Noop {
    fn edge(&mut self, _edge: &WorkloadEdge<'_>) -> Result<(), String> {
        Ok(())
    }
}

impl LogEntry for Noop {
    fn log_entry(&mut self, _entry: &Entry<'_>) -> Result<(), String> {
        Ok(())
    }
}

impl ReportNothing for Noop {
    fn report_nothing(&mut self, _instance: InstanceIndex, _count: u32) -> Result<(), CallError> {
        Ok(())
    }
}

fn pass() -> CheckResult {
    CheckResult {
        code: Code::OK,
        message: String::new(),
        valid_duration: FOR_EVER,
        valid_use_count: None,
        direct_response: None,
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
