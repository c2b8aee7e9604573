use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tracing::warn;

use super::listing::Identity;

/// Most files whose activity is remembered. When there are more, all is forgotten, which makes
/// reading slower and never wrong.
const MAX_FILES: usize = 16_384;

/// What inotify has told of a file since it was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    /// Nothing.
    Unknown,
    /// It was written to and not closed yet.
    BeingWritten,
    /// Its writer closed it, or it was moved here as a whole.
    AtRest,
}

/// Watches folders and remembers what happens in them.
pub(super) struct ActivityLog {
    /// None where the system offers no watch; changes are then found by polling.
    watcher: Option<RecommendedWatcher>,
    shared: Arc<Shared>,
}

/// Wakes who waits for activity.
#[derive(Clone)]
pub(super) struct Waker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Told of every change of `state` that someone may wait for.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    files: HashMap<PathBuf, Activity>,
    /// Folders that are being watched. A folder that is moved or removed drops out by itself.
    folders: BTreeMap<PathBuf, Identity>,
    /// The file whose opening the reader waits for, and whether it has come.
    awaited: Option<(PathBuf, bool)>,
    /// Something happened since the last wait ended.
    pending: bool,
    stopped: bool,
}

impl ActivityLog {
    pub(super) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let heard = Arc::clone(&shared);
        let handler = move |event: notify::Result<Event>| heard.hear(event);
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(handler, config);
        if let Err(error) = &watcher {
            warn!(%error, "The system watches no folders for us; configuration is polled.");
        }
        Self { watcher: watcher.ok(), shared }
    }

    pub(super) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.shared))
    }

    /// Watches just these folders.
    pub(super) fn watch(&mut self, folders: &BTreeMap<PathBuf, Identity>) {
        let Some(watcher) = &mut self.watcher else { return };
        // The lock is not held while the watcher works: its thread takes it for each event.
        let watched = self.shared.lock().folders.clone();
        for (path, identity) in &watched {
            if folders.get(path) != Some(identity) {
                // Fails if the folder is gone, and with it the watch.
                let _ = watcher.unwatch(path);
                self.shared.lock().folders.remove(path);
            }
        }
        for (path, identity) in folders {
            if watched.get(path) == Some(identity) {
                continue;
            }
            match watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.shared.lock().folders.insert(path.clone(), *identity);
                }
                Err(error) => {
                    warn!(folder = %path.display(), %error, "The folder is polled, not watched.");
                }
            }
        }
    }

    pub(super) fn of(&self, file: &Path) -> Activity {
        self.shared.lock().files.get(file).copied().unwrap_or(Activity::Unknown)
    }

    /// What is known of `file`; that it is at rest is thereby forgotten.
    pub(super) fn take(&self, file: &Path) -> Activity {
        let mut state = self.shared.lock();
        let activity = state.files.get(file).copied().unwrap_or(Activity::Unknown);
        if activity == Activity::AtRest {
            state.files.remove(file);
        }
        activity
    }

    /// Runs `open`, which opens `file`, and waits until all that happened in the file's folder before
    /// has been told: until the opening itself is told, `limit` at most. Says whether it was.
    pub(super) fn catch_up(
        &self,
        file: &Path,
        limit: Duration,
        open: impl FnOnce() -> io::Result<File>,
    ) -> (io::Result<File>, bool) {
        let Some(folder) = file.parent() else { return (open(), false) };
        {
            let mut state = self.shared.lock();
            let watched = state.folders.contains_key(folder);
            state.awaited = watched.then(|| (file.to_owned(), false));
        }
        let opened = open();
        let deadline = Instant::now() + limit;
        let mut state = self.shared.lock();
        while opened.is_ok() && !state.stopped && matches!(state.awaited, Some((_, false))) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // The watch is not what it seems. It is made anew, and nobody else waits for it.
                state.folders.remove(folder);
                break;
            }
            state = self.shared.wait(state, left);
        }
        let told = matches!(state.awaited.take(), Some((_, true)));
        (opened, told)
    }

    /// Waits until something happens, or until `deadline`. False once it was told to stop.
    pub(super) fn wait_until(&self, deadline: Instant) -> bool {
        let mut state = self.shared.lock();
        while !state.pending && !state.stopped {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.shared.wait(state, left);
        }
        state.pending = false;
        !state.stopped
    }

    /// Waits `pause`, whatever happens. False once it was told to stop.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        let mut state = self.shared.lock();
        while !state.stopped {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.shared.wait(state, left);
        }
        !state.stopped
    }
}

impl Waker {
    /// Ends all waiting, now and later.
    pub(super) fn stop(&self) {
        self.0.lock().stopped = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    /// A panic elsewhere leaves the state whole: each change of it is a single step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>, limit: Duration) -> MutexGuard<'g, State> {
        let waited = self.changed.wait_timeout(state, limit);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn hear(&self, event: notify::Result<Event>) {
        let mut state = self.lock();
        match event {
            Ok(event) if event.need_rescan() => state.forget_all(),
            Ok(event) if matches!(event.kind, EventKind::Access(AccessKind::Open(_))) => {
                if !state.hear_opening(&event) {
                    return;
                }
            }
            Ok(event) => {
                if !state.hear_change(event) {
                    return;
                }
                state.pending = true;
            }
            Err(_) => state.forget_all(),
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// Events were lost, so nothing is known any more.
    fn forget_all(&mut self) {
        self.files.clear();
        self.pending = true;
    }

    fn hear_opening(&mut self, event: &Event) -> bool {
        match (&mut self.awaited, event.paths.first()) {
            (Some((awaited, heard)), Some(path)) if awaited == path => {
                *heard = true;
                true
            }
            _ => false,
        }
    }

    /// Says whether the event means anything here.
    fn hear_change(&mut self, mut event: Event) -> bool {
        let Some(path) = event.paths.pop() else { return false };
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => self.note(path, Activity::BeingWritten),
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                self.note(path, Activity::AtRest);
            }
            // Both ends were told of singly before; a writer keeps writing under the new name.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
                let from = event.paths.pop().and_then(|from| self.files.remove(&from));
                if from == Some(Activity::BeingWritten) {
                    self.note(path, Activity::BeingWritten);
                }
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                self.folders.remove(&path);
            }
            EventKind::Modify(ModifyKind::Name(_)) => self.note(path, Activity::AtRest),
            EventKind::Remove(_) => {
                self.files.remove(&path);
                self.folders.remove(&path);
            }
            EventKind::Access(_) => return false,
            _ => {}
        }
        true
    }

    fn note(&mut self, path: PathBuf, activity: Activity) {
        if self.files.len() >= MAX_FILES && !self.files.contains_key(&path) {
            self.forget_all();
        }
        self.files.insert(path, activity);
    }
}
