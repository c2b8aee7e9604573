use mesh_api::mixer::v1::RouteDirective;
use mesh_attributes::{AttributeBag, AttributeName, Condition, References};

use super::*;
use crate::answer::Verdict;

impl CurrentGenerations for Generation {
    fn digest_of(&self, _namespace: &str) -> [u8; 16] {
        self.digest
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
            cache: CheckCache::new(1 << 20, Metrics::new()),
            shapes: NamespaceShapes::default(),
            now: Instant::now(),
        }
    }

    /// Caches an answer that read `request.path` of a bag with this path.
    fn insert(&self, path: &str, generation: Generation, seconds: u64, uses: i32) -> UseCount {
        let mut references = References::new();
        references.record(&AttributeName::new("request.path"), None, Condition::Exact);
        let validity = Validity { duration: Duration::from_secs(seconds), uses: UseCount(uses) };
        let new = answer(generation, validity, references);
        self.cache.insert(&self.shapes, &bag(path), new, validity, self.now).1
    }

    fn look_up(&self, path: &str, generation: Generation, after_seconds: u64) -> Option<Hit> {
        let now = self.now + Duration::from_secs(after_seconds);
        self.cache.look_up(&self.shapes, &generation, &bag(path), now)
    }
}

/// An answer that lets requests pass.
fn answer(generation: Generation, validity: Validity, references: References) -> NewAnswer {
    let verdict = Verdict {
        code: 0,
        message: String::new(),
        valid_duration: validity.duration,
        valid_use_count: validity.uses,
        directive: RouteDirective::default(),
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
    assert_eq!(f.cache.metrics.check_cache_entries.get(), 1);
}

#[test]
fn all_sidecars_together_never_use_an_answer_more_often_than_allowed() {
    for allowed in [1, 2, 7, 8, 9, 100, 10_000] {
        let f = Fixture::new();
        let mut used = i64::from(f.insert("/a", generation(1), 60, allowed).0);
        while let Some(hit) = f.look_up("/a", generation(1), 0) {
            used += 1 + i64::from(hit.valid_use_count.0);
        }
        assert_eq!(used, i64::from(allowed));
    }
}

#[test]
fn what_may_not_be_used_again_is_not_kept() {
    let f = Fixture::new();
    assert_eq!(f.insert("/a", generation(1), 0, 5), UseCount(5));
    f.insert("/b", generation(1), 60, 0);
    assert!(f.look_up("/a", generation(1), 0).is_none());
    assert!(f.look_up("/b", generation(1), 0).is_none());
    assert_eq!(f.cache.metrics.check_uncacheable.get(), 2);
}

#[test]
fn an_answer_with_a_pattern_reference_is_not_kept() {
    let f = Fixture::new();
    let mut references = References::new();
    references.record(&AttributeName::new("request.path"), None, Condition::Regex);
    let validity = Validity { duration: Duration::from_secs(9), uses: UseCount(3) };
    let new = answer(generation(1), validity, references);
    let (_, uses) = f.cache.insert(&f.shapes, &bag("/a"), new, validity, f.now);
    assert_eq!(uses, UseCount(3));
    assert!(f.look_up("/a", generation(1), 0).is_none());
}

#[test]
fn a_cache_without_room_keeps_nothing() {
    let f = Fixture { cache: CheckCache::new(0, Metrics::new()), ..Fixture::new() };
    f.insert("/a", generation(1), 60, -1);
    f.cache.export_size();
    assert!(f.look_up("/a", generation(1), 0).is_none());
}
