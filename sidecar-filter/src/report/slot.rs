use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_attributes::EachAttribute;
use mesh_attributes::wire::ReportEncoder;
use smallvec::SmallVec;

use super::outbox::Batch;

/// A batch is closed at this size. Mixer takes messages of 1 MiB, as Istio's did; half of that leaves
/// room for the last request, whose headers the proxy bounds far below.
const MAX_BATCH_BYTES: usize = 512 << 10;

/// The batch that one worker is filling.
#[derive(Default)]
pub struct ReportSlot {
    filling: Mutex<ReportEncoder>,
}

/// What became of a request that was pushed.
#[derive(Debug, Default)]
pub struct Pushed {
    /// Batches that this closed.
    pub closed: SmallVec<[Batch; 2]>,
    /// Whether the request was taken; one with more words than a report may list is not.
    pub taken: bool,
}

impl ReportSlot {
    /// Adds a request, and closes the batch when it holds `full` of them.
    pub fn push(&self, attributes: &dyn EachAttribute, full: usize) -> Pushed {
        let mut filling = self.filling();
        let mut pushed = Pushed { taken: filling.push(attributes), ..Pushed::default() };
        if !pushed.taken {
            pushed.closed.extend(close(&mut filling));
            pushed.taken = filling.push(attributes);
        }
        if filling.len() >= full || filling.encoded_len() >= MAX_BATCH_BYTES {
            pushed.closed.extend(close(&mut filling));
        }
        pushed
    }

    /// Closes the batch as it is, if it holds anything.
    pub fn flush(&self) -> Option<Batch> {
        close(&mut self.filling())
    }

    fn filling(&self) -> MutexGuard<'_, ReportEncoder> {
        // The encoder of a worker that panicked is whole up to its last request.
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ReportSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportSlot").finish_non_exhaustive()
    }
}

fn close(filling: &mut ReportEncoder) -> Option<Batch> {
    let requests = filling.len();
    filling.finish().map(|message| Batch { message, requests: requests as u64 })
}
