use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::slot::ReportSlot;

/// Batches that wait to be sent; at the usual 100 requests each, a second or two of a busy proxy.
const MAX_QUEUED: usize = 128;

/// Requests that were gathered into one report.
#[derive(Debug)]
pub struct Batch {
    /// The report's message.
    pub message: Vec<u8>,
    /// How many requests it tells of.
    pub requests: u64,
}

/// What is to be reported to one Mixer.
#[derive(Debug, Default)]
pub struct Reports {
    queue: Mutex<VecDeque<Batch>>,
    slots: Mutex<Vec<Weak<ReportSlot>>>,
    full: AtomicBool,
    pending: AtomicU64,
    has_sender: AtomicBool,
}

impl Reports {
    /// A slot for one worker, flushed with all others for as long as the worker keeps it.
    pub fn join(&self) -> Arc<ReportSlot> {
        let slot = Arc::new(ReportSlot::default());
        let mut slots = lock(&self.slots);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        slot
    }

    /// Queues a batch; when the queue is full it comes back, to be counted as dropped.
    pub fn queue(&self, batch: Batch) -> Result<(), Batch> {
        let mut queue = lock(&self.queue);
        if queue.len() >= MAX_QUEUED {
            return Err(batch);
        }
        queue.push_back(batch);
        self.full.store(queue.len() >= MAX_QUEUED, Ordering::Relaxed);
        Ok(())
    }

    /// The batch that has waited longest.
    pub fn next(&self) -> Option<Batch> {
        let mut queue = lock(&self.queue);
        let batch = queue.pop_front();
        self.full.store(queue.len() >= MAX_QUEUED, Ordering::Relaxed);
        batch
    }

    /// Closes and queues what all workers are filling; returns how many requests found no room.
    pub fn flush(&self) -> u64 {
        let slots: Vec<_> = lock(&self.slots).iter().filter_map(Weak::upgrade).collect();
        let batches = slots.iter().filter_map(|slot| slot.flush());
        batches.filter_map(|batch| self.queue(batch).err()).map(|batch| batch.requests).sum()
    }

    /// Whether a batch that is closed now would be dropped.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Says whether anybody sends what is queued.
    pub fn set_sender(&self, there: bool) {
        self.has_sender.store(there, Ordering::Relaxed);
    }

    /// Whether anybody sends what is queued.
    pub fn has_sender(&self) -> bool {
        self.has_sender.load(Ordering::Relaxed)
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        lock(&self.queue).is_empty()
    }

    /// Notes requests that are now pending.
    pub fn add_pending(&self, requests: u64) {
        self.pending.fetch_add(requests, Ordering::Relaxed);
    }

    /// Notes requests whose fate is settled.
    pub fn settle(&self, requests: u64) {
        self.pending.fetch_sub(requests, Ordering::Relaxed);
    }

    /// Requests reported whose fate is open.
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds these locks runs code of others; a poisoned queue is still whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
