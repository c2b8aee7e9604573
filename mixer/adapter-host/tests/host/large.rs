use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{
    AdapterHost, AdapterValue, CallError, Handler, HandlerStatus, InstanceIndex, Limits, Pod,
    Template,
};
use futures_util::future::poll_immediate;
use serde_json::json;

use crate::fixture::{TestHandler, host, load};

const ONE: InstanceIndex = InstanceIndex(0);

/// With time enough for each call on a loaded machine.
async fn large(host: &AdapterHost) -> Arc<Handler> {
    large_with(host, Duration::from_secs(60)).await
}

async fn large_with(host: &AdapterHost, check_deadline: Duration) -> Arc<Handler> {
    let component = load(host, "testing/large");
    let limits = Limits { check_deadline, ..Limits::default_for(&component) };
    TestHandler::new(json!({}))
        .with_limits(|of_handler| *of_handler = limits)
        .with_instance(Template::ListEntry)
        .build(host, &component)
        .await
}

async fn ask(handler: &Handler, what: &'static str) -> Result<String, CallError> {
    let answer = handler.check(ONE, vec![AdapterValue::String(what).into()]).await?;
    Ok(answer.message)
}

/// Waits until the handler's status is as wanted.
async fn until(handler: &Handler, wanted: impl Fn(&HandlerStatus) -> bool) {
    while !wanted(&handler.status()) {
        tokio::task::yield_now().await;
    }
}

/// Makes new instances crash as they are configured, or no more.
fn set_broken(host: &AdapterHost, is_broken: bool) {
    let pod = Pod {
        name: "broken".to_owned(),
        namespace: "default".to_owned(),
        ips: Vec::new(),
        host_ip: None,
        found_by_ip: false,
        created: 0,
        labels: BTreeMap::new(),
        service_account_name: String::new(),
        workload_name: String::new(),
        owner: String::new(),
        containers: Vec::new(),
    };
    host.workloads().replace(is_broken.then(|| Arc::new(pod))).unwrap();
}

#[tokio::test]
async fn a_large_component_has_its_two_instances_before_the_first_call() {
    let host = host();
    let handler = large(&host).await;
    assert!(handler.component().is_large());
    assert_eq!(handler.status().instances_idle, 2);
    assert!(!load(&host, "denier").is_large());
}

#[tokio::test]
async fn a_lost_instance_is_replaced_without_a_call() {
    let host = host();
    let handler = large(&host).await;
    let crash = ask(&handler, "crash").await.unwrap_err();
    assert!(matches!(crash, CallError::Trap { .. }), "{crash}");
    until(&handler, |status| status.instances_idle == 2).await;
    {
        let mut left = pin!(ask(&handler, "loop"));
        assert!(poll_immediate(&mut left).await.is_none(), "in the middle of a call");
        assert_eq!(handler.status().instances_in_use, 1);
    }
    until(&handler, |status| status.instances_idle == 2).await;
    assert_eq!(handler.status().instances_missing, 0);
}

#[tokio::test]
async fn a_loop_ends_at_its_deadline_and_the_other_instance_answers_meanwhile() {
    let host = host();
    let limit = Duration::from_secs(1);
    let handler = large_with(&host, limit).await;
    let mut endless = pin!(ask(&handler, "loop"));
    assert!(poll_immediate(&mut endless).await.is_none());
    for count in ["1", "2", "3"] {
        assert_eq!(ask(&handler, "x").await.unwrap(), count);
    }
    assert_eq!(endless.await, Err(CallError::Deadline { limit }));
    until(&handler, |status| status.instances_idle == 2).await;
}

#[tokio::test]
async fn calls_wait_for_the_instance_in_the_place_of_the_last_one_lost() {
    let host = host();
    let handler = large(&host).await;
    let (one, two) = tokio::join!(ask(&handler, "crash"), ask(&handler, "crash"));
    assert!(one.is_err() && two.is_err());
    assert_eq!(ask(&handler, "x").await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn while_none_can_be_made_calls_say_why_and_later_it_works_by_itself() {
    let host = host();
    let handler = large(&host).await;
    set_broken(&host, true);
    let (one, two) = tokio::join!(ask(&handler, "crash"), ask(&handler, "crash"));
    assert!(one.is_err() && two.is_err());
    let away = ask(&handler, "x").await.unwrap_err().to_string();
    assert!(away.contains("none of its instances is left"), "{away}");
    assert_eq!(handler.status().instances_missing, 2);
    for _ in 0..2 {
        drop(ask(&handler, "x").await);
    }
    let open = ask(&handler, "x").await.unwrap_err();
    assert!(matches!(open, CallError::BreakerOpen { failures: 5, .. }), "{open}");
    set_broken(&host, false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(handler.status().instances_idle, 2, "made again without a call");
    assert_eq!(ask(&handler, "x").await.unwrap(), "1");
}

#[tokio::test]
async fn a_handler_closes_though_instances_are_missing() {
    let host = host();
    let handler = large(&host).await;
    set_broken(&host, true);
    assert!(ask(&handler, "crash").await.is_err());
    until(&handler, |status| status.instances_missing == 1).await;
    handler.close().await;
    assert_eq!(ask(&handler, "x").await, Err(CallError::Closed));
    assert_eq!(handler.status().instances_idle, 0);
}
