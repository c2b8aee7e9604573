//! Requests that come at once: the place for dispatches is held until all of them have looked the cache
//! up, so that whoever may wait for another does.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{MaybeDone, join_all, maybe_done};
use mesh_api::mixer::v1::CheckResponse;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::check::CacheLevel;
use crate::fixture::{Fixture, MANIFEST, built_adapters};
use crate::shedding::{Limits, RequestKind, SheddingMode, SheddingOptions};

/// Which attributes an answer depends on is itself decided by attributes.
const RULES: &str = r#"
kind: handler
metadata: { name: no, namespace: a }
spec: { compiledAdapter: denier, params: { status: { code: 7, message: closed } } }
---
kind: handler
metadata: { name: who, namespace: a }
spec: { compiledAdapter: denier, params: { status: { code: 16, message: who }, validUseCount: 3 } }
---
kind: handler
metadata: { name: once, namespace: a }
spec: { compiledAdapter: denier, params: { status: { code: 9, message: once }, validUseCount: 0 } }
---
kind: instance
metadata: { name: nothing, namespace: a }
spec: { compiledTemplate: checknothing }
---
kind: rule
metadata: { name: one, namespace: a }
spec:
  match: request.path == "/a" && request.headers["x"] == "1"
  actions: [ { handler: no, instances: [ nothing ] } ]
---
kind: rule
metadata: { name: two, namespace: a }
spec:
  match: source.namespace == "evil" || (request.path == "/b" && source.uid == "u1")
  actions: [ { handler: who, instances: [ nothing ] } ]
---
kind: rule
metadata: { name: three, namespace: a }
spec:
  match: request.path == "/c" && source.uid == "u1"
  actions: [ { handler: once, instances: [ nothing ] } ]
"#;

fn bags() -> impl Strategy<Value = AttributeBag> {
    let headers = prop::option::of(prop::sample::select(vec!["1", "2", ""]));
    let namespace = prop::option::of(prop::sample::select(vec!["evil", "good"]));
    let uid = prop::option::of(prop::sample::select(vec!["u1", "u2"]));
    let path = prop::sample::select(vec!["/a", "/b", "/c"]);
    (path, headers, namespace, uid).prop_map(|(path, headers, namespace, uid)| {
        let mut bag = bag(path).with("destination.namespace", "a");
        if let Some(x) = headers {
            bag = bag.with("request.headers", [(if x.is_empty() { "y" } else { "x" }, x)]);
        }
        if let Some(namespace) = namespace {
            bag = bag.with("source.namespace", namespace);
        }
        if let Some(uid) = uid {
            bag = bag.with("source.uid", uid);
        }
        bag
    })
}

/// One place for a dispatch, and much time to wait for it.
fn one_at_a_time() -> SheddingOptions {
    let check = Limits { concurrent: 1, waiting: 1000 };
    SheddingOptions {
        check,
        max_wait: Duration::from_secs(60),
        mode: SheddingMode::Enforce,
        ..SheddingOptions::default()
    }
}

type Asked<'f> = MaybeDone<Pin<Box<dyn Future<Output = (CheckResponse, CacheLevel)> + 'f>>>;

/// Lets each of them look the cache up.
async fn begin(asked: &mut [Asked<'_>]) {
    poll_fn(|context| {
        for one in &mut *asked {
            let _pending = Pin::new(one).poll(context);
        }
        Poll::Ready(())
    })
    .await;
}

fn verdict(answer: &CheckResponse) -> (i32, String) {
    let status = answer.precondition.as_ref().unwrap().status.clone().unwrap();
    (status.code, status.message)
}

#[test]
fn whoever_waits_gets_the_answer_that_is_due_to_its_own_request() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let documents = [MANIFEST, RULES];
    let mut cached = runtime.block_on(Fixture::new(&documents));
    cached.mixer = cached.mixer.with_shedding(&one_at_a_time());
    let fresh = runtime.block_on(Fixture::with(&built_adapters(), 0, &documents));
    let (cached, edits) = (RefCell::new(cached), RefCell::new(0));
    let strategy = (
        prop::collection::vec(bags(), 0..4),
        prop::collection::vec((bags(), prop::bool::weighted(0.2)), 2..12),
    );
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(128)
    });
    let tested = runner.run(&strategy, |(before, at_once)| {
        let mut cached = cached.borrow_mut();
        runtime.block_on(async {
            // Another generation, of which no shape is known.
            *edits.borrow_mut() += 1;
            let name = format!("unused{}", edits.borrow());
            let manifest = MANIFEST.replace("response.code", &name);
            cached.edit(&[&manifest, RULES]).await;
            for bag in &before {
                cached.ask(bag, &[]).await;
            }
            let place = cached.mixer.admission.enter(RequestKind::Check, 1).await.unwrap();
            let mut asked: Vec<Asked<'_>> = at_once
                .iter()
                .map(|(bag, _)| {
                    maybe_done(Box::pin(cached.ask(bag, &[])) as Pin<Box<dyn Future<Output = _>>>)
                })
                .collect();
            begin(&mut asked).await;
            // Some callers go away, leaders among them.
            let mut stays = at_once.iter().map(|(_, goes)| !goes);
            asked.retain(|_| stays.next() == Some(true));
            drop(place);
            tokio::time::timeout(Duration::from_secs(30), join_all(&mut asked))
                .await
                .expect("nobody waits for a dispatch that is no more");
            let stayed = at_once.iter().filter(|(_, goes)| !goes);
            for ((bag, _), mut one) in stayed.zip(asked) {
                let (answer, _) = Pin::new(&mut one).take_output().unwrap();
                let (due, _) = fresh.ask(bag, &[]).await;
                prop_assert_eq!(verdict(&answer), verdict(&due), "{:?}", bag);
            }
            Ok(())
        })
    });
    tested.unwrap();
    let cached = cached.borrow();
    let metrics = &cached.mixer.metrics().check_cache;
    assert!(metrics.waits.get() > 100, "{} requests waited", metrics.waits.get());
    assert!(metrics.waits_in_vain.get() > 0 && metrics.hits.get() > 0);
    assert_eq!(metrics.waiting.get(), 0);
}

#[tokio::test]
async fn equal_requests_at_once_are_dispatched_once() {
    let mut f = Fixture::new(&[MANIFEST, RULES]).await;
    f.mixer = f.mixer.with_shedding(&one_at_a_time());
    let bag = bag("/x").with("destination.namespace", "a");
    let place = f.mixer.admission.enter(RequestKind::Check, 1).await.unwrap();
    let mut asked: Vec<Asked<'_>> = (0..50)
        .map(|_| maybe_done(Box::pin(f.ask(&bag, &[])) as Pin<Box<dyn Future<Output = _>>>))
        .collect();
    begin(&mut asked).await;
    drop(place);
    join_all(&mut asked).await;
    let metrics = &f.mixer.metrics().check_cache;
    assert_eq!((metrics.misses.get(), metrics.hits.get(), metrics.waits.get()), (1, 49, 49));
}
