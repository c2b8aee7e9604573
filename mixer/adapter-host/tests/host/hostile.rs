use std::num::NonZeroU32;
use std::pin::pin;
use std::time::Duration;

use adapter_host::{
    AdapterValue, BuildError, CallError, ColumnBatch, ColumnTemplate, HostError, HostOptions,
    InstanceIndex, MetricBatch, Template,
};
use futures_util::future::poll_immediate;
use mesh_attributes::{Timestamp, ValueType};
use serde_json::json;

use crate::fixture::{TestHandler, file, host, load, metric, options};

const CHECK: InstanceIndex = InstanceIndex(0);
const LIST: InstanceIndex = InstanceIndex(1);
const FINE: AdapterValue<'static> = AdapterValue::String("fine");
const CRASH: AdapterValue<'static> = AdapterValue::String("crash");

fn both() -> TestHandler {
    TestHandler::new(json!({}))
        .with_instance(Template::CheckNothing)
        .with_instance(Template::ListEntry)
}

#[tokio::test]
async fn a_crash_costs_one_call_and_one_instance() {
    let host = host();
    let trap = load(&host, "testing/trap");
    let (handler, neighbour) = (both().build(&host, &trap).await, both().build(&host, &trap).await);
    for number in ["1", "2"] {
        assert_eq!(handler.check(LIST, vec![FINE.into()]).await.unwrap().message, number);
        assert_eq!(neighbour.check(LIST, vec![FINE.into()]).await.unwrap().message, number);
    }
    let crash = handler.check(LIST, vec![CRASH.into()]).await.unwrap_err();
    assert!(matches!(crash, CallError::Trap { .. }), "{crash}");
    assert_eq!(
        handler.check(LIST, vec![FINE.into()]).await.unwrap().message,
        "1",
        "a new instance"
    );
    assert_eq!(
        neighbour.check(LIST, vec![FINE.into()]).await.unwrap().message,
        "3",
        "the same instance"
    );
    assert_eq!(handler.status().traps, 1);
}

#[tokio::test]
async fn a_batch_that_crashes_the_adapter_is_lost_and_the_next_is_not() {
    let host = host();
    let trap = load(&host, "testing/trap");
    let handler = TestHandler::new(json!({}))
        .with(metric("m", &["source"], ValueType::Int64))
        .with_instance(Template::LogEntry)
        .build(&host, &trap)
        .await;
    for (source, works) in [(FINE, true), (CRASH, false), (FINE, true)] {
        let mut metrics = MetricBatch::new();
        metrics.push(0, InstanceIndex(0), &[source], AdapterValue::Int64(1));
        assert_eq!(handler.report_metrics(&metrics).await.is_ok(), works);
    }
    let mut entries = ColumnBatch::new(ColumnTemplate::LogEntry);
    let moment = AdapterValue::Timestamp(Timestamp::default());
    entries.push(0, InstanceIndex(1), &[AdapterValue::String(""), moment]);
    assert_eq!(handler.report_columns(&entries).await.unwrap(), []);
}

