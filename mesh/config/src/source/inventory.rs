//! What a store holds, as far as it was told, and the configuration that follows from it. Pure: no store,
//! no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::merge::{FileContent, merge};
use crate::{ConfigSet, Origin, Problem, Revision, parse};

/// Bounds of a store, the same as those of a folder. What exceeds them is refused and listed as a
/// problem, and what was read before stays in force.
const MAX_OBJECTS: usize = 10_000;
const MAX_OBJECT_BYTES: usize = 4 << 20;
/// A name is kept as long as its object is there, readable or not.
const MAX_NAME: usize = 1024;
/// Resources take some twenty times as much memory as their text.
const MAX_TOTAL_BYTES: usize = 64 << 20;

/// A part of a store that is told as a whole: a kind of Kubernetes, the prefix of etcd.
pub(crate) type Scope = Arc<str>;

/// What a store tells.
#[derive(Debug)]
pub(crate) enum Event {
    /// All objects of the scope follow.
    Init,
    /// One of them.
    InitApply(Object),
    /// That was all: those not told are gone.
    InitDone,
    /// An object is new or has changed.
    Apply(Object),
    /// The object of this name is gone.
    Delete(Arc<str>),
}

/// An object of a store.
#[derive(Debug)]
pub(crate) struct Object {
    /// How problems name it; unique within the store.
    pub(crate) name: Arc<str>,
    /// Its documents, or why it has none that can be read.
    pub(crate) text: Result<String, String>,
}

/// The objects of a store.
pub(crate) struct Inventory {
    objects: BTreeMap<Arc<str>, Known>,
    /// What the objects say that could be read.
    contents: BTreeMap<Arc<str>, FileContent>,
    /// Bytes of the texts behind `contents`.
    bytes: usize,
    telling: BTreeMap<Scope, Telling>,
    /// Scopes of which some objects are not kept for their number.
    unlisted: BTreeSet<Scope>,
    /// Scopes of which some objects are not kept for the length of their names.
    unnamed: BTreeSet<Scope>,
    /// Scopes that are not told any more, and why.
    silent: BTreeMap<Scope, &'static str>,
    /// Objects were refused for a bound of all together, and room was made since.
    room_again: bool,
    crowded: bool,
    touched: bool,
    set: Arc<ConfigSet>,
}

/// An object that was told of.
struct Known {
    scope: Scope,
    bytes: usize,
    /// Why its newest version is not read.
    refused: Option<String>,
}

/// A scope between its `Init` and its `InitDone`.
#[derive(Default)]
struct Telling {
    objects: Vec<Object>,
    bytes: usize,
    unlisted: bool,
    unnamed: bool,
}

