//! Reports to a remote adapter.
//!
//! A batch goes out in requests that any gRPC server takes. One that certainly did not get there – no
//! connection, or the breaker is open – is sent again, ever less often, while the caller's patience
//! lasts: an adapter that restarts costs nothing but the place of what waits. One that may have got there
//! is never sent again: it would be counted twice.

use std::time::Duration;

use adapter_host::{CallError, FailedElement, InstanceIndex, Variety};
use mesh_attributes::OwnedValue;
use tokio::time::{Instant, sleep};

use crate::call::count;
use crate::handler::Prepared;
use crate::{RemoteHandler, answer};

/// The largest request, in bytes of instances: gRPC servers take 4 MiB unless told otherwise.
const MAX_REQUEST: usize = 3 << 20;

/// The pause before a batch is sent again: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// An instance of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRow {
    /// The caller's number for the request.
    pub element: u32,
    /// The instance.
    pub instance: InstanceIndex,
    /// The values of its fields, in their order.
    pub values: Vec<OwnedValue>,
}

impl RemoteHandler {
    /// Hands instances of one template over. Waits up to `patience` for an adapter that is away, before
    /// each request.
    ///
    /// # Errors
    /// When the first request failed. Later ones that do make their elements failed ones.
    pub async fn report(
        &self,
        rows: &[ReportRow],
        patience: Duration,
    ) -> Result<Vec<FailedElement>, CallError> {
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let prepared = self.instance(first.instance, Variety::Report)?;
        let mut failed = Vec::new();
        let mut delivered = false;
        let mut rest = rows;
        while !rest.is_empty() {
            let (request, taken) = self.fill(prepared, rest, &mut failed);
            let (these, after) = rest.split_at(taken);
            rest = after;
            if request.is_empty() {
                continue;
            }
            match self.deliver(prepared, &request, patience).await {
                Ok(()) => delivered = true,
                Err(cause) if !delivered => return Err(cause),
                Err(cause) => {
                    let lost = these.iter().chain(rest).map(|row| FailedElement {
                        element: row.element,
                        message: cause.to_string(),
                    });
                    failed.extend(lost);
                    break;
                }
            }
        }
        count(&self.counts.failed_elements, failed.len() as u64);
        Ok(failed)
    }

    /// Encoded instances for one request, and how many rows they are. Rows that make no instance are
    /// added to `failed`.
    fn fill(
        &self,
        first: &Prepared,
        rows: &[ReportRow],
        failed: &mut Vec<FailedElement>,
    ) -> (Vec<Vec<u8>>, usize) {
        let mut request = Vec::new();
        let mut size = 0;
        for (taken, row) in rows.iter().enumerate() {
            let encoded = match self.instance(row.instance, Variety::Report) {
                Ok(prepared) if prepared.template.name() == first.template.name() => {
                    prepared.layout.encode(&row.values).map_err(|misfit| misfit.0)
                }
                Ok(prepared) => Err(format!("is of template {}", prepared.template.name())),
                Err(cause) => Err(cause.to_string()),
            };
            match encoded {
                Ok(instance) if size + instance.len() > MAX_REQUEST && size > 0 => {
                    return (request, taken);
                }
                Ok(instance) => {
                    size += instance.len();
                    request.push(instance);
                }
                Err(message) => failed.push(FailedElement { element: row.element, message }),
            }
        }
        (request, rows.len())
    }

    async fn deliver(
        &self,
        prepared: &Prepared,
        instances: &[Vec<u8>],
        patience: Duration,
    ) -> Result<(), CallError> {
        let give_up = Instant::now() + patience;
        let mut pause = PAUSES.0;
        loop {
            let called = self.call(prepared, instances, "", None, self.report_limit).await;
            let cause = match called.and_then(|answer| self.taken(answer::report(answer))) {
                Ok(()) => return Ok(()),
                Err(cause) => cause,
            };
            let wait = match &cause {
                CallError::Unreachable { undelivered: true, .. } => pause,
                CallError::BreakerOpen { next_probe, .. } => pause.max(*next_probe),
                _ => return Err(cause),
            };
            // All that wait for one adapter should not come back at once.
            let wait = wait.mul_f64(1.0 + fastrand::f64() / 4.0);
            if Instant::now() + wait >= give_up {
                return Err(cause);
            }
            sleep(wait).await;
            count(&self.counts.retries, 1);
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}