#[tokio::test]
async fn a_loop_ends_at_its_deadline_and_others_answer_meanwhile() {
    let host = host();
    let (looping, denier) = (load(&host, "testing/loop"), load(&host, "denier"));
    let handler = both().build(&host, &looping).await;
    let neighbour = both().build(&host, &denier).await;
    let mut endless = pin!(handler.check(CHECK, Vec::new()));
    assert!(poll_immediate(&mut endless).await.is_none(), "the thread is given back");
    neighbour.check(CHECK, Vec::new()).await.unwrap();
    let limit = Duration::from_millis(50);
    assert_eq!(endless.await, Err(CallError::Deadline { limit }));
    handler.check(LIST, vec![FINE.into()]).await.unwrap();
    assert_eq!(handler.status().deadlines, 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_frees_its_place() {
    let host = host();
    let looping = load(&host, "testing/loop");
    let one = NonZeroU32::new(1).unwrap();
    let handler = both().with_limits(|limits| limits.instances = one).build(&host, &looping).await;
    {
        let mut endless = pin!(handler.check(CHECK, Vec::new()));
        assert!(poll_immediate(&mut endless).await.is_none());
        let limit = Duration::from_millis(50);
        let busy = handler.check(LIST, vec![FINE.into()]).await;
        assert_eq!(busy, Err(CallError::Exhausted { instances: 1, limit }));
    }
    handler.check(LIST, vec![FINE.into()]).await.unwrap();
    let status = handler.status();
    assert_eq!((status.exhausted, status.deadlines, status.traps), (1, 0, 0));
}

#[tokio::test]
async fn a_hog_crashes_at_its_memory_limit_and_is_told_so() {
    let host = host();
    let hog = load(&host, "testing/hog");
    let handler = both()
        .with_limits(|limits| {
            limits.memory = 8 << 20;
            limits.check_deadline = Duration::from_secs(60);
        })
        .build(&host, &hog)
        .await;
    let crash = handler.check(CHECK, Vec::new()).await.unwrap_err().to_string();
    assert!(crash.contains("more than 8 MiB of memory"), "{crash}");
}

#[tokio::test]
async fn series_without_end_are_held_to_the_handlers_limit() {
    let host = host();
    let hog = load(&host, "testing/hog");
    let handler = both().with_limits(|limits| limits.series = 100).build(&host, &hog).await;
    let ended = handler.check(LIST, vec![FINE.into()]).await.unwrap_err();
    assert!(matches!(ended, CallError::Deadline { .. } | CallError::Trap { .. }), "{ended}");
    assert_eq!(host.series().len(), 101, "the limit and the overflow series");
}

#[tokio::test]
async fn a_talkative_adapter_is_held_to_its_rate() {
    let host = host();
    let trap = load(&host, "testing/trap");
    let handler = TestHandler::new(json!({ "chatter": 1000 }))
        .with_limits(|limits| limits.log_rate = NonZeroU32::new(1).unwrap())
        .build(&host, &trap)
        .await;
    let dropped = handler.status().messages_dropped;
    assert!(dropped > 900 && dropped < 1000, "{dropped}");
}

#[tokio::test]
async fn a_crash_while_it_takes_its_configuration_is_an_error_of_the_build() {
    let host = host();
    let trap = load(&host, "testing/trap");
    let handler = TestHandler::new(json!({ "crash_in_configure": true }));
    let error = handler.try_build(&host, &trap).await.unwrap_err();
    assert!(matches!(error, BuildError::Setup(CallError::Trap { .. })), "{error}");
}

#[tokio::test(start_paused = true)]
async fn after_five_crashes_calls_fail_at_once_and_a_probe_finds_out_when_it_works_again() {
    let host = host();
    let trap = load(&host, "testing/trap");
    let handler = both().build(&host, &trap).await;
    for _ in 0..5 {
        let crash = handler.check(LIST, vec![CRASH.into()]).await.unwrap_err();
        assert!(matches!(crash, CallError::Trap { .. }), "{crash}");
    }
    let open = handler.check(LIST, vec![FINE.into()]).await.unwrap_err();
    assert!(matches!(open, CallError::BreakerOpen { failures: 5, .. }), "{open}");
    tokio::time::advance(Duration::from_secs(1)).await;
    let probe = handler.check(LIST, vec![CRASH.into()]).await.unwrap_err();
    assert!(matches!(probe, CallError::Trap { .. }), "{probe}");
    assert!(handler.status().breaker_open);
    tokio::time::advance(Duration::from_secs(1)).await;
    let open = handler.check(LIST, vec![FINE.into()]).await.unwrap_err();
    assert!(matches!(open, CallError::BreakerOpen { .. }), "the pause has doubled: {open}");
    tokio::time::advance(Duration::from_secs(1)).await;
    handler.check(LIST, vec![FINE.into()]).await.unwrap();
    handler.check(LIST, vec![FINE.into()]).await.unwrap();
    let status = handler.status();
    assert_eq!((status.breaker_open, status.refused_by_breaker), (false, 2));
}

#[test]
fn a_component_that_asks_for_files_is_refused_by_the_name_of_its_import() {
    let error = host().load("foreign", &file("testing/foreign")).unwrap_err();
    let HostError::ForeignImport { import, .. } = &error else { panic!("{error}") };
    assert_eq!(import, "mixmesh:foreign/files");
}

#[test]
fn what_is_no_component_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("x.wasm");
    let host = host();
    let error = host.load("x", &wasm).unwrap_err().to_string();
    assert!(error.contains("x.wasm: No such file"), "{error}");
    let whole = std::fs::read(file("denier")).unwrap();
    let empty_module = b"\0asm\x01\0\0\0";
    for content in [&b""[..], b"GIF89a", empty_module, &whole[..whole.len() / 2]] {
        std::fs::write(&wasm, content).unwrap();
        let error = host.load("x", &wasm).unwrap_err();
        assert!(matches!(error, HostError::Compile { .. }), "{error}");
    }
    let small = HostOptions { max_component: 1000, ..options() };
    let host = adapter_host::AdapterHost::new(small).unwrap();
    let error = host.load("denier", &file("denier")).unwrap_err();
    assert!(matches!(error, HostError::ComponentTooLarge { .. }), "{error}");
}

#[test]
fn a_component_that_serves_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("x.wasm");
    std::fs::write(&wasm, b"\0asm\x0d\0\x01\0").unwrap();
    let error = host().load("x", &wasm).unwrap_err().to_string();
    assert_eq!(error, "adapter x does not export any template of mixmesh:adapter@0.1.0");
}

#[tokio::test]
async fn a_host_without_room_says_so_and_blames_no_adapter() {
    let host =
        adapter_host::AdapterHost::new(HostOptions { max_instances: 1, ..options() }).unwrap();
    let denier = load(&host, "denier");
    let first = both().build(&host, &denier).await;
    let error = both().try_build(&host, &denier).await.unwrap_err();
    assert!(matches!(error, BuildError::Setup(CallError::HostFull)), "{error}");
    drop(first);
    both().build(&host, &denier).await;
}
