//! Which policy each namespace has now: what makes a cached answer fresh or stale.
//!
//! Goal: an edit of policy is enforced as soon as this process hears of it, from the watch or from any
//! answer, and never undone by news that is older. Choice: a generation is a revision, which orders,
//! and a digest, which names; equal digests are one generation, else the higher revision is newer.
//! What is known of a namespace is the newer of two things: what the watch announced, and what answers
//! have shown. Refused: trusting arrival order (answers overtake the watch and each other), and
//! dropping everything on each edit (an edit of one namespace must not empty the caches of others).
//!
//! Only the watch says whether a namespace has rules at all. An answer that is newer than the watch
//! takes that knowledge away until the watch has caught up.
//!
//! A revision can go back for good, when Mixer is restarted over older files. Answers would then be
//! older for ever and nothing would be cached. So knowledge that only answers have shown, and that no
//! answer has confirmed for ten seconds, gives way to the watch.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::host::Moment;

/// A watch that has been silent for so long is dead: Mixer speaks each second.
pub(crate) const WATCH_SILENCE: Duration = Duration::from_secs(3);

/// How long knowledge stands that is newer than the watch and that no answer confirms.
const UNCONFIRMED: Duration = Duration::from_secs(10);

/// How often a confirmation is noted.
const CONFIRM_INTERVAL: Duration = Duration::from_secs(1);

/// Namespaces that are told apart. Answers for more are used and not kept.
const MAX_NAMESPACES: usize = 65_536;

/// The state of one namespace's policy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// Orders generations of one namespace.
    pub revision: u64,
    /// Names the policy; equal digests give equal answers.
    pub digest: Digest,
}

/// Names a policy by its content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

/// A namespace, by the number this process gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NamespaceId(u32);

/// What the watch says about a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// Its generation.
    pub generation: Generation,
    /// Whether any rule or quota could have an opinion on a check.
    pub has_check: bool,
}

/// One event of the watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchEvent {
    /// The event holds the whole state.
    pub full: bool,
    /// Namespaces that are new or changed.
    pub namespaces: Vec<(String, Announced)>,
    /// What holds for namespaces that are not listed.
    pub default: Option<Announced>,
    /// Namespaces that take the default again.
    pub removed: Vec<String>,
}

/// How an answer's generation stands to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The newest there is; the answer may be kept under this namespace.
    Current(NamespaceId),
    /// A newer one is known.
    Older(NamespaceId),
    /// There are too many namespaces to keep track of this one.
    Untracked,
}

/// What all workers know about the policy of each namespace, for one Mixer.
#[derive(Debug, Default)]
pub struct Generations {
    book: Mutex<Book>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    watch: WatchClock,
}

/// What is known at one moment, for look-ups without locks.
#[derive(Debug, Default)]
pub struct Snapshot {
    namespaces: Vec<Known>,
}

/// What is known about one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The newest generation.
    pub generation: Option<Generation>,
    /// Whether no check is needed, as long as the watch lives.
    pub needs_no_check: bool,
}

/// Until when the watch counts as alive.
#[derive(Debug, Default)]
pub struct WatchClock {
    /// Alive before this moment on the process clock, dead since then.
    alive_until: AtomicU64,
}

#[derive(Debug, Default)]
struct Book {
    ids: HashMap<Arc<str>, NamespaceId>,
    pages: Vec<Page>,
    default: Option<Announced>,
}

#[derive(Debug, Default)]
struct Page {
    /// What the watch said of this namespace by name.
    listed: Option<Announced>,
    /// A namespace that takes the default is not older than this: it was listed until then.
    floor: u64,
    /// What was seen that is newer than the watch, and when it was last confirmed.
    seen: Option<(Generation, Moment)>,
}

