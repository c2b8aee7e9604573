use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adapter_host::{
    Breaker, BuildError, CallError, CheckResult, FailedElement, HandlerStatus, InstanceIndex,
    Limits, OwnedValue, ParameterProblem, QuotaGrant, QuotaRequest, Variety, bounded_text,
    bounded_values,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use remote_adapter::{InstanceShape, ReportRow};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

use super::{Given, NativeAdapter, NativeError, NativeSetup, NativeWork};

/// Calls under way in one handler; further ones wait.
const MAX_IN_FLIGHT: usize = 1024;

/// A handler whose adapter is Rust in this process, called within the limits of components.
pub(crate) struct NativeHandler {
    name: String,
    adapter: String,
    work: Arc<dyn NativeWork>,
    instances: Vec<InstanceShape>,
    limits: Limits,
    breaker: Breaker,
    in_flight: Semaphore,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    panics: AtomicU64,
    deadlines: AtomicU64,
    exhausted: AtomicU64,
    refused_by_breaker: AtomicU64,
    errors: AtomicU64,
    trimmed: AtomicU64,
    failed_elements: AtomicU64,
}

fn count(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

impl NativeHandler {
    /// Makes the handler.
    ///
    /// # Errors
    /// What the adapter finds wrong in its parameters; a panic is told as such.
    pub(crate) fn build(
        name: &str,
        adapter: &dyn NativeAdapter,
        setup: NativeSetup,
        limits: Limits,
    ) -> Result<Arc<Self>, BuildError> {
        let configured = catch_unwind(AssertUnwindSafe(|| adapter.configure(&setup)));
        let work = configured
            .map_err(|panic| {
                let message = format!("it panicked: {}", words(&*panic));
                vec![ParameterProblem { field: String::new(), message }]
            })
            .flatten()
            .map_err(|problems| BuildError::Refused { problems })?;
        Ok(Arc::new(Self {
            name: setup.handler,
            adapter: name.to_owned(),
            work,
            instances: setup.instances,
            limits,
            breaker: Breaker::default(),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            counts: Counts::default(),
        }))
    }

    pub(crate) async fn check(
        &self,
        instance: InstanceIndex,
        values: &[OwnedValue],
    ) -> Result<CheckResult, CallError> {
        let given = self.given(instance, values, Variety::Check)?;
        let called = self.call(self.limits.check_deadline, || self.work.check(given)).await?;
        let (result, trimmed) = called.bounded().inspect_err(|_| count(&self.counts.errors, 1))?;
        count(&self.counts.trimmed, u64::from(trimmed));
        Ok(result)
    }

    pub(crate) async fn allocate(
        &self,
        instance: InstanceIndex,
        values: &[OwnedValue],
        request: &QuotaRequest,
    ) -> Result<QuotaGrant, CallError> {
        let given = self.given(instance, values, Variety::Quota)?;
        let limit = self.limits.check_deadline;
        let granted = self.call(limit, || self.work.allocate(given, request)).await?;
        let (grant, trimmed) = granted.bounded(request.amount);
        count(&self.counts.trimmed, u64::from(trimmed));
        Ok(grant)
    }

    pub(crate) async fn generate(
        &self,
        instance: InstanceIndex,
        values: &[OwnedValue],
    ) -> Result<Vec<(String, OwnedValue)>, CallError> {
        let given = self.given(instance, values, Variety::AttributeGenerator)?;
        let limit = self.limits.check_deadline;
        let made = self.call(limit, || self.work.generate(given)).await?;
        let made = made.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let made = bounded_values(made).inspect_err(|_| count(&self.counts.errors, 1))?;
        Ok(made.into_iter().map(|(name, value)| (name.into_owned(), value)).collect())
    }

    pub(crate) async fn report(&self, rows: &[ReportRow]) -> Result<Vec<FailedElement>, CallError> {
        let mut batch = Vec::with_capacity(rows.len());
        for ReportRow { element, instance, values } in rows {
            batch.push((*element, self.given(*instance, values, Variety::Report)?));
        }
        let limit = self.limits.report_deadline;
        let failed = self.call(limit, || self.work.report(batch)).await?;
        count(&self.counts.failed_elements, failed.len() as u64);
        Ok(failed)
    }

    pub(crate) fn status(&self) -> HandlerStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HandlerStatus {
            name: self.name.clone(),
            adapter: self.adapter.clone(),
            calls: read(&self.counts.calls),
            traps: read(&self.counts.panics),
            deadlines: read(&self.counts.deadlines),
            exhausted: read(&self.counts.exhausted),
            refused_by_breaker: read(&self.counts.refused_by_breaker),
            breaker_open: self.breaker.is_open(),
            errors: read(&self.counts.errors),
            answers_trimmed: read(&self.counts.trimmed),
            failed_elements: read(&self.counts.failed_elements),
            instances_in_use: MAX_IN_FLIGHT - self.in_flight.available_permits(),
            ..HandlerStatus::default()
        }
    }

    /// Refuses all further calls.
    pub(crate) fn close(&self) {
        self.in_flight.close();
    }

    fn given<'c>(
        &'c self,
        index: InstanceIndex,
        values: &'c [OwnedValue],
        variety: Variety,
    ) -> Result<Given<'c>, CallError> {
        let instance = self.instances.get(index.0 as usize);
        let instance = instance.ok_or(CallError::NoSuchInstance { variety, index: index.0 })?;
        Ok(Given { instance, values })
    }

    /// Makes one call within its limits. `begin` may panic, too.
    async fn call<'c, T>(
        &'c self,
        limit: Duration,
        begin: impl FnOnce() -> BoxFuture<'c, Result<T, NativeError>>,
    ) -> Result<T, CallError> {
        count(&self.counts.calls, 1);
        let attempt = self.breaker.admit().map_err(|open| {
            count(&self.counts.refused_by_breaker, 1);
            CallError::BreakerOpen { failures: open.failures, next_probe: open.next_probe }
        })?;
        let deadline = Instant::now() + limit;
        let _place = match timeout_at(deadline, self.in_flight.acquire()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(CallError::Closed),
            Err(_) => {
                count(&self.counts.exhausted, 1);
                let instances = u32::try_from(MAX_IN_FLIGHT).unwrap_or(u32::MAX);
                return Err(CallError::Exhausted { instances, limit });
            }
        };
        let work = AssertUnwindSafe(async move { begin().await }).catch_unwind();
        let cause = match timeout_at(deadline, work).await {
            Ok(Ok(answer)) => {
                if attempt.succeed() {
                    info!(handler = self.name, adapter = self.adapter, "an adapter works again");
                }
                return answer.map_err(|NativeError { fault, retry, message }| {
                    count(&self.counts.errors, 1);
                    CallError::Refused { fault, retry, message: bounded_text(message) }
                });
            }
            Ok(Err(panic)) => {
                count(&self.counts.panics, 1);
                CallError::Trap { message: format!("it panicked: {}", words(&*panic)) }
            }
            Err(_) => {
                count(&self.counts.deadlines, 1);
                CallError::Deadline { limit }
            }
        };
        let (handler, adapter) = (&self.name, &self.adapter);
        if attempt.fail() {
            error!(handler, adapter, %cause, "an adapter fails again and again and is called no more but for probes");
        } else if !self.breaker.is_open() {
            warn!(handler, adapter, %cause, "a call of an adapter failed");
        }
        Err(cause)
    }
}

impl std::fmt::Debug for NativeHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeHandler")
            .field("name", &self.name)
            .field("adapter", &self.adapter)
            .finish_non_exhaustive()
    }
}

/// What a panic says.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    bounded_text(text.unwrap_or_else(|| "no text".to_owned()))
}
