use std::time::Duration;

use mesh_attributes::Bag;
use mesh_cache_key::{Shape, ShapeTable, key_for};

use super::entry::{Entry, Usability, expiry};
use super::lru::{Lru, hash_key};
use crate::check::{Answer, Verdict};
use crate::generations::{Generation, NamespaceId, Snapshot};
use crate::host::Moment;

/// The kept answers of one worker and the shapes they are found by.
#[derive(Debug)]
pub struct L1 {
    entries: Lru<Entry>,
    shapes: Vec<Shapes>,
    /// Where keys are written; kept for its memory.
    key: Vec<u8>,
}

/// The shapes of one namespace's answers.
#[derive(Debug, Default)]
struct Shapes {
    generation: Option<Generation>,
    table: ShapeTable,
}

/// What a look-up needs to know about the time.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    /// The time.
    pub now: Moment,
    /// Since when the watch is dead, if it is.
    pub dead_since: Option<Moment>,
    /// How long answers count without a watch.
    pub max_stale: Duration,
    /// How long past their lifetime allows count while Mixer is away.
    pub serve_stale: Duration,
}

/// What a look-up found.
#[derive(Debug)]
pub enum LookUp {
    /// A verdict, and one use of it spent.
    Hit(Verdict),
    /// Nothing; requests with equal fingerprints would have found the same entries.
    Miss(Fingerprint),
}

/// What a request looks like under all shapes known for its destination. Equal fingerprints may
/// deceive, so they only decide who waits for whom, never who gets what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

/// What became of an answer that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is kept, and so many others had to go.
    Kept {
        /// How many.
        evicted: usize,
    },
    /// It may not be reused, by its own terms or because what it depends on cannot be told.
    Uncacheable,
}

impl L1 {
    /// An empty cache of at most so many entries and bytes.
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { entries: Lru::new(max_entries, max_bytes), shapes: Vec::new(), key: Vec::new() }
    }

    /// Looks for a verdict on `bag`, whose destination belongs to `namespace`. Costs a key and a hash
    /// for each shape that is tried; allocates nothing once the key's memory has grown.
    pub fn look_up<B: Bag>(
        &mut self,
        namespace: Option<NamespaceId>,
        bag: &B,
        policies: &Snapshot,
        validity: &Validity,
    ) -> LookUp {
        self.find(namespace, bag, |entry| match entry.usability(policies, validity) {
            Usability::Usable => {
                if let Some(uses) = &mut entry.uses {
                    *uses -= 1;
                }
                Found::Use
            }
            Usability::Stale | Usability::Suspended => Found::Pass,
            Usability::Spent => Found::Drop,
        })
    }

    /// Looks for an allow that is past its lifetime by no more than may be, now that Mixer is away.
    pub fn look_up_stale<B: Bag>(
        &mut self,
        namespace: Option<NamespaceId>,
        bag: &B,
        policies: &Snapshot,
        validity: &Validity,
    ) -> Option<Verdict> {
        let found = self.find(namespace, bag, |entry| {
            let usability = entry.usability(policies, validity);
            if usability == Usability::Stale { Found::Use } else { Found::Pass }
        });
        match found {
            LookUp::Hit(verdict) => Some(verdict),
            LookUp::Miss(_) => None,
        }
    }

    /// Keeps an answer given to `bag` by the policy `policy`, if it may be kept.
    pub fn store<B: Bag>(
        &mut self,
        answer: &Answer,
        policy: Option<(NamespaceId, Generation)>,
        bag: &B,
        now: Moment,
    ) -> Stored {
        let reusable =
            answer.uses != Some(0) && answer.lifetime.is_none_or(|time| time > Duration::ZERO);
        let shape = answer.references.as_ref().filter(|_| reusable).and_then(|references| {
            Shape::of(references).filter(|shape| shape.agrees(references, bag))
        });
        let Some(shape) = shape else { return Stored::Uncacheable };
        let shapes = shapes_of(&mut self.shapes, policy.map(|(namespace, _)| namespace));
        if shapes.generation != policy.map(|(_, generation)| generation) {
            // What was known is of an older policy, whose entries are worth nothing now; its shapes
            // would only slow look-ups down.
            let same_policy = shapes.generation.map(|known| known.digest)
                == policy.map(|(_, generation)| generation.digest);
            if !same_policy {
                shapes.table = ShapeTable::new();
            }
            shapes.generation = policy.map(|(_, generation)| generation);
        }
        let Some(id) = shapes.table.learn(shape.clone(), now.as_millis()).id() else {
            return Stored::Uncacheable;
        };
        key_for(id, &shape, bag, &mut self.key);
        let entry = Entry {
            verdict: answer.verdict.clone(),
            policy: policy.map(|(namespace, generation)| (namespace, generation.digest)),
            stored: now,
            expires: expiry(now, answer.lifetime),
            uses: answer.uses,
        };
        let cost = entry.cost();
        let evicted = self.entries.insert(hash_key(&self.key), &self.key, entry, cost);
        Stored::Kept { evicted }
    }

    /// Changes what may be kept; what is too much goes at once.
    pub fn resize(&mut self, max_entries: usize, max_bytes: usize) {
        self.entries.resize(max_entries, max_bytes);
    }

    /// How many shapes, entries and bytes there are.
    pub fn sizes(&self) -> (usize, usize, usize) {
        let shapes = self.shapes.iter().map(|shapes| shapes.table.len()).sum();
        (shapes, self.entries.len(), self.entries.bytes())
    }

    fn find<B: Bag>(
        &mut self,
        namespace: Option<NamespaceId>,
        bag: &B,
        mut judge: impl FnMut(&mut Entry) -> Found,
    ) -> LookUp {
        let mut fingerprint = 0u64;
        let Some(Shapes { table, .. }) = self.shapes.get(position(namespace)) else {
            return LookUp::Miss(Fingerprint(fingerprint));
        };
        for (id, shape) in table.iter() {
            key_for(id, shape, bag, &mut self.key);
            let hash = hash_key(&self.key);
            if let Some(entry) = self.entries.get(hash, &self.key) {
                match judge(entry) {
                    Found::Use => {
                        let verdict = entry.verdict.clone();
                        table.touch(id);
                        return LookUp::Hit(verdict);
                    }
                    Found::Pass => {}
                    Found::Drop => {
                        self.entries.remove(hash, &self.key);
                    }
                }
            }
            fingerprint = fingerprint.rotate_left(5) ^ hash;
        }
        LookUp::Miss(Fingerprint(fingerprint))
    }
}

/// What to do with an entry that was found.
enum Found {
    Use,
    Pass,
    Drop,
}

fn shapes_of(shapes: &mut Vec<Shapes>, namespace: Option<NamespaceId>) -> &mut Shapes {
    let position = position(namespace);
    if shapes.len() <= position {
        shapes.resize_with(position + 1, Shapes::default);
    }
    &mut shapes[position]
}

/// Where the shapes of a namespace stand; 0 is for answers that name none.
fn position(namespace: Option<NamespaceId>) -> usize {
    namespace.map_or(0, |namespace| namespace.index() + 1)
}
