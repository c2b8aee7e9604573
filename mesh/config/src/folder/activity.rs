use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use tracing::warn;

use super::listing::{Identity, is_config_file};

/// Most files whose activity is remembered. When there are more, all is forgotten, which makes
/// reading slower and never wrong.
const MAX_FILES: usize = 16_384;

/// Room for more events than a read returns at once: one has 16 bytes and a name of 256 at most.
const BUFFER: usize = 16 << 10;

/// What the system has told of a file since it was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    /// Nothing.
    Unknown,
    /// It was written to and not closed yet.
    BeingWritten,
    /// It was written to, or given another time, after its writer closed it: both are told alike.
    WrittenOrTouched,
    /// Its writer closed it, or it was moved here as a whole.
    AtRest,
}

/// Watches folders and remembers what happens in them.
pub(super) struct ActivityLog {
    /// None where the system offers no watch; changes are then found by polling.
    inotify: Option<OwnedFd>,
    folders: BTreeMap<PathBuf, WatchedFolder>,
    files: HashMap<FileKey, Activity>,
    /// How often files are open, as far as it was told: two openings in a row may be told as one.
    openings: HashMap<FileKey, usize>,
    /// The move that the last event began, with what was noted of the file that moves.
    moved: Option<(u32, Activity)>,
    stop: Arc<OwnedFd>,
}

struct WatchedFolder {
    identity: Identity,
    watch: i32,
}

/// The watch of its folder and its name there.
type FileKey = (i32, OsString);

/// Ends the waiting of a log from another thread.
pub(super) struct Stopper(Arc<OwnedFd>);

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// Something happened, or the time is over.
    Over,
    /// It was told to stop.
    Stopped,
}

