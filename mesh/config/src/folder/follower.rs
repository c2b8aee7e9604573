use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::activity::{ActivityLog, Stopper, Waited};
use super::listing::{Listing, Stamp, list};
use super::tracked::{LONG_SETTLE, Look, TrackedFile};
use crate::merge::{FileContent, merge};
use crate::{ConfigError, ConfigSet, Origin, Problem, Revision, parse};

/// How often the folder is listed although nothing was told.
const POLL: Duration = Duration::from_millis(500);
/// How long a file may stay unread before that is listed as a problem.
const UNREAD_LIMIT: Duration = Duration::from_secs(2);
/// How old a file must be, by its own time, to be read at once when the process starts.
const SETTLED_AGE: Duration = Duration::from_secs(1);

/// Follows a folder, one look at a time.
pub(super) struct Follower {
    root: PathBuf,
    log: ActivityLog,
    files: BTreeMap<Arc<str>, TrackedFile>,
    contents: BTreeMap<Arc<str>, FileContent>,
    /// The problems of `contents`.
    content_problems: Vec<Problem>,
    set: Arc<ConfigSet>,
    /// No look has been taken yet.
    starting: bool,
}

/// What a look led to.
pub(super) struct Step {
    /// Whether there is a new set.
    pub(super) changed: bool,
    /// Whether a file has a change that is not read yet.
    pub(super) unread: bool,
    /// When to look again, if nothing happens before.
    pub(super) next: Instant,
}

impl Follower {
    pub(super) fn new(root: &Path) -> Result<Self, ConfigError> {
        let failed = |source| ConfigError::WatchFolder { path: root.to_owned(), source };
        Ok(Self {
            root: root.to_owned(),
            log: ActivityLog::new().map_err(failed)?,
            files: BTreeMap::new(),
            contents: BTreeMap::new(),
            content_problems: Vec::new(),
            set: Arc::default(),
            starting: true,
        })
    }

    pub(super) fn set(&self) -> &Arc<ConfigSet> {
        &self.set
    }

    pub(super) fn stopper(&self) -> Stopper {
        self.log.stopper()
    }

    /// Waits until something happens in the folder, or until `deadline`.
    pub(super) fn wait_until(&mut self, deadline: Instant) -> Waited {
        self.log.wait_until(deadline)
    }

    /// Waits `pause`, whatever happens.
    pub(super) fn pause(&self, pause: Duration) -> Waited {
        self.log.pause(pause)
    }

    /// Looks at the folder and reads what has come to rest.
    pub(super) fn step(&mut self) -> Result<Step, ConfigError> {
        let start = Instant::now();
        let listing = list(&self.root)?;
        let now = Instant::now();
        self.watch(&listing);
        let mut step = Step { changed: false, unread: false, next: now + POLL };
        let mut merge_needed = self.look_at_files(&listing, &(start..now), &mut step);
        merge_needed |= self.look_for_gone(&listing, now, &mut step);
        self.starting = false;
        let mut problems = listing_problems(&listing);
        problems.extend(self.file_problems(now, &mut step));
        step.changed = self.update(merge_needed, problems, listing.newest_folder);
        Ok(step)
    }

