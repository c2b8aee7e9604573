use tempfile::TempDir;

use super::*;
use crate::check::CacheLevel;
use crate::fixture::{Fixture as MixerFixture, MANIFEST, built_adapters};

const WINDOW: Duration = Duration::from_secs(30);

fn fixture() -> Fixture {
    let cache = CheckCache::new(1 << 20, Metrics::new().check_cache).with_stale_window(WINDOW);
    Fixture { cache, ..Fixture::new() }
}

impl Fixture {
    fn look_up_stale(&self, path: &str, generation: Generation, after_seconds: u64) -> Option<Hit> {
        let now = self.now + Duration::from_secs(after_seconds);
        self.cache.look_up_stale(&self.shapes, &generation, &bag(path), now)
    }
}

#[test]
fn an_answer_is_served_stale_within_the_window_for_a_moment_and_a_few_times() {
    let f = fixture();
    f.insert("/a", generation(1), 60, -1);
    assert!(f.look_up_stale("/a", generation(1), 59).is_none(), "it still holds");
    assert!(f.look_up("/a", generation(1), 60).is_none());
    let hit = f.look_up_stale("/a", generation(1), 60).unwrap();
    assert_eq!(hit.valid_duration, STALE_LIFETIME);
    assert_eq!(hit.valid_use_count, UseCount(STALE_USES - 1));
    let last = f.now + Duration::from_millis(89_500);
    let hit = f.cache.look_up_stale(&f.shapes, &generation(1), &bag("/a"), last).unwrap();
    assert_eq!(hit.valid_duration, Duration::from_millis(500));
    assert!(f.look_up_stale("/a", generation(1), 90).is_none());
    assert!(f.look_up_stale("/b", generation(1), 60).is_none());
    assert_eq!(f.cache.metrics.stale.get(), 2);
}

#[test]
fn nothing_is_served_stale_unless_it_is_asked_for() {
    let f = Fixture::new();
    f.insert("/a", generation(1), 60, -1);
    assert!(f.look_up_stale("/a", generation(1), 60).is_none());
}

#[test]
fn an_answer_of_another_generation_is_not_served_stale() {
    let f = fixture();
    f.insert("/a", generation(1), 60, -1);
    assert!(f.look_up_stale("/a", generation(2), 60).is_none());
}

#[test]
fn stale_uses_count_and_spent_ones_stay_spent() {
    let f = fixture();
    let mut used = f.insert("/a", generation(1), 60, 100).0;
    while let Some(hit) = f.look_up_stale("/a", generation(1), 60) {
        assert!(hit.valid_use_count.0 < STALE_USES);
        used += 1 + hit.valid_use_count.0;
    }
    assert_eq!(used, 100);
}

#[test]
fn a_denial_that_cannot_be_kept_ends_what_would_let_the_request_pass() {
    for seconds in [0, 5] {
        let f = fixture();
        f.insert("/a", generation(1), 60, -1);
        f.insert("/b", generation(1), 60, -1);
        // It came to its verdict by other attributes than the allow.
        let validity = Validity { duration: Duration::from_secs(seconds), uses: UseCount(-1) };
        let new = answer(generation(1), validity, References::new());
        f.insert_at("/a", NewAnswer { denied: true, ..new }, validity, 61);
        let later = f.look_up_stale("/a", generation(1), 70);
        assert!(later.is_none_or(|hit| hit.cached.denied()));
        if seconds == 0 {
            assert!(f.look_up_stale("/b", generation(1), 70).is_some());
        }
    }
}

#[test]
fn of_two_stale_answers_the_newer_counts() {
    let f = fixture();
    let validity = Validity { duration: Duration::from_secs(5), uses: UseCount(-1) };
    let new = |names: &[&str]| answer(generation(1), validity, references(names));
    let denial = NewAnswer { denied: true, ..new(&[]) };
    f.insert_at("/a", denial, validity, 0);
    f.insert_at("/a", new(&["request.path"]), validity, 6);
    assert!(!f.look_up_stale("/a", generation(1), 20).unwrap().cached.denied());
}

const RULES: &str = r#"
kind: handler
metadata: { name: brief, namespace: a }
spec: { compiledAdapter: denier, params: { status: { code: 0 }, validDuration: 20ms } }
---
kind: instance
metadata: { name: nothing, namespace: a }
spec: { compiledTemplate: checknothing }
---
kind: handler
metadata: { name: backend, namespace: a }
spec: { compiledAdapter: listchecker }
---
kind: instance
metadata: { name: path, namespace: a }
spec: { compiledTemplate: listentry, params: { value: request.path } }
---
kind: rule
metadata: { name: check, namespace: a }
spec:
  actions:
  - { handler: brief, instances: [ nothing ] }
  - { handler: backend, instances: [ path ] }
"#;

/// Adapters among which the list crashes when it is handed `crash`.
fn adapters() -> TempDir {
    let built = built_adapters();
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [("denier", "denier"), ("testing/trap", "list")] {
        let (from, to) = (built.join(from), folder.path().join(to));
        std::fs::copy(from.with_extension("wasm"), to.with_extension("wasm")).unwrap();
    }
    folder
}

#[tokio::test]
async fn while_an_adapter_is_away_mixer_answers_as_it_did_before() {
    for window in [WINDOW, Duration::ZERO] {
        let adapters = adapters();
        let mut f = MixerFixture::with(adapters.path(), 1 << 20, &[MANIFEST, RULES]).await;
        assert_eq!(f.problems(), [""; 0]);
        f.mixer = f.mixer.with_stale_window(window);
        let bag = |path: &str| bag(path).with("destination.namespace", "a");
        // Five crashes in a row and the adapter is not asked any more, whatever the request; a second
        // later it is tried again, so that a slow test begins anew.
        let (answer, level) = loop {
            let (_, level) = f.ask(&bag("fine"), &[]).await;
            if level != CacheLevel::Miss {
                continue;
            }
            for _ in 0..5 {
                let (answer, _) = f.ask(&bag("crash"), &[]).await;
                assert_eq!(answer.precondition.unwrap().status.unwrap().code, 14);
            }
            let (answer, level) = loop {
                let (answer, level) = f.ask(&bag("fine"), &[]).await;
                if level != CacheLevel::L2 {
                    break (answer.precondition.unwrap(), level);
                }
                // Each look takes an eighth of the uses left.
                tokio::time::sleep(Duration::from_millis(2)).await;
            };
            if level == CacheLevel::Stale || answer.status.as_ref().unwrap().code != 0 {
                break (answer, level);
            }
        };
        let metrics = &f.mixer.metrics().check_cache;
        if window.is_zero() {
            assert_eq!((answer.status.unwrap().code, level), (14, CacheLevel::Miss));
            assert_eq!(metrics.stale.get(), 0);
        } else {
            assert_eq!((answer.status.unwrap().code, level), (0, CacheLevel::Stale));
            assert_eq!(answer.valid_duration.unwrap().seconds, 1);
            assert!(answer.valid_use_count < STALE_USES);
            assert!(metrics.stale.get() > 0);
        }
    }
}
