//! Counters in this process.
//!
//! For a single Mixer, or where each may grant the whole limit. A restart forgets everything. Three
//! things can grow and are bounded:
//!
//! - counters: when all places are taken, those that count nothing any more are removed; when none is,
//!   asks on a new counter are refused. A counter in use is never thrown away, which would hand out its
//!   limit again.
//! - buckets of rolling windows: without room for another, the newest takes in what is granted now. It
//!   comes back later than asked for, never earlier.
//! - remembered answers: without room an answer is not remembered, so that a repetition is counted
//!   twice: too little is granted, never too much.

mod cell;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use self::cell::{Cell, Room};
use crate::clock::{Clock, Monotonic};
use crate::metrics::{QuotaMetrics, StoreMetrics};
use crate::{Ask, CounterKey, Deduplication, Grant, StoreError};

/// Looking for counters that can go visits all; a store full of counters in use is not to do that for
/// each ask.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// How much a store in memory may hold. Concurrent calls may exceed a bound by one each.
#[derive(Debug, Clone, Copy)]
pub struct MemoryOptions {
    /// Counters: distinct values of dimensions. Some 300 bytes each.
    pub max_cells: usize,
    /// Buckets of rolling windows besides the first of each counter. 32 bytes each.
    pub max_buckets: usize,
    /// Answers remembered by their deduplication id. Some 300 bytes each.
    pub max_remembered: usize,
}

/// Counters in this process.
#[derive(Debug)]
pub struct MemoryStore {
    options: MemoryOptions,
    clock: Arc<dyn Clock>,
    cells: Bounded<CounterKey, Cell>,
    remembered: Bounded<(CounterKey, Box<str>), Remembered>,
    /// See [`Cell::further_buckets`].
    buckets: AtomicUsize,
    metrics: QuotaMetrics,
    counts: StoreMetrics,
}

/// A map that knows its size without locking all of it.
#[derive(Debug)]
struct Bounded<K: Eq + std::hash::Hash, V> {
    map: DashMap<K, V, foldhash::quality::RandomState>,
    len: AtomicUsize,
    /// In nanoseconds of the store's clock.
    next_sweep: AtomicU64,
}

#[derive(Debug)]
struct Remembered {
    amount: i64,
    valid_until: Duration,
    forget_at: Duration,
}

impl Default for MemoryOptions {
    /// 100,000 counters and remembered answers, a million buckets: some 100 MB when all are in use.
    fn default() -> Self {
        Self { max_cells: 100_000, max_buckets: 1_000_000, max_remembered: 100_000 }
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new(options: MemoryOptions, metrics: &QuotaMetrics) -> Self {
        Self::with_clock(options, metrics, Arc::new(Monotonic::default()))
    }

    /// An empty store that takes its time from `clock`.
    pub fn with_clock(
        options: MemoryOptions,
        metrics: &QuotaMetrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            options,
            clock,
            cells: Bounded::default(),
            remembered: Bounded::default(),
            buckets: AtomicUsize::new(0),
            metrics: metrics.clone(),
            counts: metrics.store("memory"),
        }
    }

