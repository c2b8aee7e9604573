use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use mesh_attributes::{AttributeBag, AttributeName, Condition, References};
use proptest::prelude::*;

use super::*;
use crate::check::{Answer, Denial, Verdict};
use crate::generations::{Digest, Generation, Generations, NamespaceId, Standing};
use crate::host::Moment;

const START: Moment = Moment(1_000_000_000_000);

fn generation(revision: u64) -> Generation {
    Generation { revision, digest: Digest(u128::from(revision).to_be_bytes()) }
}

fn deny(message: &str) -> Verdict {
    Verdict::Deny(Rc::new(Denial::new(7, message)))
}

fn is_denied(found: &LookUp) -> bool {
    matches!(found, LookUp::Hit(Verdict::Deny(_)))
}

fn is_hit(found: &LookUp) -> bool {
    matches!(found, LookUp::Hit(_))
}

/// A cache, what is known of policy, and a clock.
struct Fixture {
    l1: L1,
    generations: Generations,
    namespace: NamespaceId,
    validity: Validity,
}

impl Fixture {
    fn new() -> Self {
        let generations = Generations::default();
        let Standing::Current(namespace) = generations.judge("default", generation(1), START)
        else {
            panic!("the first generation is current");
        };
        let validity = Validity {
            now: START,
            dead_since: None,
            max_stale: Duration::from_secs(5),
            serve_stale: Duration::ZERO,
        };
        Self { l1: L1::new(100, 1 << 20), generations, namespace, validity }
    }

    fn pass(&mut self, time: Duration) {
        self.validity.now = self.validity.now.plus(time);
    }

    fn look_up(&mut self, bag: &AttributeBag) -> LookUp {
        let policies = self.generations.snapshot().load();
        self.l1.look_up(Some(self.namespace), bag, &policies, &self.validity)
    }

    fn look_up_stale(&mut self, bag: &AttributeBag) -> bool {
        let policies = self.generations.snapshot().load();
        let found = self.l1.look_up_stale(Some(self.namespace), bag, &policies, &self.validity);
        found.is_some_and(|verdict| verdict.is_allow())
    }

    fn store(&mut self, answer: &Answer, bag: &AttributeBag) -> Stored {
        self.store_of(generation(1), answer, bag)
    }

    fn store_of(&mut self, of: Generation, answer: &Answer, bag: &AttributeBag) -> Stored {
        self.l1.store(answer, Some((self.namespace, of)), bag, self.validity.now)
    }
}

fn answer(verdict: Verdict, references: &[(&str, Option<&str>, Condition)]) -> Answer {
    let mut list = References::new();
    for (name, key, condition) in references {
        list.record(&AttributeName::new(name), *key, *condition);
    }
    Answer {
        verdict,
        lifetime: Some(Duration::from_secs(60)),
        uses: None,
        references: Some(list),
        grants: Vec::new(),
        refused_operations: 0,
    }
}

fn on_path(verdict: Verdict) -> Answer {
    answer(verdict, &[("request.path", None, Condition::Exact)])
}

fn path(path: &str) -> AttributeBag {
    AttributeBag::new().with("request.path", path)
}

#[test]
fn an_answer_is_found_by_requests_that_agree_on_what_it_referenced_and_by_no_others() {
    let mut fixture = Fixture::new();
    assert!(!is_hit(&fixture.look_up(&path("/a"))));
    assert_eq!(fixture.store(&on_path(deny("no")), &path("/a")), Stored::Kept { evicted: 0 });
    assert!(is_denied(&fixture.look_up(&path("/a"))));
    assert!(is_denied(&fixture.look_up(&path("/a").with("request.method", "GET"))));
    assert!(!is_hit(&fixture.look_up(&path("/b"))));
    assert!(!is_hit(&fixture.look_up(&AttributeBag::new())));
}

