use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use wasmtime::Trap;

use super::Handler;
use super::breaker::Attempt;
use super::pool::{NoPermit, Permit};
use crate::CallError;
use crate::guest::{self, Guest};
use crate::guest_text::cut;

/// An instance of the component in the hands of one call. Dropped without [`Lease::finish`] – the caller
/// has gone away in the middle of the call – the instance goes with it: it cannot be entered again.
pub(crate) struct Lease<'h> {
    handler: &'h Handler,
    attempt: Attempt<'h>,
    guest: Guest,
    permit: Permit<'h>,
    limit: Duration,
    pub(crate) deadline: Instant,
}

impl Handler {
    /// An instance for a call that may take `limit`. The wait for one may take as long, and does not
    /// shorten the call: an adapter is not to be blamed for a crowd. When there is none idle and the
    /// handler may have more, one is made, for which there is a limit of its own; where instances are made
    /// ahead, the call waits for one of them.
    pub(crate) async fn lease(&self, limit: Duration) -> Result<Lease<'_>, CallError> {
        if self.is_closing.load(Ordering::Relaxed) {
            self.counts.calls.add(1);
            return Err(CallError::Closed);
        }
        self.lease_while_closing(limit).await
    }

    /// As [`Self::lease`], also while the handler sends what it has queued.
    pub(super) async fn lease_while_closing(
        &self,
        limit: Duration,
    ) -> Result<Lease<'_>, CallError> {
        self.counts.calls.add(1);
        let attempt = self.breaker.admit().map_err(|open| {
            self.counts.refused_by_breaker.add(1);
            CallError::BreakerOpen { failures: open.failures, next_probe: open.next_probe }
        })?;
        let permit = match self.pool.permit(Instant::now() + limit).await {
            Ok(permit) => permit,
            Err(NoPermit::Closed) => return Err(CallError::Closed),
            Err(NoPermit::Busy) => {
                if let Some(why) = self.pool.why_empty() {
                    let message = format!("none of its instances is left: {why}");
                    let cause = CallError::Trap { message };
                    self.fail(attempt, &cause);
                    return Err(cause);
                }
                self.counts.exhausted.add(1);
                let instances = self.spec.limits.instances.get();
                return Err(CallError::Exhausted { instances, limit });
            }
        };
        let mut guest = match self.pool.take() {
            Some(guest) => guest,
            // Only a pool about to close has a permit and no instance then.
            None if self.pool.keeper().is_some() => return Err(CallError::Closed),
            None => match self.instantiate().await {
                Ok(guest) => guest,
                Err(cause) => {
                    let cause = cause.into_call_error();
                    self.fail(attempt, &cause);
                    return Err(cause);
                }
            },
        };
        guest::arm(&mut guest.store, std::time::Instant::now() + limit);
        let deadline = Instant::now() + limit;
        Ok(Lease { handler: self, attempt, guest, permit, limit, deadline })
    }

    fn fail(&self, attempt: Attempt<'_>, cause: &CallError) {
        match cause {
            CallError::Deadline { .. } => self.counts.deadlines.add(1),
            // Not the adapter's failure.
            CallError::HostFull => return self.counts.exhausted.add(1),
            _ => self.counts.traps.add(1),
        }
        let opened = attempt.fail();
        let (handler, adapter) = (&self.spec.name, self.component.name());
        if opened {
            tracing::error!(handler, adapter, %cause, "an adapter fails again and again and is called no more but for probes");
        } else if !self.breaker.is_open()
            && let Some(untold) = self.complaints.admit(std::time::Instant::now())
        {
            tracing::warn!(handler, adapter, %cause, untold, "a call of an adapter failed and its instance is replaced");
        }
    }
}

impl Lease<'_> {
    pub(crate) fn guest(&mut self) -> &mut Guest {
        &mut self.guest
    }

    /// Ends the call: a sound instance goes back to the pool.
    pub(crate) fn finish<T>(
        self,
        outcome: Result<wasmtime::Result<T>, Elapsed>,
    ) -> Result<T, CallError> {
        let Self { handler, attempt, guest, permit, limit, .. } = self;
        match judge(outcome, &guest, limit) {
            Ok(answer) => {
                handler.pool.put(guest, permit);
                if attempt.succeed() {
                    let (handler, adapter) = (&handler.spec.name, handler.component.name());
                    tracing::info!(handler, adapter, "an adapter works again");
                }
                Ok(answer)
            }
            Err(cause) => {
                drop(guest);
                handler.fail(attempt, &cause);
                Err(cause)
            }
        }
    }
}

/// What came of a call with a guest: its answer, or why there is none.
pub(super) fn judge<T>(
    outcome: Result<wasmtime::Result<T>, Elapsed>,
    guest: &Guest,
    limit: Duration,
) -> Result<T, CallError> {
    let Ok(outcome) = outcome else { return Err(CallError::Deadline { limit }) };
    outcome.map_err(|error| {
        if let Some(Trap::Interrupt) = error.downcast_ref::<Trap>() {
            return CallError::Deadline { limit };
        }
        let cause = error.root_cause();
        let message = match guest.store.data().refusal() {
            Some(refusal) => cut(format!("{refusal} ({cause})")),
            None => cut(cause.to_string()),
        };
        CallError::Trap { message }
    })
}

/// Waits for a call until the lease's deadline.
pub(crate) async fn until<T>(
    deadline: Instant,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> Result<wasmtime::Result<T>, Elapsed> {
    timeout_at(deadline, call).await
}
