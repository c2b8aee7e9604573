//! What all watchers have told together: when everything was read once, when changes would be noticed, and
//! at which revision. No IO.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::warn;

use super::watcher::News;
use crate::Revision;
use crate::source::{Event, Inventory, Publisher, Scope};

/// How a scope is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// It has not been listed since it was met.
    Awaited,
    /// Its changes are noticed. A kind that is not served is, too: it has none.
    Followed,
    /// It was listed once; its changes are not noticed now.
    Broken(String),
}

/// The state of all scopes.
pub(super) struct Hub {
    inventory: Inventory,
    publisher: Publisher,
    scopes: BTreeMap<Scope, Progress>,
    /// Why the server does not tell which kinds there are; before it was asked, that.
    undiscovered: Option<String>,
    was_connected: bool,
    synced: bool,
    /// The highest version that is in the inventory.
    newest: u64,
    /// Versions are no numbers.
    by_clock: bool,
}

impl Hub {
    pub(super) fn new(publisher: Publisher) -> Self {
        Self {
            inventory: Inventory::new(),
            publisher,
            scopes: BTreeMap::new(),
            undiscovered: Some("not asked yet".to_owned()),
            was_connected: false,
            synced: false,
            newest: 0,
            by_clock: false,
        }
    }

    pub(super) fn knows(&self, scope: &Scope) -> bool {
        self.scopes.contains_key(scope)
    }

    /// Takes note of a scope that is followed from now on.
    pub(super) fn meet(&mut self, scope: Scope) {
        self.scopes.insert(scope, Progress::Awaited);
    }

    /// The server has told which kinds there are, and all of them were met.
    pub(super) fn discovered(&mut self) {
        self.undiscovered = None;
        self.show(true);
    }

    /// The server has not told which kinds there are.
    pub(super) fn not_discovered(&mut self, why: String) {
        self.undiscovered = Some(why);
        self.show(false);
    }

    /// All scopes are followed anew.
    pub(super) fn begin_again(&mut self) {
        self.scopes.clear();
    }

    /// Whether what was refused for want of room might fit now.
    pub(super) fn has_room_again(&mut self) -> bool {
        self.inventory.has_room_again()
    }

    /// Whether something was told that is not published yet and may be.
    pub(super) fn is_due(&self) -> bool {
        self.synced && self.inventory.is_touched()
    }

    /// Publishes what was told.
    pub(super) fn publish(&mut self) {
        let revision = self.revision();
        let set = self.inventory.commit(revision);
        self.publisher.publish(set);
    }

    /// Takes note of what a watcher told of its scope.
    pub(super) fn told(&mut self, scope: Scope, news: News) {
        match news {
            News::Event(event, version) => {
                let is_whole = matches!(event, Event::InitDone);
                self.inventory.note(&scope, event);
                if let Some(version) = version {
                    self.note_version(&version);
                }
                if is_whole {
                    let before = self.scopes.insert(scope, Progress::Followed);
                    if before != Some(Progress::Awaited) {
                        self.publisher.part_synced();
                    }
                }
                self.show(true);
            }
            News::Absent => {
                self.inventory.fall_silent(&scope, "is no kind of the server any more");
                self.scopes.insert(scope, Progress::Followed);
                self.show(true);
            }
            News::Broken(why) => {
                let before = self.scopes.get(&scope);
                if before != Some(&Progress::Awaited) {
                    self.scopes.insert(scope, Progress::Broken(why));
                    self.show(false);
                } else {
                    self.publisher.lost(&why);
                }
            }
        }
    }

    /// Tells the status; `heard` says whether the server has just answered.
    fn show(&mut self, heard: bool) {
        let awaited = self.scopes.values().any(|state| *state == Progress::Awaited);
        let broken = self.scopes.values().find_map(|state| match state {
            Progress::Broken(why) => Some(why),
            Progress::Awaited | Progress::Followed => None,
        });
        if let Some(why) = self.undiscovered.as_ref().or(broken) {
            self.was_connected = false;
            // While nothing is known yet, the reason is on its way.
            if !heard || self.synced {
                self.publisher.lost(&why.clone());
            }
        } else if !awaited {
            if !std::mem::replace(&mut self.was_connected, true) {
                self.publisher.reached();
                let revision = self.revision();
                self.publisher.current(self.inventory.commit(revision));
                self.synced = true;
            } else if heard {
                self.publisher.contact();
            }
        }
    }

    fn note_version(&mut self, version: &str) {
        match version.parse::<u64>() {
            Ok(number) => self.newest = self.newest.max(number),
            Err(_) => {
                if !std::mem::replace(&mut self.by_clock, true) {
                    warn!(
                        version,
                        "Resource versions of this server are no numbers; the time orders revisions."
                    );
                }
            }
        }
    }

    fn revision(&self) -> Revision {
        if !self.by_clock {
            return Revision(self.newest);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Revision(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
    }
}
