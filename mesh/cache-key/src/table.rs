//! The shapes a cache level knows.
//!
//! Clients choose header names, and a rule that reads a key whose name comes from the request, or
//! short-circuits on one, makes a shape for each choice. Every look-up tries every shape, so the
//! table is small and has an overflow rule: the least used shape gives way, at most one a second, and
//! use is forgotten by half at each such change, so that a shape which was busy last week does not
//! hold its place for ever. A flood of new shapes then costs misses of the flood's own requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Shape;

/// How many shapes a table holds.
pub const MAX_SHAPES: usize = 32;

/// How long a full table stays as it is after a shape gave way.
const REPLACE_INTERVAL_MS: u64 = 1000;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Names a shape. Unique in the process and never given to another shape, so that a key which outlives
/// its shape is never found under another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShapeId(u64);

/// The shapes that a cache level knows, [`MAX_SHAPES`] at most.
///
/// Cloning copies a list of pointers; the clones share the counts of use.
#[derive(Debug, Clone, Default)]
pub struct ShapeTable {
    shapes: Vec<Arc<Known>>,
    /// Those of the table that this one succeeds.
    before: Vec<Arc<Known>>,
    replaced_at_ms: Option<u64>,
}

/// What became of a shape that a table was taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// The table had it already.
    Known(ShapeId),
    /// There was room.
    Added(ShapeId),
    /// The least used shape gave way.
    Replaced {
        /// The new shape.
        id: ShapeId,
        /// The shape that is no longer tried; entries under it can no longer be found.
        gone: ShapeId,
    },
    /// The table is full and a shape gave way less than a second ago: do not store the answer.
    Refused,
}

#[derive(Debug)]
struct Known {
    id: ShapeId,
    shape: Shape,
    uses: AtomicU64,
}

