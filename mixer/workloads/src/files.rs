//! Pods in files, followed as they change.
//!
//! A change is read when it has come to rest: when two looks, a second apart, see the same. A file in the
//! middle of being written must not make half of the mesh unknown. For the same reason a change with
//! mistakes replaces nothing; they are logged once and counted, and what was known before stays until they
//! are mended. At the start there is nothing to fall back to, and mistakes are an error.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::WorkloadIndex;
use mesh_config::PlainState;
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use crate::pods::Pods;
use crate::{WorkloadError, WorkloadMetrics};

/// Time between two looks. Attributes of a new pod are late by two of them at most.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps an index filled with the pods of a file or folder.
#[derive(Debug)]
pub struct FileWorkloads {
    path: PathBuf,
    index: Arc<WorkloadIndex>,
    metrics: WorkloadMetrics,
    change: Change,
}

/// Finds out when a change has come to rest.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    read: PlainState,
    seen: Option<PlainState>,
}

impl Change {
    /// Takes note of a look; says whether it is to be read now.
    fn is_at_rest(&mut self, now: PlainState) -> bool {
        if now == self.read {
            self.seen = None;
            return false;
        }
        if self.seen.as_ref() == Some(&now) {
            self.read = now;
            self.seen = None;
            return true;
        }
        self.seen = Some(now);
        false
    }
}

impl FileWorkloads {
    /// Reads the pods for the first time, and fills the index. Blocks.
    ///
    /// # Errors
    /// When a file cannot be read, or one of them has mistakes.
    pub fn open(
        path: PathBuf,
        index: Arc<WorkloadIndex>,
        metrics: WorkloadMetrics,
    ) -> Result<Self, WorkloadError> {
        let change = Change { read: PlainState::of(&path), seen: None };
        let opened = Self { path, index, metrics, change };
        opened.read()?;
        Ok(opened)
    }

    /// Follows changes until `stop` resolves.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = &mut stop => return,
            }
            // Reading blocks; this task waits for it, and nothing else does.
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(follower) => self = follower,
                Err(cause) => return error!(%cause, "pods in files are followed no more"),
            }
        }
    }

    fn look(&mut self) {
        if self.change.is_at_rest(PlainState::of(&self.path))
            && let Err(cause) = self.read()
        {
            self.metrics.refused.inc();
            error!(%cause, "a change of the pods has mistakes, what was known before stays");
        }
    }

    fn read(&self) -> Result<(), WorkloadError> {
        let Pods { pods, others, problems, .. } = Pods::read(&self.path);
        if !problems.is_empty() {
            return Err(WorkloadError::ReadFiles { path: self.path.clone(), problems });
        }
        let overflow = self.index.replace(pods).err();
        let (known, left_out) = (self.index.len(), overflow.map_or(0, |over| over.left_out));
        self.metrics.shown(known, left_out);
        let path = self.path.display();
        info!(%path, pods = known, objects_of_other_kinds = others, "pods were read");
        if left_out > 0 {
            warn!(%path, left_out, "there are more pods than are kept, the rest is not known");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