impl Generation {
    /// Reads `<revision>-<digest hex>`, as answers carry it.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (revision, hex) = std::str::from_utf8(text).ok()?.split_once('-')?;
        if hex.len() != 32 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let digest = u128::from_str_radix(hex, 16).ok()?.to_be_bytes();
        Some(Self { revision: revision.parse().ok()?, digest: Digest(digest) })
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        self.digest != other.digest && self.revision > other.revision
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:032x}", self.revision, u128::from_be_bytes(self.digest.0))
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl NamespaceId {
    /// The number, small and without gaps.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn from_index(index: u32) -> Self {
        Self(index)
    }
}

impl Generations {
    /// What is known now. Costs no lock.
    pub fn snapshot(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshot
    }

    /// Whether the watch is alive, and since when it is not.
    pub fn watch(&self) -> &WatchClock {
        &self.watch
    }

    /// How many namespaces are told apart.
    pub fn len(&self) -> usize {
        self.book().pages.len()
    }

    /// Whether no namespace is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in what an answer says of a namespace, and says how the two stand.
    pub fn judge(&self, namespace: &str, shown: Generation, now: Moment) -> Standing {
        let mut book = self.book();
        let listed = book.pages.len();
        let Some(id) = book.id(namespace) else { return Standing::Untracked };
        let is_new = book.pages.len() > listed;
        let Book { pages, default, .. } = &mut *book;
        let page = &mut pages[id.index()];
        let known = page.known(*default);
        let standing = match known.generation {
            Some(known) if known.digest != shown.digest && !shown.is_newer_than(&known) => {
                if is_new {
                    self.publish(&book);
                }
                return Standing::Older(id);
            }
            _ => Standing::Current(id),
        };
        let advances = known.generation.is_none_or(|known| shown.revision > known.revision);
        let confirms = page.seen.is_some_and(|(seen, at)| {
            seen.digest == shown.digest && now.since(at) >= CONFIRM_INTERVAL
        });
        if advances || confirms {
            let revision = shown.revision.max(known.generation.map_or(0, |known| known.revision));
            page.seen = Some((Generation { revision, ..shown }, now));
        }
        // A namespace that nothing lists takes the default, which workers see only once it has a page.
        if is_new || advances || confirms {
            self.publish(&book);
        }
        standing
    }

    /// Takes in an event of the watch, empty ones included.
    pub fn announce(&self, event: &WatchEvent, now: Moment) {
        let mut book = self.book();
        if let Some(default) = event.default {
            book.change_default(default, event.full, now);
        }
        if event.full {
            let listed: std::collections::HashSet<&str> =
                event.namespaces.iter().map(|(name, _)| name.as_str()).collect();
            let unlisted: Vec<NamespaceId> = book
                .ids
                .iter()
                .filter(|(name, _)| !listed.contains(&***name))
                .map(|(_, id)| *id)
                .collect();
            for id in unlisted {
                book.unlist(id);
            }
        }
        for (name, announced) in &event.namespaces {
            if let Some(id) = book.id(name) {
                book.list(id, *announced, event.full, now);
            }
        }
        for name in &event.removed {
            if let Some(id) = book.id(name) {
                book.unlist(id);
            }
        }
        let expired = book.expire(now);
        if expired || *event != WatchEvent::default() {
            self.publish(&book);
        }
        drop(book);
        self.watch.heard(now);
    }

    fn publish(&self, book: &Book) {
        let namespaces = book.pages.iter().map(|page| page.known(book.default)).collect();
        self.snapshot.store(Arc::new(Snapshot { namespaces }));
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic between two writes leaves each page whole, so the book stays usable.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// What is known about a namespace.
    pub fn known(&self, id: NamespaceId) -> Known {
        self.namespaces.get(id.index()).copied().unwrap_or(Known::NOTHING)
    }
}

impl Known {
    const NOTHING: Self = Self { generation: None, needs_no_check: false };
}

impl WatchClock {
    /// Notes that the watch spoke.
    pub fn heard(&self, now: Moment) {
        self.alive_until.store(now.plus(WATCH_SILENCE).0, Ordering::Release);
    }

