use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::error;

use super::activity::{Stopper, Waited};
use super::follower::Follower;
use crate::ConfigError;
use crate::source::{Publisher, SourceFeed, explain};

/// How long [`FolderSource::open`] waits for files that are just being written.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks: a storm of changes must not become a storm of looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Follows a folder of `*.yaml` and `*.yml` files, those in its folders included.
///
/// What has come to rest is published; a mistake, a half-written file or an unreadable folder leaves in
/// force what was read before and shows among the set's problems.
pub struct FolderSource {
    follower: Follower,
    publisher: Publisher,
}

impl FolderSource {
    /// Reads the folder at `dir` and starts watching it; the feed has what was read.
    ///
    /// Blocks the thread while it reads. Files that were changed within the last second must be at rest
    /// for half a second first; what is still being written after ten seconds is left out, as a
    /// problem of the set.
    ///
    /// # Errors
    /// When the folder cannot be listed, or the process has no file descriptors left.
    pub fn open(dir: &Path) -> Result<(Self, SourceFeed), ConfigError> {
        let mut follower = Follower::new(dir)?;
        let limit = Instant::now() + START_LIMIT;
        loop {
            let step = follower.step()?;
            if !step.unread || Instant::now() >= limit {
                break;
            }
            follower.wait_until(step.next.min(limit));
        }
        let (publisher, feed) = Publisher::new(&dir.display().to_string());
        publisher.synced(follower.set());
        Ok((Self { follower, publisher }, feed))
    }

    /// Follows the folder on a thread for blocking work until `shutdown` resolves, and publishes each
    /// set that differs from the one before in resources or problems.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let stop = StopOnDrop(self.follower.stopper());
        let mut work = tokio::task::spawn_blocking(move || self.follow());
        let ended = tokio::select! {
            () = shutdown => {
                drop(stop);
                work.await
            }
            ended = &mut work => ended,
        };
        if let Err(cause) = ended {
            error!(%cause, "The configuration folder is not followed any more.");
        }
    }

    fn follow(mut self) {
        let mut next = Instant::now();
        while self.follower.wait_until(next) == Waited::Over {
            let step = match self.follower.step() {
                Ok(step) => {
                    self.publisher.contact();
                    step
                }
                Err(error) => {
                    self.publisher.lost(&explain(&error));
                    self.follower.step_failed(&error)
                }
            };
            self.publisher.publish(self.follower.set());
            next = step.next;
            if self.follower.pause(PAUSE) == Waited::Stopped {
                return;
            }
        }
    }
}

/// Ends the blocking work also when its future is dropped.
struct StopOnDrop(Stopper);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
