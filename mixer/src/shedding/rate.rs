use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::RateLimit;

/// A bucket of cost that fills at a constant rate, kept as the one moment at which it is full again
/// (generic cell rate algorithm): no lock, no timer.
#[derive(Debug)]
pub(super) struct Rate {
    /// Nanoseconds in which 1 of cost comes back, rounded up: the limit is never exceeded by rounding.
    per_cost: u64,
    burst: u64,
    /// When nothing is owed any more, in nanoseconds.
    full_at: AtomicU64,
}

impl Rate {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self {
            per_cost: 1_000_000_000_u64.div_ceil(u64::from(limit.per_second.get())),
            burst: u64::from(limit.burst.get()),
            full_at: AtomicU64::new(0),
        }
    }

    /// Takes `cost` at the moment `now`. What costs more than the burst is taken from a full bucket, and
    /// owed: the rate holds in the long run.
    ///
    /// # Errors
    /// When there is not enough: how long until there is.
    pub(super) fn admit(&self, cost: u32, now: Duration) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let cost = u64::from(cost);
        let capacity = self.burst.saturating_mul(self.per_cost);
        let needed = cost.min(self.burst).saturating_mul(self.per_cost);
        let owes = |full_at: u64| full_at.saturating_sub(now);
        self.full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let fits = owes(full_at).saturating_add(needed) <= capacity;
                let after = full_at.max(now).saturating_add(cost.saturating_mul(self.per_cost));
                fits.then_some(after)
            })
            .map(drop)
            .map_err(|full_at| {
                let missing = owes(full_at).saturating_add(needed).saturating_sub(capacity);
                Duration::from_nanos(missing)
            })
    }
}