    /// Decides `ask`, without waiting: some 100 ns. Concurrent asks on one counter come one after the
    /// other.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn grant(&self, ask: &Ask) -> Result<Grant, StoreError> {
        let outcome = self.decide(ask);
        self.counts.count(ask, &outcome);
        outcome
    }

    fn decide(&self, ask: &Ask) -> Result<Grant, StoreError> {
        if ask.amount == 0 {
            return Ok(Grant::NONE);
        }
        let now = self.clock.now();
        match &ask.deduplication {
            None => self.count(ask, now),
            Some(deduplication) => self.count_once(ask, deduplication, now),
        }
    }

    fn count(&self, ask: &Ask, now: Duration) -> Result<Grant, StoreError> {
        if let Some(mut cell) = self.cells.map.get_mut(&ask.key) {
            return Ok(self.decide_in(&mut cell, ask, now));
        }
        if self.cells.is_full(self.options.max_cells) {
            self.sweep_cells(now);
            if self.cells.is_full(self.options.max_cells) {
                return Err(StoreError::Full { cells: self.options.max_cells });
            }
        }
        let mut cell = match self.cells.map.entry(ask.key.clone()) {
            Entry::Occupied(entry) => entry.into_ref(),
            Entry::Vacant(entry) => {
                self.cells.len.fetch_add(1, Ordering::Relaxed);
                self.metrics.cells.inc();
                entry.insert(Cell::new(ask.window()))
            }
        };
        Ok(self.decide_in(&mut cell, ask, now))
    }

    fn decide_in(&self, cell: &mut Cell, ask: &Ask, now: Duration) -> Grant {
        let has_room = self.buckets.load(Ordering::Relaxed) < self.options.max_buckets;
        let before = cell.further_buckets();
        let grant = cell.decide(ask, now, if has_room { Room::Left } else { Room::None });
        // Wraps around when there are fewer, as the addition does.
        self.buckets.fetch_add(cell.further_buckets().wrapping_sub(before), Ordering::Relaxed);
        grant
    }

    /// The same id gets the same answer; who comes second waits until the first has been decided.
    fn count_once(
        &self,
        ask: &Ask,
        deduplication: &Deduplication,
        now: Duration,
    ) -> Result<Grant, StoreError> {
        if self.remembered.is_full(self.options.max_remembered) {
            self.remembered.sweep(now, &self.metrics.remembered, |answer| answer.forget_at <= now);
        }
        let id = (ask.key.clone(), deduplication.id.as_str().into());
        match self.remembered.map.entry(id) {
            Entry::Occupied(entry) if entry.get().forget_at > now => {
                let Remembered { amount, valid_until, .. } = *entry.get();
                Ok(Grant { amount, valid_for: valid_until.saturating_sub(now) })
            }
            Entry::Occupied(mut entry) => {
                let grant = self.count(ask, now)?;
                entry.insert(Remembered::new(grant, deduplication, now));
                Ok(grant)
            }
            Entry::Vacant(entry) => {
                let grant = self.count(ask, now)?;
                if self.remembered.is_full(self.options.max_remembered) {
                    self.metrics.not_remembered.inc();
                } else {
                    self.remembered.len.fetch_add(1, Ordering::Relaxed);
                    self.metrics.remembered.inc();
                    entry.insert(Remembered::new(grant, deduplication, now));
                }
                Ok(grant)
            }
        }
    }

    fn sweep_cells(&self, now: Duration) {
        self.cells.sweep(now, &self.metrics.cells, |cell| {
            let before = cell.further_buckets();
            let is_idle = cell.is_idle(now);
            self.buckets.fetch_add(cell.further_buckets().wrapping_sub(before), Ordering::Relaxed);
            is_idle
        });
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.metrics.cells.sub(gauge(self.cells.len.load(Ordering::Relaxed)));
        self.metrics.remembered.sub(gauge(self.remembered.len.load(Ordering::Relaxed)));
    }
}

impl Remembered {
    fn new(grant: Grant, deduplication: &Deduplication, now: Duration) -> Self {
        Self {
            amount: grant.amount,
            valid_until: now + grant.valid_for,
            forget_at: now + deduplication.keep,
        }
    }
}

impl<K: Eq + std::hash::Hash, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { map: DashMap::default(), len: AtomicUsize::new(0), next_sweep: AtomicU64::new(0) }
    }
}

impl<K: Eq + std::hash::Hash, V> Bounded<K, V> {
    fn is_full(&self, bound: usize) -> bool {
        self.len.load(Ordering::Relaxed) >= bound
    }

    /// Removes what is `over`, unless that was tried a moment ago. Not to be called with a part of the
    /// map in hand.
    fn sweep(
        &self,
        now: Duration,
        gauge_of_all: &prometheus::IntGauge,
        mut over: impl FnMut(&mut V) -> bool,
    ) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let due = self.next_sweep.load(Ordering::Relaxed);
        let next = nanos(now + SWEEP_PAUSE);
        let is_ours = || {
            let order = Ordering::Relaxed;
            self.next_sweep.compare_exchange(due, next, order, order).is_ok()
        };
        if nanos(now) < due || !is_ours() {
            return;
        }
        let mut removed = 0;
        self.map.retain(|_, value| {
            let goes = over(value);
            removed += usize::from(goes);
            !goes
        });
        self.len.fetch_sub(removed, Ordering::Relaxed);
        gauge_of_all.sub(gauge(removed));
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
