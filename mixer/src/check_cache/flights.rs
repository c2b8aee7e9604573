//! Who waits for whose dispatch.
//!
//! Goal: when many requests miss at once for the same reason, the handlers are asked once. Choice: a miss
//! may wait for a dispatch under way whose request looks the same under every shape known for the
//! namespace; when the answer is there each waiter looks the cache up with its own attributes, so nobody
//! is given another's verdict, and is dispatched itself if it finds nothing. A caller that goes away hands
//! its place to a waiter. Questions whose answer lately could not be kept are asked by everyone alone: it
//! is not worth waiting for.
//!
//! Refused: handing the answer over (it may depend on what no known shape contains and the waiter does not
//! share), and waiting a second time (after an answer of no use the next one may be of no use either).
//!
//! The rule is that of the sidecar (`sidecar-filter/src/waiting.rs`); the code is not shared, because
//! there everything happens on one thread and who waits is a filter, here it is a future on any thread.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use tokio::sync::oneshot;

use crate::metrics::CheckCacheMetrics;

/// Dispatches that may be waited for, four times what may be under way by default; more are for
/// themselves.
pub(super) const MAX_FLIGHTS: usize = 4096;

/// Requests that wait, all dispatches together; more are dispatched at once.
pub(super) const MAX_WAITING: usize = 16_384;

/// How many unshareable questions are remembered.
const LONELY: usize = 256;

/// What a request looks like under all shapes known for its namespace. Equal keys of different requests
/// cost a needless wait and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FlightKey(pub(super) u64);

/// What a request that missed should do.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Be dispatched; others may wait for it.
    Lead(Lead),
    /// Be dispatched for itself.
    Alone,
    /// Wait for the dispatch of another.
    Wait(Waiting),
}

/// The place of who is dispatched for others too. Dropping it hands it to the next who waits.
#[derive(Debug)]
pub(crate) struct Lead {
    key: FlightKey,
    /// None when the place is given up.
    flights: Option<Arc<Flights>>,
}

/// A place among those who wait.
#[derive(Debug)]
pub(crate) struct Waiting(oneshot::Receiver<Lead>);

/// Dispatches under way that others wait for or may. Misses alone come here, and no lock is held longer
/// than a look-up takes.
#[derive(Debug)]
pub(crate) struct Flights {
    state: Mutex<State>,
    hash: RandomState,
    metrics: CheckCacheMetrics,
}

#[derive(Debug)]
struct State {
    /// Who waits for each dispatch, in order.
    open: HashMap<FlightKey, VecDeque<oneshot::Sender<Lead>>, RandomState>,
    waiting: usize,
    /// Questions whose answer could lately not be kept, by their hash.
    lonely: Box<[Option<FlightKey>; LONELY]>,
}

impl Flights {
    pub(super) fn new(metrics: CheckCacheMetrics) -> Arc<Self> {
        let lonely = Box::new([None; LONELY]);
        let state = State { open: HashMap::default(), waiting: 0, lonely };
        Arc::new(Self { state: Mutex::new(state), hash: RandomState::default(), metrics })
    }

    /// Decides what a request does about `key`.
    pub(crate) fn join(self: &Arc<Self>, key: FlightKey) -> Turn {
        let mut state = self.state();
        if state.lonely[self.place(key)] == Some(key) {
            return Turn::Alone;
        }
        let State { open, waiting, .. } = &mut *state;
        let flights = open.len();
        match open.get_mut(&key) {
            None if flights < MAX_FLIGHTS => {
                open.insert(key, VecDeque::new());
                Turn::Lead(Lead { key, flights: Some(Arc::clone(self)) })
            }
            Some(queue) if *waiting < MAX_WAITING => {
                let (sender, receiver) = oneshot::channel();
                queue.push_back(sender);
                *waiting += 1;
                self.metrics.waits.inc();
                self.export(*waiting);
                Turn::Wait(Waiting(receiver))
            }
            None | Some(_) => {
                self.metrics.waits_refused.inc();
                Turn::Alone
            }
        }
    }

    /// Notes whether the answer to `key` could be kept, and so is worth waiting for.
    pub(crate) fn note(&self, key: FlightKey, kept: bool) {
        let mut state = self.state();
        let place = &mut state.lonely[self.place(key)];
        if !kept {
            *place = Some(key);
        } else if *place == Some(key) {
            *place = None;
        }
    }

    /// Wakes all who wait, as their senders are dropped.
    fn land(&self, key: FlightKey) {
        let mut state = self.state();
        let queue = state.open.remove(&key).unwrap_or_default();
        state.waiting -= queue.len();
        self.export(state.waiting);
        drop(state);
        drop(queue);
    }

    fn hand_over(self: Arc<Self>, key: FlightKey) {
        while let Some(next) = self.next(key) {
            let lead = Lead { key, flights: Some(Arc::clone(&self)) };
            match next.send(lead) {
                Ok(()) => return,
                // Who waited is gone too; this place must not be handed on a second time.
                Err(mut unsent) => unsent.flights = None,
            }
        }
    }

    /// Who waited longest; without one the dispatch is no more.
    fn next(&self, key: FlightKey) -> Option<oneshot::Sender<Lead>> {
        let mut state = self.state();
        let next = state.open.get_mut(&key)?.pop_front();
        if next.is_some() {
            state.waiting -= 1;
            self.export(state.waiting);
        } else {
            state.open.remove(&key);
        }
        next
    }

    fn export(&self, waiting: usize) {
        self.metrics.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    fn place(&self, key: FlightKey) -> usize {
        // The remainder is below LONELY, and so fits.
        (self.hash.hash_one(key) % LONELY as u64) as usize
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in between can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// The dispatch has its outcome.
    pub(crate) fn finish(mut self) {
        if let Some(flights) = self.flights.take() {
            flights.land(self.key);
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if let Some(flights) = self.flights.take() {
            flights.hand_over(self.key);
        }
    }
}

impl Waiting {
    /// Waits until the dispatch has its outcome, or its place is handed over.
    pub(crate) async fn wake(self) -> Option<Lead> {
        self.0.await.ok()
    }
}