    /// Takes note that the folder cannot be listed: what was read before stays in force.
    pub(super) fn step_failed(&mut self, error: &ConfigError) -> Step {
        let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})"));
        let message =
            format!("{error}{}; what was read before stays in force", cause.unwrap_or_default());
        let changed = self.update(false, vec![problem(".", message)], 0);
        Step { changed, unread: false, next: Instant::now() + POLL }
    }

    fn watch(&mut self, listing: &Listing) {
        let mut folders = listing.folders.clone();
        // A symbolic link may lead to a file anywhere.
        for folder in listing.files.values().filter_map(|file| file.path.parent()) {
            if !folders.contains_key(folder)
                && let Ok(metadata) = fs::metadata(folder)
            {
                folders.insert(folder.to_owned(), Stamp::of(&metadata).identity);
            }
        }
        self.log.watch(&folders);
    }

    fn look_at_files(&mut self, listing: &Listing, seen: &Range<Instant>, step: &mut Step) -> bool {
        let mut merge_needed = false;
        for (name, listed) in &listing.files {
            let file = self.files.entry(Arc::clone(name)).or_default();
            let settled = self.starting && age(&listed.stamp) >= SETTLED_AGE;
            match file.look(listed, &mut self.log, seen, settled) {
                Look::Same | Look::Refused => {}
                Look::Later(when) => {
                    step.unread = true;
                    step.next = when.map_or(step.next, |when| step.next.min(when));
                }
                Look::Read => {
                    merge_needed = true;
                    let content = FileContent { parsed: parse(name, file.text()), leaving: false };
                    self.contents.insert(Arc::clone(name), content);
                }
            }
            if let Some(content) = self.contents.get_mut(name) {
                merge_needed |= std::mem::take(&mut content.leaving);
            }
        }
        merge_needed
    }

    fn look_for_gone(&mut self, listing: &Listing, now: Instant, step: &mut Step) -> bool {
        let mut merge_needed = false;
        let mut gone = Vec::new();
        for (name, file) in &mut self.files {
            if listing.files.contains_key(name) {
                continue;
            }
            if !listing.knows(name) {
                file.gone_since = None;
                continue;
            }
            let until = *file.gone_since.get_or_insert(now) + LONG_SETTLE;
            if until <= now {
                gone.push(Arc::clone(name));
                continue;
            }
            step.next = step.next.min(until);
            if let Some(content) = self.contents.get_mut(name) {
                merge_needed |= !std::mem::replace(&mut content.leaving, true);
            }
        }
        for name in gone {
            self.files.remove(&name);
            merge_needed |= self.contents.remove(&name).is_some();
        }
        merge_needed
    }

    fn file_problems(&self, now: Instant, step: &mut Step) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, file) in &self.files {
            if let Some(message) = &file.refused {
                let message = format!("{message}; what was read before stays in force");
                problems.push(problem(name, message));
            } else if let Some(since) = file.unread_since {
                if now >= since + UNREAD_LIMIT {
                    let message = "has been open for writing, or changing, for seconds; what was \
                                   read before stays in force until it is closed and at rest";
                    problems.push(problem(name, message.to_owned()));
                } else {
                    step.next = step.next.min(since + UNREAD_LIMIT);
                }
            }
        }
        problems
    }

    /// Builds the set anew and says whether it is another one.
    fn update(&mut self, merge_needed: bool, problems: Vec<Problem>, newest_folder: u64) -> bool {
        let before = &self.set.resources;
        let merged = merge_needed.then(|| merge(&self.contents, before));
        let (resources, content_problems) = match merged {
            Some((resources, problems)) => (Some(resources), problems),
            None => (None, std::mem::take(&mut self.content_problems)),
        };
        self.content_problems = content_problems;
        let mut problems = problems;
        problems.extend(self.content_problems.iter().cloned());
        problems.sort();
        let resources = resources.filter(|resources| resources != before);
        if resources.is_none() && problems == self.set.problems {
            return false;
        }
        let revision = self.revision(newest_folder, resources.is_some());
        let resources = resources.unwrap_or_else(|| before.clone());
        self.set = Arc::new(ConfigSet { resources, problems, revision });
        true
    }

    /// The newest modification time of what was read. Times in the future count as now, or no later
    /// edit would be newer; and other resources never have the revision of the ones before.
    fn revision(&self, newest_folder: u64, other_resources: bool) -> Revision {
        let files = self.files.values().filter_map(TrackedFile::modified);
        let newest = files.fold(newest_folder, u64::max).min(nanos_now());
        let Revision(last) = self.set.revision;
        Revision(newest.max(last.saturating_add(other_resources.into())))
    }
}

fn listing_problems(listing: &Listing) -> Vec<Problem> {
    let named = |name: &str| if name.is_empty() { ".".to_owned() } else { name.to_owned() };
    listing.refused.iter().map(|(name, message)| problem(&named(name), message.clone())).collect()
}

fn problem(file: &str, message: String) -> Problem {
    Problem { origin: Origin { file: file.into(), line: 0 }, object: None, message }
}

fn nanos_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// How long ago the file changed, by the system's clock.
fn age(stamp: &Stamp) -> Duration {
    Duration::from_nanos(nanos_now().saturating_sub(stamp.changed.max(stamp.modified)))
}
