use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use super::activity::{Activity, ActivityLog};
use super::listing::{ListedFile, Stamp, unreadable};
use super::text::{open, stamp_of, text_of};

/// How long a change whose end was seen must be at rest.
const SETTLE: Duration = Duration::from_millis(30);
/// How long a change must be at rest of which only the result is seen, or that takes text away.
pub(super) const LONG_SETTLE: Duration = Duration::from_millis(500);

/// How long a file must be at rest from which text is gone although nobody was told to have closed it.
/// Opening a file to empty it may wait for the disk, and until then nothing is told.
const UNTOLD_CUT_SETTLE: Duration = Duration::from_secs(5);

/// What is known about one file of the folder.
#[derive(Debug, Default)]
pub(super) struct TrackedFile {
    /// What it said when it was read last.
    text: Option<String>,
    /// The state in which it was read, or refused, last.
    known: Option<Stamp>,
    /// Another state that was seen since, and when first.
    changed: Option<(Stamp, Instant)>,
    /// Since when it differs from what was read.
    pub(super) unread_since: Option<Instant>,
    /// Since when it is not there.
    pub(super) gone_since: Option<Instant>,
    /// Why it cannot be read.
    pub(super) refused: Option<String>,
}

/// What a look at a file led to.
#[derive(Debug)]
pub(super) enum Look {
    /// Nothing new.
    Same,
    /// It changed and is not at rest; look again then, or when it is told to have changed.
    Later(Option<Instant>),
    /// It has a new text, which was taken over.
    Read,
    /// It cannot be read; what it said before still counts.
    Refused,
}

impl TrackedFile {
    /// Looks at the file, which was listed within `seen`, and reads it if a change has come to rest.
    /// `settled` says that the change is older than [`LONG_SETTLE`] by the file's own time.
    pub(super) fn look(
        &mut self,
        listed: &ListedFile,
        log: &mut ActivityLog,
        seen: &Range<Instant>,
        settled: bool,
    ) -> Look {
        self.gone_since = None;
        if self.known == Some(listed.stamp) && self.refused.is_none() {
            self.settle(listed);
            return Look::Same;
        }
        let since = match self.changed {
            Some((stamp, since)) if stamp == listed.stamp => since,
            _ => seen.end,
        };
        self.changed = Some((listed.stamp, since));
        self.unread_since.get_or_insert(seen.end);
        let rested =
            if settled { LONG_SETTLE } else { seen.start.saturating_duration_since(since) };
        match rest_needed(log.of(&listed.path), &listed.stamp) {
            None if rested >= LONG_SETTLE && self.says_the_same(listed) => {
                self.settle(listed);
                Look::Same
            }
            None => Look::Later(None),
            Some(needed) if rested < needed => Look::Later(Some(since + needed)),
            Some(_) => self.read(listed, log, rested, since),
        }
    }

    /// The modification time of what was read last, in nanoseconds since 1970.
    pub(super) fn modified(&self) -> Option<u64> {
        self.known.map(|stamp| stamp.modified)
    }

    /// The text that was read last.
    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Reads a file that has been at rest for `rested`, since `since`.
    fn read(
        &mut self,
        listed: &ListedFile,
        log: &mut ActivityLog,
        rested: Duration,
        since: Instant,
    ) -> Look {
        let path: &Path = &listed.path;
        log.catch_up();
        let closed = log.of(path) == Activity::AtRest && !log.is_open(path);
        let file = open(path);
        // All that happened before the file was opened is known then.
        log.catch_up();
        match rest_needed(log.of(path), &listed.stamp) {
            None => return Look::Later(None),
            Some(needed) if rested < needed => return Look::Later(Some(since + needed)),
            Some(_) => {}
        }
        let read = match file {
            // Gone since the folder was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => return Look::Later(None),
            Err(error) => Err(unreadable(&error)),
            Ok(file) => text_of(&file).and_then(|text| {
                let stamp = stamp_of(&file).map_err(|error| unreadable(&error))?;
                Ok((text, stamp))
            }),
        };
        // What happened since shows in the stamp too: its times were older than the rest was long.
        let text = match read {
            Ok((_, stamp)) if stamp != listed.stamp => {
                return Look::Later(Some(Instant::now() + SETTLE));
            }
            Ok((text, _)) => text,
            Err(message) => {
                log.forget_rest(path);
                self.settle(listed);
                self.refused = Some(message);
                return Look::Refused;
            }
        };
        let needed = self.rest_needed_for(&text, listed, closed);
        if rested < needed {
            return Look::Later(Some(since + needed));
        }
        log.forget_rest(path);
        self.settle(listed);
        self.refused = None;
        if self.text.as_ref() == Some(&text) {
            return Look::Same;
        }
        self.text = Some(text);
        Look::Read
    }

    /// Whether the file, perhaps still open for writing, has the text that was read last. A change of
    /// its time alone may look like a write that is not closed.
    fn says_the_same(&self, listed: &ListedFile) -> bool {
        let Some(text) = &self.text else { return false };
        listed.stamp.size == text.len() as u64
            && open(&listed.path).is_ok_and(|file| text_of(&file).as_ref() == Ok(text))
    }

    fn settle(&mut self, listed: &ListedFile) {
        self.known = Some(listed.stamp);
        self.changed = None;
        self.unread_since = None;
    }

    /// How long the file must be at rest for `text` to take the place of the one before: longer if it
    /// is just the beginning of that, longest if it may have been cut by someone who is still at it.
    fn rest_needed_for(&self, text: &str, listed: &ListedFile, closed: bool) -> Duration {
        let cut =
            self.text.as_ref().is_some_and(|old| old.len() > text.len() && old.starts_with(text));
        let in_place = self.known.is_some_and(|known| known.identity == listed.stamp.identity);
        match (cut, in_place && !closed) {
            (false, _) => Duration::ZERO,
            (true, false) => LONG_SETTLE,
            (true, true) => UNTOLD_CUT_SETTLE,
        }
    }
}

/// How long a file must be at rest to be read, or that only the close by its writer helps.
fn rest_needed(activity: Activity, stamp: &Stamp) -> Option<Duration> {
    match activity {
        Activity::BeingWritten => None,
        // A write leaves both times the same.
        Activity::WrittenOrTouched if stamp.modified == stamp.changed => None,
        Activity::WrittenOrTouched | Activity::Unknown => Some(LONG_SETTLE),
        Activity::AtRest => Some(SETTLE),
    }
}
