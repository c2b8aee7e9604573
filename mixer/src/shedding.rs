//! Load shedding: what is refused when more comes than can be served.
//!
//! Goal: under any load Mixer keeps answering the checks it can answer, at once, and says no to the rest
//! at once. Memory and waiting times stay bounded, and a caller that is refused learns when to come again.
//!
//! Choice. What is counted is what costs: calls of handlers under way, callers that wait for a place among
//! them, and instances that wait in the handlers' queues. Each kind of request has places of its own, so
//! that reports, however many, take none from checks, and while checks wait reports are refused outright:
//! a report that is lost is a gap in a graph, a check that is lost is a request that fails. Places are
//! given in the order of asking; who waits too long is refused, because its caller has given up by then.
//! An answer from the cache costs less than a refusal, so admission stands behind the cache. The bound of
//! all queues together is several times what one handler's queue takes: a handler that is stuck loses its
//! own reports and no other's. On top an operator may bound the rate: a check costs 1, a report the number
//! of its elements.
//!
//! Refused: mean latency, which Istio's Mixer uses. One slow back end raises it for everybody and then
//! requests are shed that would not have touched that back end; and it falls only when requests pass, so
//! shedding feeds on itself. Also refused: one limit for both kinds (a flood of reports would shed checks),
//! and unbounded waiting (it answers callers that are gone).

mod limiter;
mod options;
mod rate;
mod shed;
#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use self::limiter::Limiter;
pub use self::options::{Limits, RateLimit, SheddingMode, SheddingOptions};
use self::rate::Rate;
pub use self::shed::{Shed, ShedReason};
use crate::metrics::Metrics;

/// When queues are too full: they are worked off in about this time, or their handler is stuck.
const QUEUES_RETRY: Duration = Duration::from_secs(1);

/// Requests that are shed are logged at most this often.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// What asks for admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A decision somebody waits for.
    Check,
    /// Telemetry.
    Report,
}

impl RequestKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Check, Self::Report];

    /// Its name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Report => "report",
        }
    }
}

/// Decides which requests are worked on.
#[derive(Debug)]
pub struct Admission {
    mode: SheddingMode,
    check: Limiter,
    report: Limiter,
    max_wait: Duration,
    max_queued: u64,
    rate: Option<Rate>,
    started: Instant,
    /// Milliseconds after `started` until which nothing is logged.
    quiet_until: AtomicU64,
    metrics: Metrics,
}

/// A place among the requests worked on, given back when it is dropped.
#[derive(Debug)]
pub struct Permit<'a> {
    _place: Option<SemaphorePermit<'a>>,
}

impl Admission {
    /// By `options`; what is shed is counted in `metrics`.
    pub fn new(options: &SheddingOptions, metrics: &Metrics) -> Self {
        let waiting = |kind| metrics.shedding.waiting(kind).clone();
        Self {
            mode: options.mode,
            check: Limiter::new(options.check, waiting(RequestKind::Check)),
            report: Limiter::new(options.report, waiting(RequestKind::Report)),
            max_wait: options.max_wait,
            max_queued: options.max_queued,
            rate: options.rate.map(Rate::new),
            started: Instant::now(),
            quiet_until: 0.into(),
            metrics: metrics.clone(),
        }
    }

    /// Admits a request of this `cost` (1 for a check, the number of elements of a report), waiting for a
    /// place among those of its kind at most as long as the options say. Cancelled safely.
    ///
    /// # Errors
    /// When it is not to be worked on: the answer is [`Shed`], and there is nothing else to do for it.
    pub async fn enter(&self, kind: RequestKind, cost: u32) -> Result<Permit<'_>, Shed> {
        let judged = match self.judge(kind, cost) {
            Err(shed) => Err(shed),
            Ok(()) if self.mode == SheddingMode::Enforce => {
                let place = self.limiter(kind).wait(self.max_wait).await;
                place.map(Some).map_err(|reason| self.shed(kind, reason, self.max_wait))
            }
            Ok(()) => self.place_at_once(kind),
        };
        self.conclude(kind, cost, judged)
    }

    /// As [`Self::enter`], without waiting.
    ///
    /// # Errors
    /// As there; also when all places are taken.
    pub fn try_enter(&self, kind: RequestKind, cost: u32) -> Result<Permit<'_>, Shed> {
        let judged = self.judge(kind, cost).and_then(|()| self.place_at_once(kind));
        self.conclude(kind, cost, judged)
    }

    fn place_at_once(&self, kind: RequestKind) -> Result<Option<SemaphorePermit<'_>>, Shed> {
        if self.mode == SheddingMode::Disabled {
            return Ok(None);
        }
        let place = self.limiter(kind).try_place();
        place.map(Some).map_err(|reason| self.shed(kind, reason, self.max_wait))
    }

    /// What speaks against a request before it asks for a place.
    fn judge(&self, kind: RequestKind, cost: u32) -> Result<(), Shed> {
        if self.mode == SheddingMode::Disabled {
            return Ok(());
        }
        if kind == RequestKind::Report {
            let queued = u64::try_from(self.metrics.report_queued.get()).unwrap_or(0);
            if queued > self.max_queued {
                return Err(self.shed(kind, ShedReason::HandlerQueues, QUEUES_RETRY));
            }
            if self.check.waits() {
                return Err(self.shed(kind, ShedReason::ChecksFirst, self.max_wait));
            }
        }
        let Some(rate) = &self.rate else { return Ok(()) };
        rate.admit(cost, self.started.elapsed())
            .map_err(|retry| self.shed(kind, ShedReason::Rate, retry))
    }

    fn conclude<'a>(
        &'a self,
        kind: RequestKind,
        cost: u32,
        judged: Result<Option<SemaphorePermit<'a>>, Shed>,
    ) -> Result<Permit<'a>, Shed> {
        let shed = match judged {
            Ok(place) => return Ok(Permit { _place: place }),
            Err(shed) => shed,
        };
        self.metrics.shedding.count(kind, shed.reason, cost);
        self.log(&shed);
        match self.mode {
            SheddingMode::Enforce => Err(shed),
            SheddingMode::LogOnly | SheddingMode::Disabled => Ok(Permit { _place: None }),
        }
    }

    fn shed(&self, kind: RequestKind, reason: ShedReason, retry_after: Duration) -> Shed {
        Shed { kind, reason, retry_after }
    }

    fn limiter(&self, kind: RequestKind) -> &Limiter {
        match kind {
            RequestKind::Check => &self.check,
            RequestKind::Report => &self.report,
        }
    }

    /// Shedding is hot: one line a second says that it happens, the metrics say how much.
    fn log(&self, shed: &Shed) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = millis(self.started.elapsed());
        let quiet = self.quiet_until.load(Relaxed);
        let next = now + millis(LOG_EVERY);
        if now < quiet || self.quiet_until.compare_exchange(quiet, next, Relaxed, Relaxed).is_err()
        {
            return;
        }
        let (kind, reason) = (shed.kind.name(), shed.reason.name());
        match self.mode {
            SheddingMode::Enforce => {
                tracing::warn!(
                    kind,
                    reason,
                    "requests are shed; see mixer_loadshedding_requests_throttled"
                );
            }
            SheddingMode::LogOnly | SheddingMode::Disabled => {
                tracing::warn!(kind, reason, "requests would be shed; --shedding is logonly");
            }
        }
    }
}
