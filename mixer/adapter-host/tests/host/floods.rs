//! A component that does harm in every way that the interfaces leave open. What it does costs it its own
//! call at most; its neighbour on the same host answers as before.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{
    AdapterHost, AdapterValue, BuildError, CallError, CheckResult, ColumnBatch, ColumnTemplate,
    Handler, HostError, InstanceIndex, OwnedValue, Template,
};
use mesh_attributes::Timestamp;
use serde_json::json;

use crate::fixture::{TestHandler, file, host, load};

const ONE: InstanceIndex = InstanceIndex(0);

/// A loaded machine needs more than the 50 ms of a check.
const AMPLE: Duration = Duration::from_secs(5);

fn given(what: &str) -> Vec<OwnedValue> {
    vec![OwnedValue::String(what.to_owned())]
}

/// A hostile handler and a good one, on one host.
struct Neighbours {
    host: AdapterHost,
    hostile: Arc<Handler>,
    good: Arc<Handler>,
    /// Of the lines that the hostile one writes.
    _folder: tempfile::TempDir,
}

impl Neighbours {
    async fn new() -> Self {
        let host = host();
        let (hostile, good) = (load(&host, "testing/hostile"), load(&host, "noop"));
        let folder = tempfile::tempdir().unwrap();
        let stream = json!({ "log_stream": "FILE", "output_path": folder.path().join("lines") });
        let handler = |name: &str, parameters| {
            TestHandler::new(parameters)
                .named(name)
                .with_instance(Template::ListEntry)
                .with_instance(Template::LogEntry)
                .with_limits(|limits| {
                    limits.check_deadline = AMPLE;
                    limits.report_deadline = AMPLE;
                    limits.log_rate = NonZeroU32::MIN;
                })
        };
        let hostile = handler("hostile", stream).build(&host, &hostile).await;
        let good = handler("good", json!({})).build(&host, &good).await;
        Self { host, hostile, good, _folder: folder }
    }

    /// What comes of one deed, after which the good one answers and the hostile one still can.
    async fn after(&self, deed: &str) -> Result<CheckResult, CallError> {
        let outcome = self.hostile.check(ONE, given(deed)).await;
        self.good.check(ONE, given("x")).await.unwrap();
        assert_eq!(self.hostile.check(ONE, given("nothing")).await.unwrap().message, "unharmed");
        outcome
    }
}

#[tokio::test]
async fn what_breaks_the_interfaces_is_a_crash_of_that_call() {
    let neighbours = Neighbours::new().await;
    for deed in ["recurse", "update", "intern", "send", "read"] {
        let crash = neighbours.after(deed).await.unwrap_err();
        assert!(matches!(crash, CallError::Trap { .. }), "{deed}: {crash}");
    }
    let status = neighbours.hostile.status();
    assert_eq!((status.traps, status.breaker_open), (5, false));
}

#[tokio::test]
async fn floods_of_calls_to_the_host_end_with_the_call() {
    let neighbours = Neighbours::new().await;
    for deed in ["talk", "shout", "write", "count", "open", "define", "differ"] {
        let outcome = neighbours.after(deed).await;
        let ended =
            matches!(outcome, Ok(_) | Err(CallError::Trap { .. } | CallError::Deadline { .. }));
        assert!(ended, "{deed}: {outcome:?}");
    }
    let status = neighbours.hostile.status();
    assert!(status.messages_dropped > 0, "{status:?}");
    assert!(neighbours.host.series().len() <= 1, "nothing was interned");
}

#[tokio::test]
async fn a_call_that_asks_the_time_for_ever_ends_at_its_deadline() {
    let host = host();
    let hostile = load(&host, "testing/hostile");
    let limit = Duration::from_millis(50);
    let handler =
        TestHandler::new(json!({})).with_instance(Template::ListEntry).build(&host, &hostile).await;
    assert_eq!(handler.check(ONE, given("clock")).await, Err(CallError::Deadline { limit }));
}

#[tokio::test]
async fn elements_that_nobody_handed_over_are_not_lost() {
    let neighbours = Neighbours::new().await;
    let mut entries = ColumnBatch::new(ColumnTemplate::LogEntry);
    let moment = AdapterValue::Timestamp(Timestamp::default());
    for element in 0..3 {
        entries.push(element, InstanceIndex(1), &[AdapterValue::String(""), moment]);
    }
    let failed = neighbours.hostile.report_columns(&entries).await.unwrap();
    assert!(failed.iter().all(|failed| failed.element < 3), "{:?}", failed.last());
    assert!(failed.len() <= 3, "each once: {}", failed.len());
}

#[tokio::test]
async fn problems_without_end_are_cut() {
    let host = host();
    let hostile = load(&host, "testing/hostile");
    let described = hostile.description();
    assert!(described.name.len() < 10_000 && described.summary.len() < 10_000);
    let refused = TestHandler::new(json!({ "complain": true })).try_build(&host, &hostile).await;
    let Err(BuildError::Refused { problems }) = refused else { panic!("{refused:?}") };
    assert_eq!(problems.len(), 100);
}

#[test]
fn a_component_that_does_not_say_what_it_is_is_refused() {
    let error = host().load("silent", &file("testing/silent")).unwrap_err();
    assert!(matches!(&error, HostError::Describe { cause: CallError::Trap { .. }, .. }), "{error}");
}

#[tokio::test]
async fn handlers_are_replaced_under_load_and_no_call_is_lost() {
    let host = host();
    let noop = load(&host, "noop");
    let build = || {
        TestHandler::new(json!({}))
            .with_instance(Template::ListEntry)
            .with_limits(|limits| limits.check_deadline = AMPLE)
            .build(&host, &noop)
    };
    let current = std::sync::Mutex::new(build().await);
    let calls = async {
        for _ in 0..500 {
            let handler = Arc::clone(&current.lock().unwrap());
            handler.check(ONE, given("x")).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let reloads = async {
        for _ in 0..10 {
            let next = build().await;
            let before = std::mem::replace(&mut *current.lock().unwrap(), next);
            // As Mixer does: whoever still has it may finish, and then it is closed.
            while Arc::strong_count(&before) > 1 {
                tokio::task::yield_now().await;
            }
            before.close().await;
        }
    };
    tokio::join!(calls, reloads);
}
