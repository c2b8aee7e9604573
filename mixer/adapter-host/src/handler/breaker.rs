//! Keeps a broken adapter from costing every request its deadline.
//!
//! After [`THRESHOLD`] failures in a row calls are refused at once, so that the fail policy answers
//! without waiting. One call at a time goes through as a probe, first after a second, then after twice
//! the time, at most every 30 s, for ever: an adapter that recovers is found without anybody's help.
//! Failures are crashes, deadlines and instances that cannot be made; an adapter that answers with an
//! error works.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// DESIGN.md section 5.
const THRESHOLD: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The breaker of one handler.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: AtomicU32,
    /// Read only when there were failures enough: good times take no lock.
    probing: Mutex<Probing>,
}

#[derive(Debug)]
struct Probing {
    pause: Duration,
    next: Option<Instant>,
    under_way: bool,
}

/// A call that may go on, and reports how it went. Dropped without a report – the caller has gone away –
/// it says nothing about the adapter.
#[derive(Debug)]
pub struct Attempt<'b> {
    breaker: &'b Breaker,
    is_probe: bool,
}

/// No call goes through for now.
#[derive(Debug, PartialEq, Eq)]
pub struct Open {
    /// Failures in a row.
    pub failures: u32,
    /// The time until a call may be a probe; zero while one is under way.
    pub next_probe: Duration,
}

impl Default for Probing {
    fn default() -> Self {
        Self { pause: FIRST_PAUSE, next: None, under_way: false }
    }
}

impl Breaker {
    /// Lets a call go on, or says why not.
    ///
    /// # Errors
    /// When the adapter failed too often and this call is no probe.
    pub fn admit(&self) -> Result<Attempt<'_>, Open> {
        let failures = self.failures.load(Ordering::Relaxed);
        if failures < THRESHOLD {
            return Ok(Attempt { breaker: self, is_probe: false });
        }
        let mut probing = self.probing();
        let now = Instant::now();
        let next = probing.next.unwrap_or(now);
        if probing.under_way || now < next {
            return Err(Open { failures, next_probe: next.saturating_duration_since(now) });
        }
        probing.under_way = true;
        Ok(Attempt { breaker: self, is_probe: true })
    }

    /// Whether calls are refused for now.
    pub fn is_open(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= THRESHOLD
    }

    fn probing(&self) -> MutexGuard<'_, Probing> {
        self.probing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Says whether this closed the breaker.
    pub fn succeed(self) -> bool {
        if self.breaker.failures.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let failures = self.breaker.failures.swap(0, Ordering::Relaxed);
        *self.breaker.probing() = Probing::default();
        failures >= THRESHOLD
    }

    /// Says whether this opened the breaker.
    pub fn fail(self) -> bool {
        let before = self.breaker.failures.fetch_add(1, Ordering::Relaxed);
        // For ever is long: the count must not come round to zero.
        if before == u32::MAX {
            self.breaker.failures.store(u32::MAX, Ordering::Relaxed);
        }
        let opened = before.saturating_add(1) == THRESHOLD;
        if opened || self.is_probe {
            let mut probing = self.breaker.probing();
            if self.is_probe {
                probing.pause = (probing.pause * 2).min(LONGEST_PAUSE);
            }
            probing.next = Some(Instant::now() + probing.pause);
        }
        opened
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.probing().under_way = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(breaker: &Breaker) {
        for _ in 0..THRESHOLD {
            breaker.admit().unwrap().fail();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn opens_after_five_failures_in_a_row_and_not_before() {
        let breaker = Breaker::default();
        for _ in 0..THRESHOLD - 1 {
            assert!(!breaker.admit().unwrap().fail());
        }
        assert!(!breaker.admit().unwrap().succeed());
        for _ in 0..THRESHOLD - 1 {
            assert!(!breaker.admit().unwrap().fail());
        }
        assert!(breaker.admit().unwrap().fail());
        assert!(breaker.is_open());
        assert_eq!(breaker.admit().unwrap_err(), Open { failures: 5, next_probe: FIRST_PAUSE });
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_ever_less_often_up_to_the_longest_pause() {
        let breaker = Breaker::default();
        open(&breaker);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let pause = breaker.admit().unwrap_err().next_probe;
            pauses.push(pause.as_secs());
            tokio::time::advance(pause).await;
            let probe = breaker.admit().unwrap();
            assert!(breaker.admit().is_err(), "a second call while the probe is under way");
            probe.fail();
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_works_closes_and_the_next_outage_starts_afresh() {
        let breaker = Breaker::default();
        open(&breaker);
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(breaker.admit().unwrap().succeed());
        assert!(!breaker.is_open());
        open(&breaker);
        assert_eq!(breaker.admit().unwrap_err().next_probe, FIRST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_whose_caller_goes_away_leaves_its_place_to_the_next() {
        let breaker = Breaker::default();
        open(&breaker);
        tokio::time::advance(FIRST_PAUSE).await;
        drop(breaker.admit().unwrap());
        breaker.admit().unwrap();
    }
}
