//! The messages of a target, from the adapter's hand until they are sent or lost.
//!
//! One lock guards messages and counts, so that at any moment `handed over = sent + lost + held` holds in
//! elements. What a worker has taken out stays within the queue's bounds until it is settled: a peer that
//! acknowledges nothing cannot make the host hold more than a queue. What is dropped unsettled – a
//! connection broke, a task was aborted – goes back to its place.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::assembly::Assembling;
use super::status::{LostElements, Reason};

/// Besides bytes, so that empty messages have a bound too.
const MAX_MESSAGES: usize = 65_536;

/// What an adapter hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) data: Vec<u8>,
    pub(crate) elements: u32,
    pub(crate) token: Option<String>,
}

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    TooLarge,
    Closed,
}

/// A target's messages. There is one consumer, which alone may wait.
#[derive(Debug)]
pub(super) struct Queue {
    max_bytes: usize,
    /// The largest bundle that the protocol carries, and the most messages in one.
    max_bundle: usize,
    max_per_bundle: usize,
    assembling: Option<Assembling>,
    inner: Mutex<Inner>,
    changed: Notify,
}

/// Messages that were taken out. Dropped, they go back to the front.
#[derive(Debug)]
pub(super) struct Taken {
    queue: Arc<Queue>,
    messages: VecDeque<Queued>,
    /// So many at the front were written.
    written: usize,
}

/// What a queue has seen and holds. Counts only grow, what is held does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) held_messages: usize,
    pub(super) held_bytes: usize,
    pub(super) held_elements: u64,
    pub(super) sent_messages: u64,
    pub(super) sent_bytes: u64,
    pub(super) sent_elements: u64,
    pub(super) lost: LostElements,
    pub(super) retries: u64,
}

#[derive(Debug)]
struct Queued {
    message: Message,
    /// What it counts for in the queue.
    weight: usize,
    queued: Instant,
    written: Option<Instant>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Queued>,
    /// Their data.
    waiting_bytes: usize,
    totals: Totals,
    phase: Phase,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is sent yet and nothing taken.
    #[default]
    New,
    Open,
    /// What is there is sent, nothing more is taken.
    Closing,
    /// What comes back is lost.
    Closed,
}

enum Due {
    Now,
    At(Instant),
    WithNext,
    Never,
}

impl Queue {
    /// A queue of `max_bytes`, which takes nothing before [`Self::open`].
    pub(super) fn new(
        max_bytes: usize,
        (max_bundle, max_per_bundle): (usize, usize),
        assembling: Option<Assembling>,
    ) -> Arc<Self> {
        let (inner, changed) = Default::default();
        Arc::new(Self { max_bytes, max_bundle, max_per_bundle, assembling, inner, changed })
    }

    pub(super) fn open(&self) {
        self.inner().phase = Phase::Open;
    }

    /// Takes nothing more; what waits is due.
    pub(super) fn close(&self) {
        self.inner().phase = Phase::Closing;
        self.changed.notify_one();
    }

    /// Counts what is left as lost, and all that comes back after this. Returns the elements of both.
    pub(super) fn abandon(&self) -> u64 {
        let mut inner = self.inner();
        inner.phase = Phase::Closed;
        let held = inner.totals.held_elements;
        let left: Vec<_> = inner.waiting.drain(..).collect();
        inner.waiting_bytes = 0;
        for queued in left {
            inner.totals.lose(&queued, Reason::Closed);
        }
        held
    }

