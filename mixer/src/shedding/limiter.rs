use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::{Limits, ShedReason};

/// Places for requests of one kind, and a bounded line of those who wait for one.
#[derive(Debug)]
pub(super) struct Limiter {
    places: Semaphore,
    waiting: AtomicU32,
    max_waiting: u32,
    exported: IntGauge,
}

/// Somebody in the line.
struct Waiting<'a>(&'a Limiter);

impl Limiter {
    pub(super) fn new(limits: Limits, exported: IntGauge) -> Self {
        let places = limits.concurrent.max(1) as usize;
        Self {
            places: Semaphore::new(places.min(Semaphore::MAX_PERMITS)),
            waiting: AtomicU32::new(0),
            max_waiting: limits.waiting,
            exported,
        }
    }

    /// A place that is free now.
    pub(super) fn try_place(&self) -> Result<SemaphorePermit<'_>, ShedReason> {
        self.places.try_acquire().map_err(|_| ShedReason::Concurrency)
    }

    /// A place, waited for if the line has room. Who gives up leaves the line.
    pub(super) async fn wait(&self, limit: Duration) -> Result<SemaphorePermit<'_>, ShedReason> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _in_line = self.line_up().ok_or(ShedReason::Concurrency)?;
        match timeout(limit, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(ShedReason::Waited),
        }
    }

    /// Whether anybody waits.
    pub(super) fn waits(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn line_up(&self) -> Option<Waiting<'_>> {
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < self.max_waiting).then_some(waiting + 1)
            })
            .ok()?;
        self.exported.inc();
        Some(Waiting(self))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.exported.dec();
    }
}
