//! The thread that paces the main-thread half.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::config::ConfigId;
use crate::host::Notify;

/// Gives the main-thread half its time: Envoy lends modules no timers, so a thread of our own asks
/// for a run each interval, and sooner when something is ready.
///
/// It stops, and is waited for, when the ticker is dropped.
#[derive(Debug, Default)]
pub struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Asks for a run of the main-thread half, from any thread.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// Calls that wait for their moment; when there are more, callers are told.
const MAX_ALARMS: usize = 16_384;

/// Connections whose next report waits for its moment; those above report at their end alone.
const MAX_TICKS: usize = 65_536;

/// A wake-up of a connection that waits for its moment. Dropped, it never comes, and costs nothing more.
#[derive(Debug)]
pub struct Tick {
    bell: Bell,
    key: (Instant, u64),
}

/// What is run at its moment. Runs on the ticker's thread, under its lock: it may do no more than ask
/// the proxy for a run elsewhere.
type Alarm = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    targets: Vec<(ConfigId, Box<dyn Notify>)>,
    interval: Duration,
    due: Option<Instant>,
    alarms: BTreeMap<(Instant, u64), Alarm>,
    ticks: BTreeMap<(Instant, u64), Alarm>,
    alarms_set: u64,
    stopped: bool,
}

impl Ticker {
    /// A ticker that rings through `bell`. Its thread starts with the first target.
    pub fn new(bell: &Bell) -> Self {
        Self { shared: Arc::clone(&bell.0), thread: None }
    }

    /// Adds a configuration to notify; the newest is the one that is notified.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn add(
        &mut self,
        config: ConfigId,
        target: Box<dyn Notify>,
        interval: Duration,
    ) -> std::io::Result<()> {
        let newest = self.shared.state().targets.len();
        self.insert(newest, config, target, interval)
    }

    /// Adds a configuration to notify while there is no other.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn add_stand_in(
        &mut self,
        config: ConfigId,
        target: Box<dyn Notify>,
        interval: Duration,
    ) -> std::io::Result<()> {
        self.insert(0, config, target, interval)
    }

    fn insert(
        &mut self,
        place: usize,
        config: ConfigId,
        target: Box<dyn Notify>,
        interval: Duration,
    ) -> std::io::Result<()> {
        {
            let mut state = self.shared.state();
            state.targets.insert(place, (config, target));
            state.interval = interval;
            state.stopped = false;
        }
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("mixmesh-ticker".into());
            self.thread = Some(thread.spawn(move || shared.run())?);
        }
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Lets go of a configuration. Nothing notifies it after this returns.
    pub fn remove(&mut self, config: ConfigId) {
        self.shared.state().targets.retain(|(id, _)| *id != config);
    }
}

impl Bell {
    /// Asks for a run now.
    pub fn ring(&self) {
        self.ring_within(Duration::ZERO);
    }

    /// Runs `alarm` once `delay` has passed; false when too many wait or nothing ticks. It must not block
    /// nor call back here.
    pub fn call_after(&self, delay: Duration, alarm: Box<dyn FnOnce() + Send>) -> bool {
        let due = Instant::now() + delay;
        let mut state = self.0.state();
        if state.alarms.len() >= MAX_ALARMS || state.targets.is_empty() {
            return false;
        }
        state.alarms_set += 1;
        let key = (due, state.alarms_set);
        state.alarms.insert(key, alarm);
        let is_next = state.alarms.first_key_value().is_some_and(|(first, _)| *first == key);
        drop(state);
        if is_next {
            self.0.changed.notify_one();
        }
        true
    }

    /// Runs `alarm` once `delay` has passed, unless the result is dropped before; `None` when too many
    /// wait or nothing ticks. What holds for [`call_after`](Self::call_after) holds for `alarm`.
    pub fn tick_after(&self, delay: Duration, alarm: Box<dyn FnOnce() + Send>) -> Option<Tick> {
        let due = Instant::now() + delay;
        let mut state = self.0.state();
        if state.ticks.len() >= MAX_TICKS || state.targets.is_empty() {
            return None;
        }
        state.alarms_set += 1;
        let key = (due, state.alarms_set);
        state.ticks.insert(key, alarm);
        let is_next = state.ticks.first_key_value().is_some_and(|(first, _)| *first == key);
        drop(state);
        if is_next {
            self.0.changed.notify_one();
        }
        Some(Tick { bell: self.clone(), key })
    }

    /// Asks for a run after `delay` at most.
    pub fn ring_within(&self, delay: Duration) {
        let due = Instant::now() + delay;
        let mut state = self.0.state();
        if state.due.is_none_or(|earlier| due < earlier) {
            state.due = Some(due);
            drop(state);
            self.0.changed.notify_one();
        }
    }
}

impl Tick {
    /// A tick that never comes.
    pub fn never() -> Self {
        Self { bell: Bell::default(), key: (Instant::now(), 0) }
    }
}

impl Drop for Tick {
    fn drop(&mut self) {
        let alarm = self.bell.0.state().ticks.remove(&self.key);
        // What it holds of the proxy goes outside the lock.
        drop(alarm);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.stopped = true;
            state.targets.clear();
            state.alarms.clear();
            state.ticks.clear();
        }
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread runs no code that could panic in a way worth reporting here.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.state();
        let mut last = Instant::now();
        while !state.stopped {
            let now = Instant::now();
            while let Some(alarm) = state.alarms.first_entry().filter(|entry| entry.key().0 <= now)
            {
                // Under the lock, as below.
                alarm.remove()();
            }
            while let Some(tick) = state.ticks.first_entry().filter(|entry| entry.key().0 <= now) {
                tick.remove()();
            }
            let regular = last + state.interval;
            let due = state.due.map_or(regular, |due| due.min(regular));
            if now < due {
                let first = |alarms: &BTreeMap<(Instant, u64), Alarm>| {
                    alarms.first_key_value().map_or(due, |((at, _), _)| *at.min(&due))
                };
                let due = first(&state.alarms).min(first(&state.ticks)).max(now);
                let wait = self.changed.wait_timeout(state, due - now);
                state = wait.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            last = now;
            state.due = None;
            // Under the lock, so that `remove` returns only when no notification is under way.
            if let Some((_, newest)) = state.targets.last() {
                newest.notify();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("targets", &self.targets.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
