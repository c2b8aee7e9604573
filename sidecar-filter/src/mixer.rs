//! What the process shares about one Mixer.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use mesh_attributes::{AttributeBag, OwnedValue};

use crate::destination::Destination;
use crate::generations::Generations;
use crate::quota::Quotas;
use crate::report::Reports;
use crate::ticker::Bell;
use crate::worker::WorkerSizes;

/// What all workers and configurations of the process share about one Mixer, which is known by the
/// name of its cluster. It outlives a configuration that is replaced by another.
#[derive(Debug)]
pub struct Mixer {
    cluster: String,
    id: FilterId,
    /// What is known of policy.
    pub generations: Generations,
    /// What is to be reported.
    pub reports: Reports,
    /// What was granted of quotas.
    pub quotas: Quotas,
    /// Wakes the main-thread half.
    pub bell: Bell,
    questions: AtomicU64,
    destinations: Mutex<HashMap<String, Weak<Destination>>>,
    workers: Mutex<Vec<Weak<WorkerSizes>>>,
}

/// Names this process to Mixer: 16 hexadecimal digits, by chance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterId(String);

impl Mixer {
    /// The Mixer behind `cluster`: the same for all that ask while any of them keeps it.
    pub fn shared(cluster: &str) -> Arc<Self> {
        static MIXERS: LazyLock<Mutex<HashMap<String, Weak<Mixer>>>> =
            LazyLock::new(Mutex::default);
        let mut mixers = MIXERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mixer) = mixers.get(cluster).and_then(Weak::upgrade) {
            return mixer;
        }
        mixers.retain(|_, mixer| mixer.strong_count() > 0);
        let mixer = Arc::new(Self::new(cluster));
        mixers.insert(cluster.to_owned(), Arc::downgrade(&mixer));
        mixer
    }

    /// A Mixer that is shared with nobody yet.
    pub fn new(cluster: &str) -> Self {
        // The standard hasher's keys are the only randomness that needs no system call of ours.
        let chance = RandomState::new().hash_one(cluster);
        Self {
            cluster: cluster.to_owned(),
            id: FilterId(format!("{chance:016x}")),
            generations: Generations::default(),
            reports: Reports::default(),
            quotas: Quotas::default(),
            bell: Bell::default(),
            questions: AtomicU64::new(0),
            destinations: Mutex::default(),
            workers: Mutex::default(),
        }
    }

    /// The name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// What this process is called in calls.
    pub fn filter_id(&self) -> &str {
        &self.id.0
    }

    /// A number that differs from process to process.
    pub(crate) fn seed(&self) -> u64 {
        RandomState::new().hash_one(&self.id.0)
    }

    /// A name for one question, the same when it is asked again: a quota is spent once for it.
    pub fn question(&self) -> String {
        let number = self.questions.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.id.0)
    }

    /// The destination of requests with these stated attributes.
    pub fn destination(&self, attributes: &AttributeBag) -> Arc<Destination> {
        let key = canonical(attributes);
        let mut destinations = self.destinations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(destination) = destinations.get(&key).and_then(Weak::upgrade) {
            return destination;
        }
        destinations.retain(|_, destination| destination.strong_count() > 0);
        let destination = Arc::new(Destination::default());
        destinations.insert(key, Arc::downgrade(&destination));
        destination
    }

    /// Counts a worker's caches into [`Self::sizes`] for as long as it keeps what is returned.
    pub(crate) fn join(&self) -> Arc<WorkerSizes> {
        let sizes = Arc::new(WorkerSizes::default());
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.strong_count() > 0);
        workers.push(Arc::downgrade(&sizes));
        sizes
    }

    /// What all workers keep, together: shapes, entries, bytes.
    pub(crate) fn sizes(&self) -> (u64, u64, u64) {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().filter_map(Weak::upgrade).fold((0, 0, 0), |sum, worker| {
            let (shapes, entries, bytes) = worker.read();
            (sum.0 + shapes, sum.1 + entries, sum.2 + bytes)
        })
    }
}

/// Attributes as a text that is the same for equal ones.
fn canonical(attributes: &AttributeBag) -> String {
    let mut text = String::new();
    for (name, value) in attributes.iter() {
        let value: &OwnedValue = value;
        // Writing to a text cannot fail.
        let _ = write!(text, "{name}={value:?};");
    }
    text
}