impl ShapeId {
    fn unused() -> Self {
        Self(NEXT_ID.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

impl Learned {
    /// The shape's id, unless it was refused.
    pub fn id(self) -> Option<ShapeId> {
        match self {
            Self::Known(id) | Self::Added(id) | Self::Replaced { id, .. } => Some(id),
            Self::Refused => None,
        }
    }
}

impl ShapeTable {
    /// A table that knows no shape.
    pub fn new() -> Self {
        Self::default()
    }

    /// The table of the next generation: it knows no shape yet, but gives those that this one knows the
    /// same ids, so that new answers take the places of old ones.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self { before: self.shapes.clone(), ..Self::default() }
    }

    /// The shapes, most used first as of the last call of [`Self::learn`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ShapeId, &Shape)> {
        self.shapes.iter().map(|known| (known.id, &known.shape))
    }

    /// How many shapes there are.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether no shape is known.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// The id of `shape`, if it is known: what [`Self::learn`] would answer, without writing.
    pub fn find(&self, shape: &Shape) -> Option<ShapeId> {
        self.shapes.iter().find(|known| known.shape == *shape).map(|known| known.id)
    }

    /// Counts a use of the shape: an answer was found under it.
    pub fn touch(&self, id: ShapeId) {
        if let Some(known) = self.shapes.iter().find(|known| known.id == id) {
            known.uses.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes room for `shape` if it is new and there is, or may be made, room. `now_ms` is any clock
    /// that does not go back.
    pub fn learn(&mut self, shape: Shape, now_ms: u64) -> Learned {
        let learned = self.place(shape, now_ms);
        self.shapes.sort_by_key(|known| std::cmp::Reverse(known.uses.load(Ordering::Relaxed)));
        learned
    }

    fn place(&mut self, shape: Shape, now_ms: u64) -> Learned {
        if let Some(id) = self.find(&shape) {
            return Learned::Known(id);
        }
        let before = self.before.iter().find(|known| known.shape == shape).map(|known| known.id);
        let new = |shape| {
            let id = before.unwrap_or_else(ShapeId::unused);
            (id, Arc::new(Known { id, shape, uses: AtomicU64::new(0) }))
        };
        if self.shapes.len() < MAX_SHAPES {
            let (id, known) = new(shape);
            self.shapes.push(known);
            return Learned::Added(id);
        }
        let settled =
            self.replaced_at_ms.is_none_or(|at| now_ms.saturating_sub(at) >= REPLACE_INTERVAL_MS);
        let least = self.shapes.iter_mut().min_by_key(|known| known.uses.load(Ordering::Relaxed));
        let (true, Some(least)) = (settled, least) else {
            return Learned::Refused;
        };
        let (id, known) = new(shape);
        let gone = std::mem::replace(least, known).id;
        for known in &self.shapes {
            known.uses.store(known.uses.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
        }
        self.replaced_at_ms = Some(now_ms);
        Learned::Replaced { id, gone }
    }
}

#[cfg(test)]
mod tests {
    use mesh_attributes::{AttributeName, Condition, References};

    use super::*;

    fn shape(name: &str) -> Shape {
        let mut references = References::new();
        references.record(&AttributeName::new(name), None, Condition::Exact);
        Shape::of(&references).unwrap()
    }

    fn full() -> ShapeTable {
        let mut table = ShapeTable::new();
        for i in 0..MAX_SHAPES {
            assert!(matches!(table.learn(shape(&i.to_string()), 0), Learned::Added(_)));
        }
        table
    }

    fn use_times(table: &ShapeTable, name: &str, times: usize) -> ShapeId {
        let id = table.find(&shape(name)).unwrap();
        (0..times).for_each(|_| table.touch(id));
        id
    }

    #[test]
    fn a_known_shape_keeps_its_id() {
        let mut table = ShapeTable::new();
        let id = table.learn(shape("a"), 0).id().unwrap();
        assert_eq!(table.learn(shape("a"), 0), Learned::Known(id));
        assert_eq!(table.find(&shape("a")), Some(id));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn ids_are_unique_across_tables() {
        let (mut one, mut other) = (ShapeTable::new(), ShapeTable::new());
        assert_ne!(one.learn(shape("a"), 0).id(), other.learn(shape("a"), 0).id());
    }

    #[test]
    fn the_most_used_come_first() {
        let mut table = full();
        let often = use_times(&table, "20", 5);
        let sometimes = use_times(&table, "30", 2);
        table.learn(shape("0"), 0);
        let order: Vec<_> = table.iter().map(|(id, _)| id).collect();
        assert_eq!(order[..2], [often, sometimes]);
    }

    #[test]
    fn the_least_used_gives_way_at_most_once_a_second() {
        let mut table = full();
        for i in 0..MAX_SHAPES {
            use_times(&table, &i.to_string(), if i == 7 { 1 } else { 10 });
        }
        let least = table.find(&shape("7")).unwrap();
        let Learned::Replaced { id, gone } = table.learn(shape("new"), 5000) else {
            panic!("a shape gives way");
        };
        assert_eq!(gone, least);
        assert_eq!(table.find(&shape("7")), None);
        assert_eq!(table.find(&shape("new")), Some(id));
        assert_eq!(table.len(), MAX_SHAPES);
        assert_eq!(table.learn(shape("newer"), 5999), Learned::Refused);
        assert_eq!(table.learn(shape("new"), 5999), Learned::Known(id));
        assert!(matches!(
            table.learn(shape("newer"), 6000),
            Learned::Replaced { gone, .. } if gone == id
        ));
    }

    #[test]
    fn a_shape_that_left_comes_back_under_another_id() {
        let mut table = full();
        let old = table.find(&shape("0"));
        for i in 1..MAX_SHAPES {
            use_times(&table, &i.to_string(), 9);
        }
        table.learn(shape("new"), 1000);
        use_times(&table, "new", 9);
        let back = table.learn(shape("0"), 2000).id();
        assert!(back.is_some());
        assert_ne!(back, old);
    }

    #[test]
    fn use_is_forgotten_by_half_when_a_shape_gives_way() {
        let mut table = full();
        let stale = use_times(&table, "0", 8);
        let mut gone_at = None;
        for second in 1..10 {
            for i in 1..MAX_SHAPES {
                if table.find(&shape(&i.to_string())).is_some() {
                    use_times(&table, &i.to_string(), 4);
                }
            }
            let learned = table.learn(shape(&format!("new{second}")), second * 1000);
            use_times(&table, &format!("new{second}"), 4);
            if matches!(learned, Learned::Replaced { gone, .. } if gone == stale) {
                gone_at = Some(second);
                break;
            }
        }
        assert!(gone_at.is_some());
    }

    #[test]
    fn a_successor_knows_no_shape_and_gives_known_ones_their_old_ids() {
        let mut old = ShapeTable::new();
        let id = old.learn(shape("a"), 0).id();
        let mut next = old.successor();
        assert!(next.is_empty());
        assert_ne!(next.learn(shape("b"), 0).id(), id);
        assert_eq!(next.learn(shape("a"), 0).id(), id);
    }

    #[test]
    fn clones_share_the_counts() {
        let mut table = full();
        let copy = table.clone();
        let id = use_times(&copy, "20", 3);
        table.learn(shape("0"), 0);
        assert_eq!(table.iter().next().map(|(first, _)| first), Some(id));
    }
}
