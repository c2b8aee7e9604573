use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::{ConfigSet, Revision};

/// How a source is doing, and how old its data is.
#[derive(Debug, Clone)]
pub struct SourceStatus {
    /// What it follows, without secrets, such as `etcd://127.0.0.1:2379/mixmesh/`.
    pub name: Arc<str>,
    /// Whether changes would be noticed now.
    pub connected: bool,
    /// Whether everything was read once: before that there is no configuration at all.
    pub synced: bool,
    /// When the source last knew that it had the newest data.
    pub last_contact: Option<Instant>,
    /// The revision of the set that was published last.
    pub revision: Revision,
    /// How many resources that set has.
    pub resources: usize,
    /// How many problems it has.
    pub problems: usize,
    /// How often everything was read again, after the first time.
    pub resyncs: u64,
    /// How often the connection was made again, after the first time.
    pub reconnects: u64,
    /// Why it is not connected, or what else went wrong last.
    pub error: Option<String>,
}

/// What a source publishes.
#[derive(Debug, Clone)]
pub struct SourceFeed {
    /// The configuration, anew at each change in resources or problems. Without meaning until
    /// [`SourceStatus::synced`].
    pub configs: watch::Receiver<Arc<ConfigSet>>,
    /// How the source is doing.
    pub status: watch::Receiver<SourceStatus>,
}

impl SourceStatus {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            connected: false,
            synced: false,
            last_contact: None,
            revision: Revision::default(),
            resources: 0,
            problems: 0,
            resyncs: 0,
            reconnects: 0,
            error: None,
        }
    }

    /// How old the data is: the time since the source last knew that it had the newest. None if it has no
    /// data.
    pub fn age(&self) -> Option<Duration> {
        self.last_contact.map(|at| at.elapsed())
    }
}

impl SourceFeed {
    /// Waits for the first whole configuration, for ever if the source does not come; none if the source
    /// ended before.
    pub async fn first(&mut self) -> Option<Arc<ConfigSet>> {
        self.status.wait_for(|status| status.synced).await.ok()?;
        Some(self.configs.borrow_and_update().clone())
    }
}