#[test]
fn an_absent_key_is_neither_an_absent_map_nor_an_empty_value() {
    let mut fixture = Fixture::new();
    let key_absent = answer(Verdict::Allow, &[("request.headers", Some("x"), Condition::Absence)]);
    let none = AttributeBag::new().with("request.headers", [("y", "1")]);
    fixture.store(&key_absent, &none);
    assert!(is_hit(&fixture.look_up(&none)));
    assert!(!is_hit(&fixture.look_up(&AttributeBag::new())));
    let empty = AttributeBag::new().with("request.headers", [("x", "")]);
    assert!(!is_hit(&fixture.look_up(&empty)));
}

#[test]
fn an_answer_whose_references_do_not_hold_in_the_request_is_not_kept() {
    let mut fixture = Fixture::new();
    let foreign = answer(Verdict::Allow, &[("request.path", None, Condition::Absence)]);
    assert_eq!(fixture.store(&foreign, &path("/a")), Stored::Uncacheable);
    let pattern = answer(Verdict::Allow, &[("request.path", None, Condition::Regex)]);
    assert_eq!(fixture.store(&pattern, &path("/a")), Stored::Uncacheable);
    let unknown = Answer { references: None, ..on_path(Verdict::Allow) };
    assert_eq!(fixture.store(&unknown, &path("/a")), Stored::Uncacheable);
}

#[test]
fn an_answer_without_lifetime_or_uses_is_not_kept() {
    let mut fixture = Fixture::new();
    let used_up = Answer { uses: Some(0), ..on_path(Verdict::Allow) };
    assert_eq!(fixture.store(&used_up, &path("/a")), Stored::Uncacheable);
    let expired = Answer { lifetime: Some(Duration::ZERO), ..on_path(Verdict::Allow) };
    assert_eq!(fixture.store(&expired, &path("/a")), Stored::Uncacheable);
}

#[test]
fn an_answer_is_used_as_often_as_it_says_and_no_longer_than_it_says() {
    let mut fixture = Fixture::new();
    fixture.store(&Answer { uses: Some(2), ..on_path(Verdict::Allow) }, &path("/a"));
    assert!(is_hit(&fixture.look_up(&path("/a"))));
    assert!(is_hit(&fixture.look_up(&path("/a"))));
    assert!(!is_hit(&fixture.look_up(&path("/a"))));

    fixture.store(&on_path(Verdict::Allow), &path("/a"));
    fixture.pass(Duration::from_secs(60) - Duration::from_nanos(1));
    assert!(is_hit(&fixture.look_up(&path("/a"))));
    fixture.pass(Duration::from_nanos(1));
    assert!(!is_hit(&fixture.look_up(&path("/a"))));
    assert_eq!(fixture.l1.sizes().1, 0, "a spent entry is dropped when it is found");
}

#[test]
fn a_newer_generation_makes_answers_worthless_and_an_equal_digest_does_not() {
    let mut fixture = Fixture::new();
    fixture.store(&on_path(Verdict::Allow), &path("/a"));
    let same = Generation { revision: 9, ..generation(1) };
    fixture.generations.judge("default", same, START);
    assert!(is_hit(&fixture.look_up(&path("/a"))));
    fixture.generations.judge("default", generation(10), START);
    assert!(!is_hit(&fixture.look_up(&path("/a"))));
}

#[test]
fn the_generation_of_another_namespace_changes_nothing() {
    let mut fixture = Fixture::new();
    fixture.store(&on_path(Verdict::Allow), &path("/a"));
    fixture.generations.judge("other", generation(7), START);
    fixture.generations.judge("other", generation(8), START);
    assert!(is_hit(&fixture.look_up(&path("/a"))));
}

#[test]
fn shapes_of_an_older_generation_are_forgotten() {
    let mut fixture = Fixture::new();
    fixture.store(&on_path(Verdict::Allow), &path("/a"));
    fixture.store(&answer(Verdict::Allow, &[]), &path("/a"));
    assert_eq!(fixture.l1.sizes().0, 2);
    fixture.generations.judge("default", generation(2), START);
    fixture.store_of(generation(2), &on_path(Verdict::Allow), &path("/a"));
    assert_eq!(fixture.l1.sizes().0, 1);
    assert!(is_hit(&fixture.look_up(&path("/a"))));
}

