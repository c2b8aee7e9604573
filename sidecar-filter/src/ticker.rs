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
    key: AlarmKey,
}

/// What is run at its moment. Runs on the ticker's thread, under its lock: it may do no more than ask
/// the proxy for a run elsewhere.
type Alarm = Box<dyn FnOnce() + Send>;

/// When an alarm is due, and a number that keeps those of one moment apart.
type AlarmKey = (Instant, u64);

struct State {
    targets: Vec<(ConfigId, Box<dyn Notify>)>,
    interval: Duration,
    due: Option<Instant>,
    alarms: Alarms,
    ticks: Alarms,
    stopped: bool,
}

/// Alarms of one kind, the next first.
struct Alarms {
    waiting: BTreeMap<AlarmKey, Alarm>,
    most: usize,
    set: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            interval: Duration::default(),
            due: None,
            alarms: Alarms::new(MAX_ALARMS),
            ticks: Alarms::new(MAX_TICKS),
            stopped: false,
        }
    }
}

impl Alarms {
    fn new(most: usize) -> Self {
        Self { waiting: BTreeMap::new(), most, set: 0 }
    }

    /// When the next is due.
    fn next(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    fn run_due(&mut self, now: Instant) {
        while let Some(alarm) = self.waiting.first_entry().filter(|entry| entry.key().0 <= now) {
            alarm.remove()();
        }
    }
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
        self.set(|state| &mut state.alarms, delay, alarm).is_some()
    }

    /// Runs `alarm` once `delay` has passed, unless the result is dropped before; `None` when too many
    /// wait or nothing ticks. What holds for [`call_after`](Self::call_after) holds for `alarm`.
    pub fn tick_after(&self, delay: Duration, alarm: Box<dyn FnOnce() + Send>) -> Option<Tick> {
        let key = self.set(|state| &mut state.ticks, delay, alarm)?;
        Some(Tick { bell: self.clone(), key })
    }

    fn set(
        &self,
        kind: impl FnOnce(&mut State) -> &mut Alarms,
        delay: Duration,
        alarm: Alarm,
    ) -> Option<AlarmKey> {
        let due = Instant::now() + delay;
        let mut state = self.0.state();
        if state.targets.is_empty() {
            return None;
        }
        let alarms = kind(&mut state);
        if alarms.waiting.len() >= alarms.most {
            return None;
        }
        alarms.set += 1;
        let key = (due, alarms.set);
        let is_next = alarms.next().is_none_or(|next| due < next);
        alarms.waiting.insert(key, alarm);
        drop(state);
        if is_next {
            self.0.changed.notify_one();
        }
        Some(key)
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
        let alarm = self.bell.0.state().ticks.waiting.remove(&self.key);
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
            state.alarms.waiting.clear();
            state.ticks.waiting.clear();
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
            // Under the lock, as below.
            state.alarms.run_due(now);
            state.ticks.run_due(now);
            let regular = last + state.interval;
            let due = state.due.map_or(regular, |due| due.min(regular));
            if now < due {
                let next = [state.alarms.next(), state.ticks.next()].into_iter().flatten();
                let due = next.fold(due, Instant::min).max(now);
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
