//! What one worker thread keeps.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use mesh_attributes::EachAttribute;

use crate::cache::L1;
use crate::config::FilterConfig;
use crate::filter::RetryBudget;
use crate::generations::Snapshot;
use crate::host::StreamHost;
use crate::mixer::Mixer;
use crate::report::ReportSlot;
use crate::stats::Counter;
use crate::waiting::{Calls, Serial};

/// What one worker thread keeps for one Mixer. It outlives configurations, so that an update of the
/// listener does not empty the cache.
pub struct Worker {
    mixer: Arc<Mixer>,
    /// The batch that this worker fills.
    pub(crate) reports: Arc<ReportSlot>,
    pub(crate) state: RefCell<WorkerState>,
    sizes: Arc<WorkerSizes>,
    serials: Cell<u64>,
}

/// The part of a worker that requests change.
pub(crate) struct WorkerState {
    pub(crate) l1: L1,
    pub(crate) calls: Calls,
    pub(crate) retries: RetryBudget,
    pub(crate) policies: arc_swap::Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
}

/// A configuration as one worker uses it: shared by its filters without counting across cores.
pub struct Site {
    /// The configuration.
    pub config: Arc<FilterConfig>,
    /// The worker.
    pub worker: Rc<Worker>,
}

/// How much a worker keeps, for the gauges.
#[derive(Debug, Default)]
pub(crate) struct WorkerSizes {
    shapes: AtomicU64,
    entries: AtomicU64,
    bytes: AtomicU64,
}

thread_local! {
    static WORKERS: RefCell<Vec<Rc<Worker>>> = const { RefCell::new(Vec::new()) };
}

impl Worker {
    /// A worker for `mixer` that keeps at most so many answers and bytes.
    pub fn new(mixer: &Arc<Mixer>, l1_entries: usize, l1_bytes: usize) -> Self {
        Self {
            reports: mixer.reports.join(),
            state: RefCell::new(WorkerState {
                l1: L1::new(l1_entries, l1_bytes),
                calls: Calls::default(),
                retries: RetryBudget::new(mixer.seed()),
                policies: arc_swap::Cache::new(Arc::clone(mixer.generations.snapshot())),
            }),
            sizes: mixer.join(),
            mixer: Arc::clone(mixer),
            serials: Cell::new(0),
        }
    }

    /// This thread's worker for the Mixer of `config`, made when there is none.
    pub fn of_this_thread(config: &FilterConfig) -> Rc<Self> {
        let settings = config.settings();
        WORKERS.with_borrow_mut(|workers| {
            let known = workers.iter().find(|worker| Arc::ptr_eq(&worker.mixer, config.mixer()));
            if let Some(worker) = known {
                worker.state.borrow_mut().l1.resize(settings.l1_entries, settings.l1_bytes);
                return Rc::clone(worker);
            }
            // A worker that no site uses any more belongs to a Mixer that is configured no more.
            workers.retain(|worker| Rc::strong_count(worker) > 1);
            let worker = Rc::new(Self::new(config.mixer(), settings.l1_entries, settings.l1_bytes));
            workers.push(Rc::clone(&worker));
            worker
        })
    }

    /// The Mixer that answers.
    pub fn mixer(&self) -> &Arc<Mixer> {
        &self.mixer
    }

    /// Writes something that has ended into this worker's batch of at most `full`, and counts it.
    pub(crate) fn report<H: StreamHost>(&self, host: &H, served: &dyn EachAttribute, full: usize) {
        let reports = &self.mixer.reports;
        reports.add_pending(1);
        host.count(Counter::Reports, 1);
        let pushed = self.reports.push(served, full);
        let mut dropped = u64::from(!pushed.taken);
        let closed = !pushed.closed.is_empty();
        for batch in pushed.closed {
            dropped += reports.queue(batch).err().map_or(0, |batch| batch.requests);
        }
        if dropped > 0 {
            host.count(Counter::ReportsDropped, dropped);
            reports.settle(dropped);
        }
        if closed {
            self.mixer.bell.ring();
        }
    }

    /// A name for a new filter.
    pub(crate) fn serial(&self) -> Serial {
        let serial = self.serials.get();
        self.serials.set(serial + 1);
        Serial(serial)
    }

    /// Publishes how much is kept now.
    pub(crate) fn publish_sizes(&self, state: &WorkerState) {
        let (shapes, entries, bytes) = state.l1.sizes();
        self.sizes.shapes.store(shapes as u64, Ordering::Relaxed);
        self.sizes.entries.store(entries as u64, Ordering::Relaxed);
        self.sizes.bytes.store(bytes as u64, Ordering::Relaxed);
    }
}

impl WorkerSizes {
    /// Shapes, entries, bytes.
    pub(crate) fn read(&self) -> (u64, u64, u64) {
        let read = |size: &AtomicU64| size.load(Ordering::Relaxed);
        (read(&self.shapes), read(&self.entries), read(&self.bytes))
    }
}