    pub(super) fn totals(&self) -> Totals {
        self.inner().totals
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Queues a message, or counts it as lost. Never waits.
    pub(super) fn push(&self, message: Message) -> Result<(), Refusal> {
        let weight = self.weight(&message);
        let bundle = self.bundle_length(1, message.data.len());
        let mut inner = self.inner();
        let full = |totals: &Totals| {
            weight > self.max_bytes - totals.held_bytes.min(self.max_bytes)
                || totals.held_messages >= MAX_MESSAGES
        };
        let refusal = if inner.phase != Phase::Open {
            Some((Refusal::Closed, Reason::Closed))
        } else if weight > self.max_bytes || bundle > self.max_bundle {
            Some((Refusal::TooLarge, Reason::TooLarge))
        } else if full(&inner.totals) {
            Some((Refusal::Full, Reason::QueueFull))
        } else {
            None
        };
        if let Some((refusal, reason)) = refusal {
            inner.totals.lost.add(reason, u64::from(message.elements));
            return Err(refusal);
        }
        let news = inner.waiting.is_empty() || !self.is_full_bundle(&inner);
        inner.totals.held_messages += 1;
        inner.totals.held_bytes += weight;
        inner.totals.held_elements += u64::from(message.elements);
        inner.waiting_bytes += message.data.len();
        let first = inner.waiting.is_empty();
        inner.waiting.push_back(Queued { message, weight, queued: Instant::now(), written: None });
        // Whoever waits for a bundle is not woken by each message that goes into it.
        if first || (news && self.is_full_bundle(&inner)) {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Waits until something is due to be sent. `false`: nothing is there and nothing more will come.
    pub(super) async fn is_due(&self) -> bool {
        loop {
            let due = self.due(&self.inner());
            match due {
                Due::Now => return true,
                Due::Never => return false,
                Due::WithNext => self.changed.notified().await,
                Due::At(time) => {
                    tokio::select! {
                        () = self.changed.notified() => {}
                        () = sleep_until(time) => {}
                    }
                }
            }
        }
    }

    /// Waits as [`Self::is_due`] does and takes the messages of one bundle. Nothing is taken when the
    /// future is dropped before it is ready.
    pub(super) async fn take(self: &Arc<Self>) -> Option<Taken> {
        if !self.is_due().await {
            return None;
        }
        self.take_due()
    }

    fn take_due(self: &Arc<Self>) -> Option<Taken> {
        let mut inner = self.inner();
        let lengths = inner.waiting.iter().map(|queued| queued.message.data.len());
        let lengths = lengths.take(self.max_per_bundle);
        let count = self.assembling.as_ref().map_or(1, |assembling| assembling.fit(lengths));
        let messages: VecDeque<_> = inner.waiting.drain(..count).collect();
        let bytes: usize = messages.iter().map(|queued| queued.message.data.len()).sum();
        inner.waiting_bytes -= bytes;
        drop(inner);
        Some(Taken { queue: Arc::clone(self), messages, written: 0 })
    }

    fn due(&self, inner: &Inner) -> Due {
        let closing = inner.phase != Phase::Open;
        match (inner.waiting.front(), &self.assembling) {
            (None, _) if closing => Due::Never,
            (None, _) => Due::WithNext,
            (Some(first), Some(assembling)) if !closing && !self.is_full_bundle(inner) => {
                let time = first.queued + assembling.linger;
                if time <= Instant::now() { Due::Now } else { Due::At(time) }
            }
            (Some(_), _) => Due::Now,
        }
    }

    /// Whether what waits fills a bundle, or so much of the queue that there is no time to wait for one
    /// that is full.
    fn is_full_bundle(&self, inner: &Inner) -> bool {
        let Some(assembling) = &self.assembling else { return !inner.waiting.is_empty() };
        let totals = &inner.totals;
        self.bundle_length(inner.waiting.len(), inner.waiting_bytes) >= assembling.max_bytes
            || inner.waiting.len() >= self.max_per_bundle
            || totals.held_bytes >= self.max_bytes / 2
            || totals.held_messages >= MAX_MESSAGES / 2
    }

    /// With its separator: a bundle of many short messages must not outgrow the queue.
    fn weight(&self, message: &Message) -> usize {
        let separator = self.assembling.as_ref().map_or(0, |assembling| assembling.separator.len());
        message.data.len() + message.token.as_ref().map_or(0, String::len) + separator
    }

    fn bundle_length(&self, messages: usize, bytes: usize) -> usize {
        self.assembling.as_ref().map_or(bytes, |assembling| assembling.length(messages, bytes))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// None of the queue's messages.
    pub(super) fn nothing(queue: &Arc<Queue>) -> Self {
        Self { queue: Arc::clone(queue), messages: VecDeque::new(), written: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// What is to be sent.
    pub(super) fn bundle(&self) -> Vec<u8> {
        let mut data = self.messages.iter().map(|queued| &queued.message.data[..]);
        match &self.queue.assembling {
            Some(assembling) => assembling.bundle(data),
            None => data.next().unwrap_or_default().to_vec(),
        }
    }

    /// All of it is sent.
    pub(super) fn sent(mut self) {
        let mut inner = self.queue.inner();
        for queued in self.messages.drain(..) {
            inner.totals.send(&queued);
        }
    }

    /// All of it is lost.
    pub(super) fn lost(mut self, reason: Reason) {
        let mut inner = self.queue.inner();
        for queued in self.messages.drain(..) {
            inner.totals.lose(&queued, reason);
        }
    }

    /// It is about to be sent once more.
    pub(super) fn tried_again(&self) {
        self.queue.inner().totals.retries += self.messages.len() as u64;
    }

    /// Adds what was taken later.
    pub(super) fn append(&mut self, mut later: Self) {
        self.messages.append(&mut later.messages);
    }

    /// All was written. What waits for no acknowledgement is sent.
    pub(super) fn all_written(&mut self, acknowledged: bool) {
        let now = Instant::now();
        let mut inner = self.queue.inner();
        for mut queued in self.messages.split_off(self.written) {
            if acknowledged && queued.message.token.is_some() {
                queued.written = Some(now);
                self.messages.push_back(queued);
            } else {
                inner.totals.send(&queued);
            }
        }
        drop(inner);
        self.written = self.messages.len();
    }

    /// The message with this token is sent. `false`: there is none.
    pub(super) fn settle(&mut self, token: &str) -> bool {
        let matches = |queued: &Queued| queued.message.token.as_deref() == Some(token);
        let Some(position) = self.messages.iter().position(matches) else { return false };
        let Some(queued) = self.messages.remove(position) else { return false };
        self.written -= usize::from(position < self.written);
        self.queue.inner().totals.send(&queued);
        true
    }

    /// When the message was written that waits longest for its acknowledgement.
    pub(super) fn oldest_written(&self) -> Option<Instant> {
        self.messages.front().and_then(|queued| queued.written)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.messages.is_empty() {
            return;
        }
        let mut inner = self.queue.inner();
        while let Some(mut queued) = self.messages.pop_back() {
            if inner.phase == Phase::Closed {
                inner.totals.lose(&queued, Reason::Closed);
                continue;
            }
            queued.written = None;
            inner.waiting_bytes += queued.message.data.len();
            inner.waiting.push_front(queued);
        }
        drop(inner);
        self.queue.changed.notify_one();
    }
}

impl Totals {
    fn send(&mut self, queued: &Queued) {
        self.release(queued);
        self.sent_messages += 1;
        self.sent_bytes += queued.message.data.len() as u64;
        self.sent_elements += u64::from(queued.message.elements);
    }

    fn lose(&mut self, queued: &Queued, reason: Reason) {
        self.release(queued);
        self.lost.add(reason, u64::from(queued.message.elements));
    }

    fn release(&mut self, queued: &Queued) {
        self.held_messages -= 1;
        self.held_bytes -= queued.weight;
        self.held_elements -= u64::from(queued.message.elements);
    }
}

#[cfg(test)]
mod tests;