#[test]
fn while_the_watch_is_dead_answers_count_for_a_short_time_from_its_death_or_their_own_birth() {
    let mut fixture = Fixture::new();
    fixture.store(&on_path(deny("no")), &path("/before"));
    fixture.pass(Duration::from_secs(10));
    fixture.validity.dead_since = Some(fixture.validity.now);
    fixture.pass(Duration::from_secs(2));
    fixture.store(&on_path(Verdict::Allow), &path("/after"));
    fixture.pass(Duration::from_millis(2999));
    assert!(is_denied(&fixture.look_up(&path("/before"))));
    fixture.pass(Duration::from_millis(1));
    assert!(!is_hit(&fixture.look_up(&path("/before"))));
    assert!(is_hit(&fixture.look_up(&path("/after"))));
    fixture.pass(Duration::from_secs(2));
    assert!(!is_hit(&fixture.look_up(&path("/after"))));

    fixture.validity.dead_since = None;
    assert!(is_hit(&fixture.look_up(&path("/before"))), "the watch is back: lifetimes hold again");
    assert!(is_hit(&fixture.look_up(&path("/after"))));
}

#[test]
fn stale_allows_serve_for_their_time_and_stale_denials_never() {
    let mut fixture = Fixture::new();
    fixture.validity.serve_stale = Duration::from_secs(30);
    fixture.store(&on_path(Verdict::Allow), &path("/allowed"));
    fixture.store(&on_path(deny("no")), &path("/denied"));
    fixture.pass(Duration::from_secs(61));
    assert!(!is_hit(&fixture.look_up(&path("/allowed"))));
    assert!(fixture.look_up_stale(&path("/allowed")));
    assert!(!fixture.look_up_stale(&path("/denied")));
    assert!(!fixture.look_up_stale(&path("/unknown")));
    fixture.pass(Duration::from_secs(29));
    assert!(!fixture.look_up_stale(&path("/allowed")));
}

#[test]
fn allows_that_the_dead_watch_suspends_serve_stale_from_then_on() {
    let mut fixture = Fixture::new();
    fixture.validity.serve_stale = Duration::from_secs(30);
    fixture.store(&on_path(Verdict::Allow), &path("/a"));
    fixture.validity.dead_since = Some(fixture.validity.now);
    fixture.pass(Duration::from_secs(34));
    assert!(!is_hit(&fixture.look_up(&path("/a"))));
    assert!(fixture.look_up_stale(&path("/a")));
    fixture.pass(Duration::from_secs(1));
    assert!(!fixture.look_up_stale(&path("/a")));
}

#[test]
fn a_stale_allow_of_an_older_generation_never_serves() {
    let mut fixture = Fixture::new();
    fixture.validity.serve_stale = Duration::from_secs(30);
    fixture.store(&on_path(Verdict::Allow), &path("/a"));
    fixture.pass(Duration::from_secs(61));
    fixture.generations.judge("default", generation(2), START);
    assert!(!fixture.look_up_stale(&path("/a")));
}

#[test]
fn fingerprints_agree_exactly_when_the_known_shapes_see_no_difference() {
    let mut fixture = Fixture::new();
    let fingerprint = |fixture: &mut Fixture, bag: &AttributeBag| match fixture.look_up(bag) {
        LookUp::Miss(fingerprint) => fingerprint,
        LookUp::Hit(_) => panic!("nothing of the kind is stored"),
    };
    assert_eq!(fingerprint(&mut fixture, &path("/a")), fingerprint(&mut fixture, &path("/b")));
    fixture.store(&on_path(Verdict::Allow), &path("/seen"));
    assert_ne!(fingerprint(&mut fixture, &path("/a")), fingerprint(&mut fixture, &path("/b")));
    let with_method = path("/a").with("request.method", "GET");
    assert_eq!(fingerprint(&mut fixture, &path("/a")), fingerprint(&mut fixture, &with_method));
}

