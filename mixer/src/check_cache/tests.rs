//! The cache alone; what it does within a Mixer is in the modules below.

mod bound;
mod flights;
mod generations;
mod leases;
mod stale;
mod waiting;

use mesh_api::mixer::v1::RouteDirective;
use mesh_attributes::{AttributeBag, AttributeName, Condition, References};

use super::*;
use crate::answer::{EncodedAnswer, Verdict};
use crate::metrics::Metrics;

impl CurrentGenerations for Generation {
    fn generation_of(&self, _namespace: &str) -> Generation {
        *self
    }
}

struct Fixture {
    cache: CheckCache,
    shapes: NamespaceShapes,
    now: Instant,
}

impl Fixture {
    fn new() -> Self {
        Self {
            cache: CheckCache::new(1 << 20, Metrics::new().check_cache),
            shapes: NamespaceShapes::default(),
            now: Instant::now(),
        }
    }

    /// Caches an answer that read `request.path` of a bag with this path.
    fn insert(&self, path: &str, generation: Generation, seconds: u64, uses: i32) -> UseCount {
        let validity = Validity { duration: Duration::from_secs(seconds), uses: UseCount(uses) };
        let new = answer(generation, validity, references(&["request.path"]));
        self.insert_at(path, new, validity, 0).uses
    }

    fn insert_at(
        &self,
        path: &str,
        new: NewAnswer,
        validity: Validity,
        after_seconds: u64,
    ) -> Inserted {
        let now = self.now + Duration::from_secs(after_seconds);
        self.cache.insert(&self.shapes, &bag(path), new, validity, now)
    }

    fn look_up(&self, path: &str, generation: Generation, after_seconds: u64) -> Option<Hit> {
        let now = self.now + Duration::from_secs(after_seconds);
        match self.cache.look_up(&self.shapes, &generation, &bag(path), now) {
            LookUp::Hit(hit) => Some(hit),
            LookUp::Miss(_) => None,
        }
    }
}

/// References to attributes that were there.
fn references(names: &[&str]) -> References {
    let mut references = References::new();
    for name in names {
        references.record(&AttributeName::new(name), None, Condition::Exact);
    }
    references
}

/// An answer that lets requests pass.
fn answer(generation: Generation, validity: Validity, references: References) -> NewAnswer {
    let verdict = Verdict {
        code: 0,
        message: String::new(),
        valid_duration: validity.duration,
        valid_use_count: validity.uses,
        directive: RouteDirective::default(),
        rule: None,
    };
    let encoded = EncodedAnswer::new(&verdict, references);
    NewAnswer { encoded, denied: false, namespace: "ns".into(), generation }
}

fn bag(path: &str) -> AttributeBag {
    AttributeBag::new().with("request.path", path)
}

fn generation(revision: u64) -> Generation {
    Generation { revision, digest: [revision as u8; 16] }
}

#[test]
fn an_answer_is_found_for_an_equal_request_with_the_time_that_remains() {
    let f = Fixture::new();
    f.insert("/a", generation(1), 60, -1);
    let hit = f.look_up("/a", generation(1), 20).unwrap();
    assert_eq!(hit.valid_duration, Duration::from_secs(40));
    assert_eq!(hit.valid_use_count, UseCount(-1));
    assert!(f.look_up("/b", generation(1), 0).is_none());
    assert!(f.look_up("/a", generation(1), 60).is_none());
}

#[test]
fn an_answer_of_another_generation_is_not_seen() {
    let f = Fixture::new();
    f.insert("/a", generation(1), 60, -1);
    assert!(f.look_up("/a", generation(2), 0).is_none());
}

#[test]
fn an_answer_that_was_long_under_way_never_replaces_a_newer_one() {
    let f = Fixture::new();
    f.insert("/a", generation(2), 60, -1);
    f.insert("/a", generation(1), 60, -1);
    assert!(f.look_up("/a", generation(2), 0).is_some());
}

