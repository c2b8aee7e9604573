//! Which policy an answer is by, when policies follow one another within a Mixer.

use std::pin::pin;

use futures_util::poll;

use super::*;
use crate::check::{CacheLevel, Caller};
use crate::fixture::{Fixture, MANIFEST};
use crate::shedding::{Limits, RequestKind, SheddingMode, SheddingOptions};

fn rule(path: &str) -> String {
    format!(
        "
kind: handler
metadata: {{ name: no, namespace: a }}
spec: {{ compiledAdapter: denier, params: {{ status: {{ code: 7, message: closed }} }} }}
---
kind: instance
metadata: {{ name: nothing, namespace: a }}
spec: {{ compiledTemplate: checknothing }}
---
kind: rule
metadata: {{ name: deny, namespace: a }}
spec:
  match: request.path == \"{path}\"
  actions: [ {{ handler: no, instances: [ nothing ] }} ]
"
    )
}

#[tokio::test]
async fn an_edit_counts_as_newer_whatever_revision_its_source_gives_it() {
    let mut f = Fixture::new(&[MANIFEST, &rule("/x")]).await;
    for revision in [500, 500, 499, 3, 501, 502] {
        let before = f.generation("a");
        let path = if f.code("a", "/x").await == 7 { "/y" } else { "/x" };
        f.edit_at(revision, &[MANIFEST, &rule(path)]).await;
        assert!(f.generation("a").is_newer_than(&before), "revision {revision} after {before}");
        assert_eq!(f.code("a", path).await, 7);
        // What changed nothing is no other generation, and no older one.
        let now = f.generation("a");
        f.edit_at(revision, &[MANIFEST, &rule(path)]).await;
        assert_eq!(f.generation("a"), now);
    }
}

#[tokio::test]
async fn a_rule_that_is_deleted_counts_as_newer_than_it_even_by_an_older_revision() {
    let mut f = Fixture::new(&[MANIFEST, &rule("/x")]).await;
    f.edit_at(1000, &[MANIFEST, &rule("/y")]).await;
    let before = f.generation("a");
    assert_eq!(f.code("a", "/y").await, 7);
    f.edit_at(10, &[MANIFEST]).await;
    assert!(f.generation("a").is_newer_than(&before));
    assert_eq!(f.code("a", "/y").await, 0);
}

#[tokio::test]
async fn a_policy_that_comes_back_finds_its_answers_and_they_count_as_new() {
    let mut f = Fixture::new(&[MANIFEST, &rule("/x")]).await;
    assert_eq!(f.code("a", "/free").await, 0);
    f.edit(&[MANIFEST, &rule("/free")]).await;
    let between = f.generation("a");
    f.edit(&[MANIFEST, &rule("/x")]).await;
    let mut request = Vec::new();
    let bag = bag("/free").with("destination.namespace", "a");
    mesh_attributes::wire::encode_check_request(&bag, "", &[], &mut request);
    let caller = Caller { knows: Some(between), ..Caller::default() };
    let answer = f.mixer.check(&request, &caller).await.unwrap();
    assert_eq!(answer.cache, CacheLevel::Miss, "the shapes of the older policy are not tried");
    let answer = f.mixer.check(&request, &caller).await.unwrap();
    assert_eq!(answer.cache, CacheLevel::L2);
    assert_eq!(answer.generation, f.generation("a"));
    assert!(answer.generation.is_newer_than(&between));
}

#[tokio::test]
async fn an_answer_under_way_during_an_edit_bears_its_own_generation_and_is_not_found_after_it() {
    let mut f = Fixture::new(&[MANIFEST, &rule("/x")]).await;
    let check = Limits { concurrent: 1, waiting: 10 };
    let options = SheddingOptions {
        check,
        max_wait: Duration::from_secs(60),
        mode: SheddingMode::Enforce,
        ..SheddingOptions::default()
    };
    f.mixer = f.mixer.with_shedding(&options);
    let old = f.generation("a");
    let newer = f.take_policy(&[MANIFEST, &rule("/free")]).await;
    let mut request = Vec::new();
    let bag = bag("/free").with("destination.namespace", "a");
    mesh_attributes::wire::encode_check_request(&bag, "", &[], &mut request);
    let caller = Caller::default();
    {
        let place = f.mixer.admission.enter(RequestKind::Check, 1).await.unwrap();
        let mut under_way = pin!(f.mixer.check(&request, &caller));
        assert!(poll!(&mut under_way).is_pending());
        f.mixer.install(newer);
        drop(place);
        let answer = under_way.await.unwrap();
        assert_eq!((answer.generation, answer.cache), (old, CacheLevel::Miss));
    }
    let now = f.generation("a");
    assert!(now.is_newer_than(&old));
    for level in [CacheLevel::Miss, CacheLevel::L2] {
        let answer = f.mixer.check(&request, &caller).await.unwrap();
        assert_eq!((answer.generation, answer.cache), (now, level));
    }
    assert_eq!(f.code("a", "/free").await, 7);
}

#[tokio::test]
async fn a_mixer_that_starts_again_on_the_same_files_has_the_same_generation() {
    let f = Fixture::new(&[MANIFEST, &rule("/x")]).await;
    let mut again = Fixture::new(&[MANIFEST, &rule("/y")]).await;
    again.edit_at(7, &[MANIFEST, &rule("/x")]).await;
    let (one, other) = (f.generation("a"), again.generation("a"));
    assert_eq!(one.digest, other.digest);
    assert!(!one.is_newer_than(&other) && !other.is_newer_than(&one));
}
