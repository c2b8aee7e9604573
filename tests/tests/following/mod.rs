//! A source that is followed by a test, and a line to it that the test can cut.

mod authority;
mod line;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use mesh_config::{ConfigSet, Source, SourceFeed, SourceStatus};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) use authority::Authority;
pub(crate) use line::Line;

/// What does not come within this time never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A source that is followed until this value is dropped.
pub(crate) struct Followed {
    pub(crate) feed: SourceFeed,
    _tasks: JoinSet<()>,
    _end: oneshot::Sender<()>,
}

impl Followed {
    /// Begins to follow what is at `url`.
    pub(crate) async fn of(url: &str) -> Result<Self> {
        let (source, feed) = Source::open(&url.parse()?).await?;
        let (end, ended) = oneshot::channel::<()>();
        let mut tasks = JoinSet::new();
        tasks.spawn(source.run(async { drop(ended.await) }));
        Ok(Self { feed, _tasks: tasks, _end: end })
    }

    /// The set that was published last.
    pub(crate) fn set(&self) -> Arc<ConfigSet> {
        self.feed.configs.borrow().clone()
    }

    pub(crate) fn status(&self) -> SourceStatus {
        self.feed.status.borrow().clone()
    }

    /// Waits for a set.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&ConfigSet) -> bool,
    ) -> Result<Arc<ConfigSet>> {
        let waited = timeout(PATIENCE, self.feed.configs.wait_for(|set| done(set))).await;
        let set = waited.map(|set| set.map(|set| set.clone()));
        let state = || {
            let set = self.set();
            format!("waited in vain: {what}; {:?}; {:#?}", self.status(), set.problems)
        };
        set.with_context(state)?.context("the source ended")
    }

    /// Waits until the names in force are just these.
    pub(crate) async fn until_names(&mut self, names: &[&str]) -> Result<Arc<ConfigSet>> {
        self.until(&format!("{names:?} in force"), |set| names_of(set) == names).await
    }

    /// Waits until a problem's text has all `parts`, and returns the set.
    pub(crate) async fn until_problem(&mut self, parts: &[&str]) -> Result<Arc<ConfigSet>> {
        self.until(&format!("a problem with {parts:?}"), |set| {
            let mut texts = set.problems.iter().map(ToString::to_string);
            texts.any(|text| parts.iter().all(|part| text.contains(part)))
        })
        .await
    }

    /// Waits until the source is as told.
    pub(crate) async fn until_status(
        &mut self,
        what: &str,
        mut done: impl FnMut(&SourceStatus) -> bool,
    ) -> Result<SourceStatus> {
        let waited = timeout(PATIENCE, self.feed.status.wait_for(|status| done(status))).await;
        let status = waited.map(|status| status.map(|status| status.clone()));
        let state = || format!("waited in vain: {what}; {:?}", self.status());
        status.with_context(state)?.context("the source ended")
    }
}

pub(crate) fn names_of(set: &ConfigSet) -> Vec<String> {
    set.resources.keys().map(|key| key.name.to_string()).collect()
}

/// The spec of the only resource called `name`, for comparison.
pub(crate) fn spec_of(set: &ConfigSet, name: &str) -> String {
    let found = set.resources.values().find(|resource| resource.key.name.as_str() == name);
    found.map_or_else(String::new, |resource| format!("{:?}", resource.spec))
}

/// A handler `name` whose parameters say `value`.
pub(crate) fn handler(name: &str, value: u32) -> String {
    format!(
        "apiVersion: config.istio.io/v1alpha2
kind: handler
metadata:
  name: {name}
  namespace: istio-system
spec:
  compiledAdapter: denier
  params:
    validUseCount: {value}
---
"
    )
}
