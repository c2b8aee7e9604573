use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tracing::{info, warn};

use super::{SourceFeed, SourceStatus};
use crate::ConfigSet;

/// The sending side of a [`SourceFeed`].
pub(crate) struct Publisher {
    configs: watch::Sender<Arc<ConfigSet>>,
    status: watch::Sender<SourceStatus>,
    /// Whether a connection was there before.
    met: bool,
}

impl Publisher {
    pub(crate) fn new(name: &str) -> (Self, SourceFeed) {
        let (configs, configs_feed) = watch::channel(Arc::default());
        let (status, status_feed) = watch::channel(SourceStatus::new(name));
        let feed = SourceFeed { configs: configs_feed, status: status_feed };
        (Self { configs, status, met: false }, feed)
    }

    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.status.borrow().name)
    }

    /// The source has reached its store and is about to read it.
    pub(crate) fn reached(&mut self) {
        let again = std::mem::replace(&mut self.met, true);
        self.status.send_modify(|status| status.reconnects += u64::from(again));
    }

    /// Everything was read, and `set` is what it says, whether or not that is new.
    pub(crate) fn synced(&self, set: &Arc<ConfigSet>) {
        self.status.send_modify(|status| status.resyncs += u64::from(status.synced));
        self.current(set);
    }

    /// `set` is what there is, and changes of it would be noticed.
    pub(crate) fn current(&self, set: &Arc<ConfigSet>) {
        let (synced, connected) = {
            let status = self.status.borrow();
            (status.synced, status.connected)
        };
        self.contact();
        self.publish(set);
        let name = self.name();
        if !synced {
            info!(source = %name, revision = set.revision.0, "The configuration was read.");
            // After the set: who waits for this finds it.
            self.status.send_modify(|status| status.synced = true);
        } else if !connected {
            info!(source = %name, "The configuration source is back.");
        }
    }

    /// A part of everything was read again, after the first time.
    pub(crate) fn part_synced(&self) {
        self.status.send_modify(|status| status.resyncs += 1);
    }

    /// The source has just heard from its store, so its data is the newest.
    pub(crate) fn contact(&self) {
        self.status.send_modify(|status| {
            status.connected = true;
            status.last_contact = Some(Instant::now());
            status.error = None;
        });
    }

    /// The source does not hear of changes any more. What was read stays in force.
    pub(crate) fn lost(&self, why: &str) {
        let mut news = false;
        self.status.send_modify(|status| {
            news = status.connected || status.error.as_deref() != Some(why);
            status.connected = false;
            status.error = Some(why.to_owned());
        });
        if news {
            let name = self.name();
            warn!(
                source = %name,
                cause = why,
                "The configuration source is away; what was read stays in force."
            );
        }
    }

    /// Publishes `set`, unless it is the one that was published last.
    pub(crate) fn publish(&self, set: &Arc<ConfigSet>) {
        if Arc::ptr_eq(set, &self.configs.borrow()) {
            return;
        }
        info!(
            revision = set.revision.0,
            resources = set.resources.len(),
            problems = set.problems.len(),
            "The configuration changed."
        );
        self.status.send_modify(|status| {
            status.revision = set.revision;
            status.resources = set.resources.len();
            status.problems = set.problems.len();
        });
        // Last: who has seen the set finds the status that goes with it.
        self.configs.send_replace(Arc::clone(set));
    }
}

/// An error with all that caused it, on one line.
pub(crate) fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors say their cause themselves.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