impl Inventory {
    pub(crate) fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            contents: BTreeMap::new(),
            bytes: 0,
            telling: BTreeMap::new(),
            unlisted: BTreeSet::new(),
            unnamed: BTreeSet::new(),
            silent: BTreeMap::new(),
            room_again: false,
            crowded: false,
            touched: false,
            set: Arc::default(),
        }
    }

    /// Whether there were events since the last commit.
    pub(crate) fn is_touched(&self) -> bool {
        self.touched
    }

    /// Whether what was refused for want of room might now be read: all scopes are to be told anew.
    pub(crate) fn has_room_again(&mut self) -> bool {
        std::mem::take(&mut self.room_again)
    }

    /// Takes note of an event. An object's text is parsed here.
    pub(crate) fn note(&mut self, scope: &Scope, event: Event) {
        match event {
            Event::Init => {
                self.telling.insert(Arc::clone(scope), Telling::default());
            }
            Event::InitApply(object) => {
                if let Some(telling) = self.telling.get_mut(scope) {
                    telling.take(object);
                }
            }
            Event::InitDone => {
                if let Some(telling) = self.telling.remove(scope) {
                    self.replace(scope, telling);
                }
            }
            Event::Apply(object) => self.apply(scope, object),
            Event::Delete(name) => self.remove(&name),
        }
    }

    /// Takes note that a scope cannot be told any more; what was told of it stays. Its next telling ends
    /// that.
    pub(crate) fn fall_silent(&mut self, scope: &Scope, why: &'static str) {
        if self.has_any_of(scope) {
            self.touched |= self.silent.insert(Arc::clone(scope), why).is_none();
        }
    }

    /// Makes the set of what was noted; `revision` is the store's newest that is contained. Other
    /// resources never have the revision of the ones before, even if the store's went back.
    pub(crate) fn commit(&mut self, revision: Revision) -> &Arc<ConfigSet> {
        self.touched = false;
        let before = &self.set.resources;
        let (resources, mut problems) = merge(&self.contents, before);
        problems.extend(self.own_problems());
        problems.sort();
        let changed = resources != *before;
        if changed || problems != self.set.problems {
            let Revision(last) = self.set.revision;
            let revision = Revision(revision.0.max(last.saturating_add(changed.into())));
            self.set = Arc::new(ConfigSet { resources, problems, revision });
        } else if self.set.revision == Revision::default() {
            // The first set may be empty and still has the store's revision.
            self.set = Arc::new(ConfigSet { revision, ..ConfigSet::clone(&self.set) });
        }
        &self.set
    }

    fn has_any_of(&self, scope: &Scope) -> bool {
        self.objects.values().any(|known| known.scope == *scope)
    }

    fn replace(&mut self, scope: &Scope, telling: Telling) {
        self.touched = true;
        self.silent.remove(scope);
        let told: BTreeSet<_> = telling.objects.iter().map(|o| Arc::clone(&o.name)).collect();
        // If some were not kept for their number, nobody knows which ones are gone.
        if !telling.unlisted {
            let gone = self
                .objects
                .iter()
                .filter(|(name, known)| known.scope == *scope && !told.contains(*name));
            let gone: Vec<_> = gone.map(|(name, _)| Arc::clone(name)).collect();
            gone.iter().for_each(|name| self.remove(name));
        }
        for (scopes, applies) in
            [(&mut self.unlisted, telling.unlisted), (&mut self.unnamed, telling.unnamed)]
        {
            scopes.remove(scope);
            scopes.extend(applies.then(|| Arc::clone(scope)));
        }
        (self.crowded, self.room_again) = (self.crowded || telling.unlisted, false);
        telling.objects.into_iter().for_each(|object| self.apply(scope, object));
    }

    fn apply(&mut self, scope: &Scope, Object { name, text }: Object) {
        self.touched = true;
        if self.objects.len() >= MAX_OBJECTS && !self.objects.contains_key(&name) {
            self.unlisted.insert(Arc::clone(scope));
            self.crowded = true;
            return;
        }
        if name.len() > MAX_NAME {
            self.unnamed.insert(Arc::clone(scope));
            return;
        }
        let known = self.objects.entry(Arc::clone(&name)).or_insert_with(|| Known {
            scope: Arc::clone(scope),
            bytes: 0,
            refused: None,
        });
        let others = self.bytes - known.bytes;
        let readable = text.and_then(|text| match text.len() {
            bytes if bytes > MAX_OBJECT_BYTES => {
                Err(format!("has more than {} MiB, the most that is read", MAX_OBJECT_BYTES >> 20))
            }
            bytes if others + bytes > MAX_TOTAL_BYTES => {
                self.crowded = true;
                Err(format!(
                    "is not read: all objects together would have more than {} MiB",
                    MAX_TOTAL_BYTES >> 20
                ))
            }
            _ => Ok(text),
        });
        match readable {
            Ok(text) => {
                self.bytes = others + text.len();
                known.bytes = text.len();
                known.refused = None;
                let content = FileContent { parsed: parse(&name, &text), leaving: false };
                self.contents.insert(name, content);
            }
            Err(why) => known.refused = Some(why),
        }
    }

    fn remove(&mut self, name: &Arc<str>) {
        self.touched = true;
        if let Some(known) = self.objects.remove(name) {
            self.bytes -= known.bytes;
            self.room_again |= std::mem::take(&mut self.crowded);
        }
        self.contents.remove(name);
    }

    /// Problems of objects as such, beside those within them.
    fn own_problems(&self) -> Vec<Problem> {
        let problem = |file: &Arc<str>, message: String| Problem {
            origin: Origin { file: Arc::clone(file), line: 0 },
            object: None,
            message,
        };
        let refused = self.objects.iter().filter_map(|(name, known)| {
            let why = known.refused.as_ref()?;
            Some(problem(name, format!("{why}; what was read before stays in force")))
        });
        let unlisted = self.unlisted.iter().map(|scope| {
            let message = format!(
                "some objects are not read: there are more than {MAX_OBJECTS}; what was read before \
                 stays in force"
            );
            problem(scope, message)
        });
        let unnamed = self.unnamed.iter().map(|scope| {
            let message =
                format!("some objects are not read: their names have more than {MAX_NAME} bytes");
            problem(scope, message)
        });
        let silent = self.silent.iter().filter(|(scope, _)| self.has_any_of(scope));
        let silent = silent.map(|(scope, why)| {
            problem(scope, format!("{why}; what was read before stays in force"))
        });
        refused.chain(unlisted).chain(unnamed).chain(silent).collect()
    }
}

impl Telling {
    fn take(&mut self, mut object: Object) {
        self.unnamed |= object.name.len() > MAX_NAME;
        self.unlisted |= self.objects.len() >= MAX_OBJECTS;
        if object.name.len() > MAX_NAME || self.objects.len() >= MAX_OBJECTS {
            return;
        }
        let bytes = object.text.as_ref().map_or(0, String::len);
        if self.bytes + bytes > MAX_TOTAL_BYTES {
            object.text = Err(format!(
                "is not read: all objects together have more than {} MiB",
                MAX_TOTAL_BYTES >> 20
            ));
        } else {
            self.bytes += bytes;
        }
        self.objects.push(object);
    }
}
