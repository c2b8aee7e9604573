//! A cache level: shapes, keys, and answers with the generation of the rules that gave them.

use std::collections::HashMap;

use mesh_attributes::{Bag, References};
use mesh_cache_key::{Shape, ShapeId, ShapeTable, key_for};

use crate::mutant::{Mutant, Seen};
use crate::rules::Answer;

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) answer: Answer,
    pub(crate) references: References,
    pub(crate) generation: u64,
}

pub(crate) struct Level {
    mutant: Option<Mutant>,
    shapes: ShapeTable,
    answers: HashMap<Vec<u8>, Stored>,
}

impl Level {
    pub(crate) fn new(mutant: Option<Mutant>) -> Self {
        Self { mutant, shapes: ShapeTable::new(), answers: HashMap::new() }
    }

    pub(crate) fn find(&self, bag: &impl Bag, generation: u64) -> Option<&Stored> {
        self.shapes.iter().find_map(|(id, shape)| {
            let stored = self.answers.get(&self.key(id, shape, bag))?;
            let current =
                stored.generation == generation || self.mutant == Some(Mutant::GenerationIgnored);
            self.shapes.touch(id);
            current.then_some(stored)
        })
    }

    /// Stores an answer to `bag`, unless a newer one is there.
    pub(crate) fn store(&mut self, bag: &impl Bag, stored: Stored, now_ms: u64) {
        let Some(shape) = Shape::of(&stored.references) else {
            return;
        };
        if !shape.agrees(&stored.references, bag) {
            return;
        }
        let Some(id) = self.shapes.learn(shape.clone(), now_ms).id() else {
            return;
        };
        let key = self.key(id, &shape, bag);
        let newer =
            self.answers.get(&key).is_some_and(|known| known.generation > stored.generation);
        if !newer {
            self.answers.insert(key, stored);
        }
    }

    /// Whether no known shape tells the two bags apart.
    pub(crate) fn alike(&self, a: &impl Bag, b: &impl Bag) -> bool {
        self.shapes.iter().all(|(id, shape)| self.key(id, shape, a) == self.key(id, shape, b))
    }

    fn key(&self, id: ShapeId, shape: &Shape, bag: &impl Bag) -> Vec<u8> {
        let mut key = Vec::new();
        let seen = Seen { bag, mutant: self.mutant };
        key_for(id, shape, &seen, &mut key);
        key
    }
}
