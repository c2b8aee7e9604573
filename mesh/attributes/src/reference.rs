//! What an answer depended on.
//!
//! A cached answer may be given again only to a request that agrees with the first one on everything
//! that was read to find the answer. [`Tracked`] watches the reads and [`References`] lists them. The
//! list says too much rather than too little: a value that was looked at and not used is listed, and
//! a map that was fetched and never opened is listed whole, since its being a map may have decided.
//! Reads of single keys are listed by key, so that one more header does not change the list.

use std::cell::{OnceCell, RefCell};

use crate::{AttributeName, Bag, KeyState, StringMap, Value};

/// How an answer depended on an attribute or on a map's key (numbers of the wire's `Condition`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It was looked for and was not there.
    Absence = 1,
    /// Its exact value counts; of a map without key, all entries.
    Exact = 2,
    /// A pattern over its value counts. Nobody can tell from the bag whether it still holds, so an
    /// answer with such a reference is never cached.
    Regex = 3,
}

/// What an answer depended on: unique pairs of name and key, sorted by name, then key.
///
/// A pair without key stands for the whole attribute. Looking up and recording cost a binary search.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct References {
    sorted: Vec<Reference>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reference {
    name: AttributeName,
    key: Option<Box<str>>,
    condition: Condition,
}

impl References {
    /// No references: an answer that depends on nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `name`, or `key` of the map `name`, was read. Of two notes the last counts.
    pub fn record(&mut self, name: &AttributeName, key: Option<&str>, condition: Condition) {
        match self.position(name, key) {
            Ok(found) => self.sorted[found].condition = condition,
            Err(place) => {
                let reference =
                    Reference { name: name.clone(), key: key.map(Into::into), condition };
                self.sorted.insert(place, reference);
            }
        }
    }

    /// Adds all references of `other`; where both have a pair, the condition of `other` counts.
    pub fn merge(&mut self, other: &Self) {
        for (name, key, condition) in other.iter() {
            self.record(name, key, condition);
        }
    }

    /// The references in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&AttributeName, Option<&str>, Condition)> {
        self.sorted.iter().map(|r| (&r.name, r.key.as_deref(), r.condition))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether the answer depends on nothing.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Whether `name` is referenced, whole or by a key.
    fn mentions(&self, name: &AttributeName) -> bool {
        let place = self.sorted.partition_point(|r| r.name < *name);
        self.sorted.get(place).is_some_and(|r| r.name == *name)
    }

    fn position(&self, name: &AttributeName, key: Option<&str>) -> Result<usize, usize> {
        self.sorted.binary_search_by(|r| r.name.cmp(name).then_with(|| r.key.as_deref().cmp(&key)))
    }
}

/// A bag that records what is read through it.
///
/// | read | reference |
/// |---|---|
/// | a value that is no map | name, exact |
/// | a name that is absent | name, absence |
/// | a key of a map that is there | name and key, exact or absence |
/// | a key of a map that is absent | name, absence |
/// | a key of something that is no map | name, exact |
/// | all entries of a map | name, exact |
/// | a map that was fetched and never opened | name, exact |
///
/// A map fetched by `get` records through the returned [`StringMap`]: single keys by its `get`, the
/// whole by its `each`.
pub struct Tracked<'b, B: ?Sized> {
    bag: &'b B,
    read: RefCell<References>,
    maps: OnceCell<Box<TrackedMap<'b, B>>>,
}

/// A map fetched through a [`Tracked`] bag, in a list that only grows while the bag is borrowed.
struct TrackedMap<'b, B: ?Sized> {
    bag: &'b B,
    name: AttributeName,
    read: RefCell<References>,
    next: OnceCell<Box<TrackedMap<'b, B>>>,
}

impl<'b, B: Bag + ?Sized> Tracked<'b, B> {
    /// A view of `bag` with nothing read yet.
    pub fn new(bag: &'b B) -> Self {
        Self { bag, read: RefCell::default(), maps: OnceCell::new() }
    }

    /// What was read so far. Costs a copy of the list.
    pub fn references(&self) -> References {
        let mut references = self.read.borrow().clone();
        for map in self.each_map() {
            references.merge(&map.read.borrow());
        }
        for map in self.each_map() {
            if !references.mentions(&map.name) {
                references.record(&map.name, None, Condition::Exact);
            }
        }
        references
    }

    fn record(&self, name: &AttributeName, key: Option<&str>, condition: Condition) {
        self.read.borrow_mut().record(name, key, condition);
    }

    fn each_map(&self) -> impl Iterator<Item = &TrackedMap<'b, B>> {
        let first = self.maps.get();
        std::iter::successors(first, |map| map.next.get()).map(Box::as_ref)
    }

    fn map(&self, name: &AttributeName) -> &TrackedMap<'b, B> {
        let mut place = &self.maps;
        loop {
            let map = place.get_or_init(|| {
                Box::new(TrackedMap {
                    bag: self.bag,
                    name: name.clone(),
                    read: RefCell::default(),
                    next: OnceCell::new(),
                })
            });
            if map.name == *name {
                return map;
            }
            place = &map.next;
        }
    }
}