    /// Notes that the watch ended: it is dead from now on.
    pub fn cut(&self, now: Moment) {
        self.alive_until.fetch_min(now.0, Ordering::AcqRel);
    }

    /// Since when the watch is dead, if it is.
    pub fn dead_since(&self, now: Moment) -> Option<Moment> {
        let until = Moment(self.alive_until.load(Ordering::Acquire));
        (now >= until).then_some(until)
    }
}

impl Book {
    fn id(&mut self, name: &str) -> Option<NamespaceId> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        if self.pages.len() >= MAX_NAMESPACES {
            return None;
        }
        let id = NamespaceId(u32::try_from(self.pages.len()).ok()?);
        self.ids.insert(name.into(), id);
        self.pages.push(Page::default());
        Some(id)
    }

    fn list(&mut self, id: NamespaceId, announced: Announced, full: bool, now: Moment) {
        let page = &mut self.pages[id.index()];
        let rival = page.rival(self.default, full);
        page.listed = Some(announced);
        page.keep_if_newer(rival, self.default, now);
    }

    fn unlist(&mut self, id: NamespaceId) {
        let default = self.default;
        let page = &mut self.pages[id.index()];
        if page.listed.is_none() {
            return;
        }
        // From now on the default holds, which may bear an older revision: what was listed here, and
        // answers of it that are still on their way, count as older all the same.
        page.floor = page.known(default).generation.map_or(page.floor, |known| known.revision);
        page.listed = None;
        page.seen = None;
    }

    fn change_default(&mut self, announced: Announced, full: bool, now: Moment) {
        let before = self.default.replace(announced);
        for page in self.pages.iter_mut().filter(|page| page.listed.is_none()) {
            let rival = page.rival(before, full);
            page.keep_if_newer(rival, self.default, now);
        }
    }

    /// Lets go of what was seen and neither announced nor confirmed; true when anything was.
    fn expire(&mut self, now: Moment) -> bool {
        let mut expired = false;
        for page in &mut self.pages {
            if page.seen.is_some_and(|(_, at)| now.since(at) >= UNCONFIRMED) {
                page.seen = None;
                expired = true;
            }
        }
        expired
    }
}

impl Page {
    fn announced(&self, default: Option<Announced>) -> Option<Announced> {
        self.listed.or_else(|| {
            let mut default = default?;
            default.generation.revision = default.generation.revision.max(self.floor);
            Some(default)
        })
    }

    fn known(&self, default: Option<Announced>) -> Known {
        match (self.announced(default), self.seen) {
            (None, None) => Known::NOTHING,
            (None, Some((seen, _))) => Known { generation: Some(seen), needs_no_check: false },
            (Some(announced), Some((seen, _))) if seen.is_newer_than(&announced.generation) => {
                Known { generation: Some(seen), needs_no_check: false }
            }
            (Some(announced), seen) => {
                let mut generation = announced.generation;
                if let Some((seen, _)) = seen
                    && seen.digest == generation.digest
                {
                    generation.revision = generation.revision.max(seen.revision);
                }
                Known { generation: Some(generation), needs_no_check: !announced.has_check }
            }
        }
    }

    /// What an announcement that is about to be noted must be newer than, to hold. Within one stream
    /// the order of arrival is the order of policy, so only what answers showed counts; a stream that
    /// begins (`full`) may come from a Mixer that is behind, so all that was known does.
    fn rival(&self, default: Option<Announced>, full: bool) -> Option<Generation> {
        if full { self.known(default).generation } else { self.seen.map(|(seen, _)| seen) }
    }

    fn keep_if_newer(
        &mut self,
        rival: Option<Generation>,
        default: Option<Announced>,
        now: Moment,
    ) {
        let announced = self.announced(default);
        self.seen = rival
            .filter(|rival| {
                announced.is_none_or(|announced| rival.is_newer_than(&announced.generation))
            })
            .map(|rival| (rival, now));
    }
}

#[cfg(test)]
mod tests;