impl ActivityLog {
    /// A log that watches nothing yet.
    ///
    /// # Errors
    /// When the process has no file descriptors left.
    pub(super) fn new() -> io::Result<Self> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        if let Err(error) = &inotify {
            warn!(%error, "The system watches no folders for us; configuration is polled.");
        }
        Ok(Self {
            inotify: inotify.ok(),
            folders: BTreeMap::new(),
            files: HashMap::new(),
            openings: HashMap::new(),
            moved: None,
            stop: Arc::new(stop),
        })
    }

    pub(super) fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Watches just these folders.
    pub(super) fn watch(&mut self, folders: &BTreeMap<PathBuf, Identity>) {
        let Some(inotify) = &self.inotify else { return };
        self.folders.retain(|path, folder| {
            let stays = folders.get(path) == Some(&folder.identity);
            if !stays {
                // Fails if the folder is gone, and with it the watch.
                let _ = inotify::remove_watch(inotify, folder.watch);
                self.files.retain(|(watch, _), _| *watch != folder.watch);
                self.openings.retain(|(watch, _), _| *watch != folder.watch);
            }
            stays
        });
        let flags = WatchFlags::OPEN
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE
            | WatchFlags::ATTRIB
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::ONLYDIR;
        for (path, &identity) in folders {
            if self.folders.contains_key(path) {
                continue;
            }
            match inotify::add_watch(inotify, path, flags) {
                Ok(watch) => {
                    self.folders.insert(path.clone(), WatchedFolder { identity, watch });
                }
                Err(error) => {
                    warn!(folder = %path.display(), %error, "The folder is polled, not watched.");
                }
            }
        }
    }

    /// Takes note of all that happened up to now. Says whether any of it calls for a look.
    pub(super) fn catch_up(&mut self) -> bool {
        let Some(inotify) = self.inotify.take() else { return false };
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut events = inotify::Reader::new(&inotify, &mut buffer);
        let mut calls = false;
        loop {
            match events.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    calls |= self.note(event.wd(), event.events(), event.cookie(), name);
                }
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => break,
                Err(error) => {
                    warn!(%error, "The watch of the configuration folder cannot be read.");
                    self.forget_all();
                    break;
                }
            }
        }
        self.inotify = Some(inotify);
        calls
    }

    /// What was noted of `file`.
    pub(super) fn of(&self, file: &Path) -> Activity {
        let key = self.key(file);
        key.and_then(|key| self.files.get(&key).copied()).unwrap_or(Activity::Unknown)
    }

    /// Whether anyone was told to have opened `file` and not to have closed it.
    pub(super) fn is_open(&self, file: &Path) -> bool {
        self.key(file).is_some_and(|key| self.openings.contains_key(&key))
    }

    /// Forgets that `file` came to rest: it has been read.
    pub(super) fn forget_rest(&mut self, file: &Path) {
        if let Some(key) = self.key(file)
            && self.files.get(&key) != Some(&Activity::BeingWritten)
        {
            self.files.remove(&key);
        }
    }

    /// Waits until something calls for a look, or until `deadline`.
    pub(super) fn wait_until(&mut self, deadline: Instant) -> Waited {
        loop {
            if self.catch_up() {
                return Waited::Over;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Waited::Over;
            }
            if self.sleep(left, true) == Waited::Stopped {
                return Waited::Stopped;
            }
        }
    }

    /// Waits `pause`, whatever happens.
    pub(super) fn pause(&self, pause: Duration) -> Waited {
        self.sleep(pause, false)
    }

    /// Waits at most `limit`, if `listening` less when something happens.
    fn sleep(&self, limit: Duration, listening: bool) -> Waited {
        let stop = PollFd::new(&*self.stop, PollFlags::IN);
        let watch = self.inotify.as_ref().filter(|_| listening);
        let mut waited_for = vec![stop];
        waited_for.extend(watch.map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        // An interrupted wait is a short one.
        let _ = poll(&mut waited_for, Some(&limit));
        let stopped = waited_for.first().is_some_and(|stop| !stop.revents().is_empty());
        if stopped { Waited::Stopped } else { Waited::Over }
    }

    fn key(&self, file: &Path) -> Option<FileKey> {
        let folder = self.folders.get(file.parent()?)?;
        Some((folder.watch, file.file_name()?.to_owned()))
    }

    fn note(&mut self, watch: i32, events: ReadFlags, cookie: u32, name: Option<&OsStr>) -> bool {
        if events.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.forget_all();
            return true;
        }
        if events.contains(ReadFlags::IGNORED) {
            self.folders.retain(|_, folder| folder.watch != watch);
            self.files.retain(|(of, _), _| *of != watch);
            self.openings.retain(|(of, _), _| *of != watch);
            return true;
        }
        let Some(name) = name else { return true };
        if events.contains(ReadFlags::ISDIR) {
            return !events.intersects(ReadFlags::OPEN | ReadFlags::CLOSE_NOWRITE);
        }
        let key = (watch, name.to_owned());
        if events.contains(ReadFlags::OPEN) {
            self.make_room(&key);
            *self.openings.entry(key).or_default() += 1;
            return false;
        }
        if events.intersects(ReadFlags::CLOSE_NOWRITE | ReadFlags::CLOSE_WRITE) {
            self.note_close(&key);
        }
        if events.contains(ReadFlags::CLOSE_NOWRITE) {
            return false;
        }
        let moved = self.moved.take();
        if events.contains(ReadFlags::MODIFY) {
            let closed =
                matches!(self.files.get(&key), Some(Activity::AtRest | Activity::WrittenOrTouched));
            let written = if closed { Activity::WrittenOrTouched } else { Activity::BeingWritten };
            self.set(key, written);
        } else if events.contains(ReadFlags::CLOSE_WRITE) {
            self.set(key, Activity::AtRest);
        } else if events.contains(ReadFlags::MOVED_FROM) {
            self.openings.remove(&key);
            self.moved = self.files.remove(&key).map(|activity| (cookie, activity));
        } else if events.contains(ReadFlags::MOVED_TO) {
            // A writer keeps writing under the new name.
            let same = moved.filter(|(begun, _)| *begun == cookie);
            self.openings.remove(&key);
            self.set(key, same.map_or(Activity::AtRest, |(_, activity)| activity));
        } else if events.contains(ReadFlags::DELETE) {
            self.openings.remove(&key);
            self.files.remove(&key);
        }
        // Who writes other files here, a log perhaps, does not keep us busy.
        is_config_file(name) || !events.intersects(ReadFlags::MODIFY | ReadFlags::CLOSE_WRITE)
    }

    fn note_close(&mut self, key: &FileKey) {
        if let Some(openings) = self.openings.get_mut(key) {
            *openings = openings.saturating_sub(1);
            if *openings == 0 {
                self.openings.remove(key);
            }
        }
    }

    fn set(&mut self, key: FileKey, activity: Activity) {
        self.make_room(&key);
        self.files.insert(key, activity);
    }

    fn make_room(&mut self, key: &FileKey) {
        let full = |length: usize, known: bool| length >= MAX_FILES && !known;
        if full(self.files.len(), self.files.contains_key(key))
            || full(self.openings.len(), self.openings.contains_key(key))
        {
            self.forget_all();
        }
    }

    fn forget_all(&mut self) {
        self.files.clear();
        self.openings.clear();
    }
}

impl Stopper {
    /// Ends all waiting, now and later.
    pub(super) fn stop(&self) {
        // Fails only if it was told 2^64 times already.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}
