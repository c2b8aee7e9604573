//! Adapters that are away, slow or broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use mesh_api::adapter_model::{CheckResult, ReportResult};
use tokio::net::TcpListener;
use tonic::{Code, Status};

use crate::fake::{self, Adapter, bytes};
use crate::reports::METRIC;
use crate::world::{MANIFEST, World, adapter, handler, request};

fn rule(fail_policy: &str) -> String {
    format!(
        "
kind: instance
metadata: {{ name: nothing, namespace: a }}
spec: {{ template: checknothing }}
---
kind: rule
metadata: {{ name: ask, namespace: a }}
spec: {{ failPolicy: {fail_policy}, actions: [ {{ handler: h, instances: [ nothing ] }} ] }}
"
    )
}

async fn world(address: impl std::fmt::Display, fail_policy: &str, connection: &str) -> World {
    let adapters = adapter("guard", "checknothing", b"", "");
    let handler = handler("guard.istio-system", address, connection);
    let world = World::new(&[MANIFEST, &adapters, &handler, &rule(fail_policy)]).await;
    assert_eq!(world.problems(), [""; 0]);
    world
}

/// An address at which nobody listens.
async fn nowhere() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn an_adapter_that_is_away_refuses_or_lets_pass_by_the_rule_and_is_found_when_it_comes() {
    let address = nowhere().await;
    let closed = world(address, "closed", "").await;
    let open = world(address, "open", "").await;
    let (code, message) = closed.check(&request()).await;
    assert_eq!(code, 14);
    assert!(message.contains(&format!("adapter at {address} cannot be reached")), "{message}");
    assert!(message.contains("onnection refused"), "it names the cause: {message}");
    assert_eq!(open.check(&request()).await.0, 0);
    let listener = TcpListener::bind(address).await.unwrap();
    let _remote =
        Adapter::serve(listener, fake::istio(), |_, _| bytes(&CheckResult::default())).await;
    assert_eq!(closed.check(&request()).await.0, 0);
    assert_eq!(closed.counted(|status| status.unreachable), 1);
}

#[tokio::test]
async fn after_five_failures_calls_are_refused_at_once() {
    let world = world(nowhere().await, "closed", "").await;
    for _ in 0..5 {
        assert_eq!(world.check(&request()).await.0, 14);
    }
    let (code, message) = world.check(&request()).await;
    assert_eq!(code, 14);
    assert!(message.contains("failed 5 times in a row"), "{message}");
    assert_eq!(world.counted(|status| u64::from(status.breaker_open)), 1);
    assert_eq!(world.counted(|status| status.refused_by_breaker), 1);
}

#[tokio::test]
async fn a_peer_that_accepts_and_is_silent_costs_the_deadline_of_the_connection_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = world(listener.local_addr().unwrap(), "closed", ", timeout: 30ms").await;
    let (code, message) = world.check(&request()).await;
    assert_eq!(code, 14);
    assert!(message.contains("did not answer within 30ms"), "{message}");
    assert_eq!(world.counted(|status| status.deadlines), 1);
}

#[tokio::test]
async fn garbage_is_the_adapters_error_and_opens_no_breaker() {
    for (garbage, told) in [
        (Ok(Bytes::from_static(b"\xff\xff\xff\xff")), "its answer is no such message"),
        (Ok(Bytes::from(vec![0; 2 << 20])), "too large"),
        (Err(Status::new(Code::Internal, "x".repeat(5000))), "Internal: xxx"),
        (Err(Status::new(Code::Unimplemented, "what?")), "Unimplemented: what?"),
    ] {
        let answer = garbage.clone();
        let remote = Adapter::start(fake::istio(), move |_, _| answer.clone()).await;
        let world = world(remote.address, "closed", ", timeout: 30s").await;
        for _ in 0..7 {
            let (code, message) = world.check(&request()).await;
            assert_eq!(code, 14);
            assert!(message.contains(told), "{told}: {message}");
        }
        assert_eq!(world.counted(|status| status.errors), 7);
        assert_eq!(world.counted(|status| u64::from(status.breaker_open)), 0);
    }
}

#[tokio::test]
async fn a_report_waits_for_an_adapter_that_is_away_and_is_delivered_once() {
    let address = nowhere().await;
    let adapters = adapter("sink", "metric, reportnothing", b"", "");
    let handler = handler("sink.istio-system", address, ", timeout: 30s");
    let world = World::new(&[MANIFEST, &adapters, &handler, METRIC]).await;
    for size in 0..20 {
        world.report(&[request().with("request.size", size)]).await;
    }
    while world.counted(|status| status.retries) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let listener = TcpListener::bind(address).await.unwrap();
    let remote = Adapter::serve(listener, fake::istio(), |_, _| bytes(&ReportResult {})).await;
    let mut sizes = Vec::new();
    while sizes.len() < 20 {
        let call = remote.call().await;
        if call.path.contains("Metric") {
            for instance in call.body["instances"].as_array().unwrap() {
                sizes.push(instance["value"]["int64_value"].as_i64().unwrap_or_default());
            }
        }
    }
    assert_eq!(sizes, (0..20).collect::<Vec<_>>());
    assert_eq!(world.counted(|status| status.failed_elements), 0);
}

#[tokio::test]
async fn a_report_that_may_have_arrived_is_not_sent_again() {
    let remote = Adapter::start(fake::istio(), |_, _| Err(Status::unavailable("later"))).await;
    let adapters = adapter("sink", "metric, reportnothing", b"", "");
    let handler = handler("sink.istio-system", remote.address, "");
    let world = World::new(&[MANIFEST, &adapters, &handler, METRIC]).await;
    world.report(&[request()]).await;
    let _both = (remote.call().await, remote.call().await);
    while world.counted(|status| status.errors) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((remote.waiting(), world.counted(|status| status.retries)), (0, 0));
}

#[tokio::test]
async fn an_edit_keeps_a_handler_that_did_not_change_and_replaces_one_that_did() {
    let deny = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&deny);
    let remote = Adapter::start(fake::istio(), move |_, _| {
        let code = if told.load(Ordering::Relaxed) { 7 } else { 0 };
        let status = mesh_api::rpc::Status { code, ..Default::default() };
        bytes(&CheckResult { status: Some(status), ..Default::default() })
    })
    .await;
    let mut world = world(remote.address, "closed", "").await;
    assert_eq!(world.check(&request()).await.0, 0);
    let adapters = adapter("guard", "checknothing", b"", "");
    let same = handler("guard.istio-system", remote.address, "");
    let rule = rule("closed");
    world.edit(&[MANIFEST, &adapters, &same, &rule, "\nkind: rule\nmetadata: { name: z, namespace: b }\nspec: { actions: [ { handler: h.a, instances: [ nothing.a ] } ] }\n"]).await;
    assert_eq!(world.counted(|status| status.calls), 1, "it is the same handler");
    deny.store(true, Ordering::Relaxed);
    let other = handler("guard.istio-system", remote.address, ", timeout: 29s");
    world.edit(&[MANIFEST, &adapters, &other, &rule]).await;
    assert_eq!(world.counted(|status| status.calls), 0, "it is another handler");
    assert_eq!(world.check(&request()).await.0, 7, "what was cached is of another generation");
}