impl<B: Bag + ?Sized> Bag for Tracked<'_, B> {
    fn get(&self, name: &AttributeName) -> Option<Value<'_>> {
        match self.bag.get(name) {
            None => {
                self.record(name, None, Condition::Absence);
                None
            }
            Some(Value::StringMap(_)) => Some(Value::StringMap(self.map(name))),
            Some(value) => {
                self.record(name, None, Condition::Exact);
                Some(value)
            }
        }
    }

    fn get_key(&self, name: &AttributeName, key: &str) -> KeyState<'_> {
        let state = self.bag.get_key(name, key);
        match state {
            KeyState::Value(_) => self.record(name, Some(key), Condition::Exact),
            KeyState::KeyAbsent => self.record(name, Some(key), Condition::Absence),
            KeyState::MapAbsent => self.record(name, None, Condition::Absence),
            KeyState::NotAMap => self.record(name, None, Condition::Exact),
        }
        state
    }
}

impl<B: Bag + ?Sized> StringMap for TrackedMap<'_, B> {
    fn get(&self, key: &str) -> Option<&str> {
        let (found, condition) = match self.bag.get_key(&self.name, key) {
            KeyState::Value(value) => (Some(value), Condition::Exact),
            _ => (None, Condition::Absence),
        };
        self.read.borrow_mut().record(&self.name, Some(key), condition);
        found
    }

    fn each(&self, f: &mut dyn FnMut(&str, &str)) {
        self.read.borrow_mut().record(&self.name, None, Condition::Exact);
        if let Some(Value::StringMap(map)) = self.bag.get(&self.name) {
            map.each(f);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttributeBag;

    fn name(text: &str) -> AttributeName {
        AttributeName::new(text)
    }

    fn listed(references: &References) -> Vec<(String, Option<String>, Condition)> {
        references.iter().map(|(n, k, c)| (n.to_string(), k.map(str::to_owned), c)).collect()
    }

    fn bag() -> AttributeBag {
        AttributeBag::new()
            .with("request.path", "/")
            .with("request.headers", [("host", "a")])
            .with("source.labels", [("app", "x")])
    }

    #[test]
    fn values_are_exact_and_missing_names_absent() {
        let bag = bag();
        let tracked = Tracked::new(&bag);
        assert!(tracked.get(&name("request.path")).is_some());
        assert!(tracked.get(&name("request.id")).is_none());
        assert_eq!(
            listed(&tracked.references()),
            [
                ("request.id".into(), None, Condition::Absence),
                ("request.path".into(), None, Condition::Exact),
            ]
        );
    }

    #[test]
    fn a_key_is_recorded_by_its_state() {
        let bag = bag();
        let tracked = Tracked::new(&bag);
        assert_eq!(tracked.get_key(&name("request.headers"), "host"), KeyState::Value("a"));
        assert_eq!(tracked.get_key(&name("request.headers"), "x"), KeyState::KeyAbsent);
        assert_eq!(tracked.get_key(&name("request.auth.claims"), "x"), KeyState::MapAbsent);
        assert_eq!(tracked.get_key(&name("request.path"), "x"), KeyState::NotAMap);
        assert_eq!(
            listed(&tracked.references()),
            [
                ("request.auth.claims".into(), None, Condition::Absence),
                ("request.headers".into(), Some("host".into()), Condition::Exact),
                ("request.headers".into(), Some("x".into()), Condition::Absence),
                ("request.path".into(), None, Condition::Exact),
            ]
        );
    }

    #[test]
    fn a_fetched_map_records_keys_or_the_whole() {
        let bag = bag();
        let tracked = Tracked::new(&bag);
        let Some(Value::StringMap(headers)) = tracked.get(&name("request.headers")) else {
            panic!("request.headers is a map");
        };
        let Some(Value::StringMap(labels)) = tracked.get(&name("source.labels")) else {
            panic!("source.labels is a map");
        };
        assert_eq!(headers.get("host"), Some("a"));
        assert_eq!(headers.get("x"), None);
        let mut entries = 0;
        labels.each(&mut |_, _| entries += 1);
        assert_eq!(entries, 1);
        assert_eq!(
            listed(&tracked.references()),
            [
                ("request.headers".into(), Some("host".into()), Condition::Exact),
                ("request.headers".into(), Some("x".into()), Condition::Absence),
                ("source.labels".into(), None, Condition::Exact),
            ]
        );
    }

    #[test]
    fn a_map_that_was_fetched_and_never_opened_is_recorded_whole() {
        let bag = bag();
        let tracked = Tracked::new(&bag);
        assert!(tracked.get(&name("request.headers")).is_some());
        assert_eq!(
            listed(&tracked.references()),
            [("request.headers".into(), None, Condition::Exact)]
        );
        tracked.get_key(&name("request.headers"), "host");
        assert_eq!(
            listed(&tracked.references()),
            [("request.headers".into(), Some("host".into()), Condition::Exact)]
        );
    }

    #[test]
    fn of_two_notes_the_last_counts() {
        let mut references = References::new();
        references.record(&name("b"), None, Condition::Absence);
        references.record(&name("a"), Some("k"), Condition::Exact);
        references.record(&name("a"), None, Condition::Exact);
        let mut later = References::new();
        later.record(&name("b"), None, Condition::Exact);
        references.merge(&later);
        assert_eq!(
            listed(&references),
            [
                ("a".into(), None, Condition::Exact),
                ("a".into(), Some("k".into()), Condition::Exact),
                ("b".into(), None, Condition::Exact),
            ]
        );
    }
}