#[test]
fn an_edit_replaces_answers_in_place() {
    let f = Fixture::new();
    for revision in 1..=50 {
        f.insert("/a", generation(revision), 60, -1);
    }
    f.cache.export_size();
    assert_eq!(f.cache.metrics.entries.get(), 1);
}

#[test]
fn what_may_not_be_used_again_is_not_kept() {
    let f = Fixture::new();
    assert_eq!(f.insert("/a", generation(1), 0, 5), UseCount(5));
    f.insert("/b", generation(1), 60, 0);
    assert!(f.look_up("/a", generation(1), 0).is_none());
    assert!(f.look_up("/b", generation(1), 0).is_none());
    assert_eq!(f.cache.metrics.refused.get(), 2);
}

#[test]
fn an_answer_with_a_pattern_reference_is_not_kept() {
    let f = Fixture::new();
    let mut references = References::new();
    references.record(&AttributeName::new("request.path"), None, Condition::Regex);
    let validity = Validity { duration: Duration::from_secs(9), uses: UseCount(3) };
    let new = answer(generation(1), validity, references);
    let inserted = f.cache.insert(&f.shapes, &bag("/a"), new, validity, f.now);
    assert_eq!((inserted.uses, inserted.kept), (UseCount(3), false));
    assert!(f.look_up("/a", generation(1), 0).is_none());
}

#[test]
fn a_cache_without_room_keeps_nothing() {
    let f = Fixture { cache: CheckCache::new(0, Metrics::new().check_cache), ..Fixture::new() };
    f.insert("/a", generation(1), 60, -1);
    f.cache.export_size();
    assert!(f.look_up("/a", generation(1), 0).is_none());
}

#[test]
fn a_denial_is_kept_for_its_own_time() {
    let f = Fixture::new();
    let validity = Validity { duration: Duration::from_secs(5), uses: UseCount(100) };
    let allow = answer(generation(1), validity, references(&["request.path"]));
    f.insert_at("/a", NewAnswer { denied: true, ..allow }, validity, 0);
    assert!(f.look_up("/a", generation(1), 4).is_some_and(|hit| hit.cached.denied()));
    assert!(f.look_up("/a", generation(1), 5).is_none());
}

#[test]
fn an_answer_whose_policy_is_in_force_again_bears_the_newest_revision() {
    let f = Fixture::new();
    f.insert("/a", generation(1), 60, -1);
    let again = Generation { revision: 3, ..generation(1) };
    assert_eq!(f.look_up("/a", again, 0).unwrap().generation, again);
}

#[test]
fn shapes_of_an_older_policy_are_not_tried_and_keep_their_places() {
    let f = Fixture::new();
    f.insert("/a", generation(1), 60, -1);
    let known = Arc::new(f.shapes).of_generation([1; 16]);
    assert!(known.table().is_empty());
    assert!(Arc::ptr_eq(&known, &known.of_generation([1; 16])));
    let validity = Validity { duration: Duration::from_secs(60), uses: UseCount(-1) };
    let new = answer(generation(2), validity, references(&["request.path"]));
    f.cache.insert(&known, &bag("/a"), new, validity, f.now);
    f.cache.export_size();
    assert_eq!(f.cache.metrics.entries.get(), 1, "the new answer takes the old one's place");
}

#[test]
fn a_flood_of_shapes_is_bounded_and_counted() {
    let f = Fixture::new();
    let validity = Validity { duration: Duration::from_secs(60), uses: UseCount(-1) };
    for number in 0..100 {
        let name = format!("flood{number}");
        let new = answer(generation(1), validity, references(&[&name]));
        let bag = AttributeBag::new().with(&name, "x");
        f.cache.insert(&f.shapes, &bag, new, validity, f.now);
    }
    let known = mesh_cache_key::MAX_SHAPES;
    assert_eq!(f.shapes.table().len(), known);
    let metrics = &f.cache.metrics;
    let (refused, replaced) = (metrics.shapes_refused.get(), metrics.shapes_replaced.get());
    assert_eq!(refused + replaced, 100 - known as u64);
    assert!(replaced >= 1);
    assert_eq!(metrics.refused.get(), refused);
}
