use std::time::Duration;

use adapter_host::{
    AdapterHost, AdapterValue, CallError, Handler, Import, InstanceIndex, Template,
};
use serde_json::json;

use crate::fixture::{TestHandler, host, load};

const PROBE: InstanceIndex = InstanceIndex(0);

async fn probe(host: &AdapterHost) -> std::sync::Arc<Handler> {
    let wasi = load(host, "testing/wasi");
    TestHandler::new(json!({})).with_instance(Template::ListEntry).build(host, &wasi).await
}

async fn attempt(handler: &Handler, what: &'static str) -> Result<String, CallError> {
    let answer = handler.check(PROBE, vec![AdapterValue::String(what).into()]).await?;
    Ok(answer.message)
}

#[tokio::test]
async fn wasi_gives_the_clock_and_random_numbers_and_nothing_else() {
    let host = host();
    let handler = probe(&host).await;
    for (what, expected) in [
        ("arguments", "[]"),
        ("environment", "[]"),
        ("folder", "None 0"),
        ("tcp", "access-denied"),
        ("udp", "access-denied"),
        ("name", "permanent-resolver-failure"),
        ("random", "16"),
        ("clock", "true"),
    ] {
        let got = attempt(&handler, what).await.unwrap();
        assert!(got.contains(expected), "{what}: {got}");
    }
}

#[tokio::test]
async fn what_takes_the_hosts_memory_by_wasi_ends_the_instance_alone() {
    let host = host();
    let handler = probe(&host).await;
    for what in ["much random", "pollables"] {
        let ended = attempt(&handler, what).await.unwrap_err();
        assert!(matches!(ended, CallError::Trap { .. }), "{what}: {ended}");
        assert_eq!(attempt(&handler, "random").await.unwrap(), "16", "the next instance");
    }
}

#[tokio::test]
async fn a_guest_that_sleeps_holds_no_thread_and_is_woken_by_its_deadline() {
    let host = host();
    let handler = probe(&host).await;
    let (slept, other) = tokio::join!(attempt(&handler, "sleep"), attempt(&handler, "clock"));
    assert_eq!(slept, Err(CallError::Deadline { limit: Duration::from_millis(50) }));
    assert_eq!(other.unwrap(), "true");
}

#[tokio::test]
async fn what_is_printed_is_held_to_the_rate_of_messages() {
    let host = host();
    let handler = probe(&host).await;
    attempt(&handler, "print").await.unwrap();
    let dropped = handler.status().messages_dropped;
    // 102 lines, of which five seconds' worth of ten go through.
    assert!((40..=55).contains(&dropped), "{dropped}");
}

#[test]
fn imports_of_wasi_are_listed_as_such() {
    let host = host();
    let wasi = load(&host, "testing/wasi");
    let (of_wasi, ours): (Vec<&Import>, Vec<&Import>) =
        wasi.imports().iter().partition(|import| import.is_wasi());
    assert_eq!(ours, Vec::<&Import>::new());
    let interfaces: Vec<&str> = of_wasi.iter().map(|import| import.interface.as_str()).collect();
    assert!(interfaces.contains(&"wasi:sockets/tcp-create-socket@0.2.0"), "{interfaces:?}");
    assert!(load(&host, "denier").imports().iter().all(|import| !import.is_wasi()));
}
