use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ConfigSet;
use crate::folder::follower::Follower;

/// A change that does not come within this time never comes.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of configuration files for one test.
pub(super) struct TestFolder {
    dir: TempDir,
}

impl TestFolder {
    pub(super) fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    pub(super) fn with(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file in place, as shells do.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn follow(&self) -> Followed {
        Followed::of(self.path())
    }
}

/// A follower driven by the test, so that every set it makes is seen.
pub(super) struct Followed {
    follower: Follower,
    next: Instant,
    /// All sets so far, each differing from the one before.
    pub(super) seen: Vec<Arc<ConfigSet>>,
}

impl Followed {
    /// Follows the folder at `path`; all its files are read.
    pub(super) fn of(path: &Path) -> Self {
        let mut followed =
            Self { follower: Follower::new(path).unwrap(), next: Instant::now(), seen: Vec::new() };
        followed.until("all files are read", |_, unread| !unread);
        followed
    }

    pub(super) fn set(&self) -> &ConfigSet {
        self.follower.set()
    }

    /// Looks once.
    pub(super) fn look(&mut self) -> bool {
        let step = match self.follower.step() {
            Ok(step) => step,
            Err(error) => self.follower.step_failed(&error),
        };
        self.next = step.next;
        if step.changed {
            self.seen.push(Arc::clone(self.follower.set()));
        }
        step.unread
    }

    /// Waits until it is time to look again.
    pub(super) fn wait(&mut self) {
        self.follower.wait_until(self.next);
    }

    /// Follows until the set, and whether a change is not read yet, are as told.
    pub(super) fn until(&mut self, what: &str, done: impl Fn(&ConfigSet, bool) -> bool) {
        let limit = Instant::now() + PATIENCE;
        loop {
            let unread = self.look();
            if done(self.set(), unread) {
                return;
            }
            let problems = &self.set().problems;
            assert!(Instant::now() < limit, "waited in vain: {what}; {problems:?}");
            self.wait();
        }
    }

    /// Follows until the names in force are just these.
    pub(super) fn until_names(&mut self, names: &[&str]) {
        self.until(&format!("{names:?} in force"), |set, _| names_of(set) == names);
    }

    /// Follows until a problem's text has all `parts`.
    pub(super) fn until_problem(&mut self, parts: &[&str]) {
        self.until(&format!("a problem with {parts:?}"), |set, _| {
            set.problems.iter().any(|problem| {
                let text = problem.to_string();
                parts.iter().all(|part| text.contains(part))
            })
        });
    }

    pub(super) fn names(&self) -> Vec<String> {
        names_of(self.set())
    }
}

pub(super) fn names_of(set: &ConfigSet) -> Vec<String> {
    set.resources.keys().map(|key| key.name.to_string()).collect()
}

/// A handler `name` whose parameters say `value`.
pub(super) fn handler(name: &str, value: u32) -> String {
    format!(
        "apiVersion: config.istio.io/v1alpha2
kind: handler
metadata:
  name: {name}
  namespace: istio-system
spec:
  compiledAdapter: denier
  params:
    valid_use_count: {value}
---
"
    )
}