#[test]
fn a_denial_counts_with_its_message() {
    let mut fixture = Fixture::new();
    fixture.store(&on_path(Verdict::Allow), &path("/a"));
    let small = fixture.l1.sizes().2;
    fixture.store(&on_path(deny(&"x".repeat(10_000))), &path("/b"));
    assert!(fixture.l1.sizes().2 >= small + 20_000);
}

#[test]
fn a_smaller_limit_takes_effect_at_once() {
    let mut lru = Lru::new(10, 1 << 20);
    for number in 0u8..10 {
        lru.insert(hash_key(&[number]), &[number], number, 0);
    }
    lru.resize(3, 1 << 20);
    assert_eq!(lru.len(), 3);
    assert_eq!(lru.get(hash_key(&[9]), &[9]), Some(&mut 9));
    assert_eq!(lru.get(hash_key(&[6]), &[6]), None);
}

#[derive(Debug, Clone)]
enum Step {
    Insert { key: u8, value: u32, cost: usize },
    Get { key: u8 },
    Remove { key: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0u8..24;
    let step = prop_oneof![
        (key.clone(), any::<u32>(), 0usize..400).prop_map(|(key, value, cost)| Step::Insert {
            key,
            value,
            cost
        }),
        key.clone().prop_map(|key| Step::Get { key }),
        key.prop_map(|key| Step::Remove { key }),
    ];
    proptest::collection::vec(step, 0..200)
}

/// What an LRU is by definition: a list, most recently used first.
#[derive(Default)]
struct Model {
    entries: VecDeque<(Vec<u8>, u32, usize)>,
}

impl Model {
    fn take(&mut self, key: &[u8]) -> Option<(Vec<u8>, u32, usize)> {
        let at = self.entries.iter().position(|(known, _, _)| known == key)?;
        self.entries.remove(at)
    }

    fn bytes(&self, overhead: usize) -> usize {
        self.entries.iter().map(|(key, _, cost)| key.len() + cost + overhead).sum()
    }
}

proptest! {
    #[test]
    fn the_cache_does_what_a_list_does(
        steps in steps(),
        max_entries in 1usize..12,
        max_bytes in 200usize..3000,
        same_hash in any::<bool>(),
    ) {
        let mut lru = Lru::new(max_entries, max_bytes);
        let mut model = Model::default();
        let key_of = |key: u8| vec![key; usize::from(key) % 7 + 1];
        // With one hash for all, every look-up runs into every other key.
        let hash_of = |key: &[u8]| if same_hash { 7 } else { hash_key(key) };
        let mut probe = Lru::new(1, usize::MAX);
        probe.insert(0, &[], (), 0);
        let overhead = probe.bytes();
        for step in steps {
            match step {
                Step::Insert { key, value, cost } => {
                    let key = key_of(key);
                    model.take(&key);
                    let mut evicted = 0;
                    if key.len() + cost + overhead <= max_bytes {
                        model.entries.push_front((key.clone(), value, cost));
                        while model.entries.len() > max_entries || model.bytes(overhead) > max_bytes {
                            model.entries.pop_back();
                            evicted += 1;
                        }
                    }
                    prop_assert_eq!(lru.insert(hash_of(&key), &key, value, cost), evicted);
                }
                Step::Get { key } => {
                    let key = key_of(key);
                    let expected = model.take(&key);
                    let value = expected.as_ref().map(|(_, value, _)| *value);
                    if let Some(entry) = expected {
                        model.entries.push_front(entry);
                    }
                    prop_assert_eq!(lru.get(hash_of(&key), &key).copied(), value);
                }
                Step::Remove { key } => {
                    let key = key_of(key);
                    let expected = model.take(&key).map(|(_, value, _)| value);
                    prop_assert_eq!(lru.remove(hash_of(&key), &key), expected);
                }
            }
            prop_assert_eq!(lru.len(), model.entries.len());
            prop_assert_eq!(lru.bytes(), model.bytes(overhead));
        }
    }
}
