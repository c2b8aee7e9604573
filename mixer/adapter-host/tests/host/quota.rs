use std::net::TcpListener;
use std::sync::Arc;

use adapter_host::{
    CallError, Fault, Handler, InstanceDecl, InstanceIndex, QuotaGrant, QuotaRequest, Template,
};
use mesh_attributes::{OwnedValue, ValueType};
use serde_json::{Value, json};

use crate::fixture::{TestHandler, host, load};

const FIRST: InstanceIndex = InstanceIndex(0);

fn requests() -> InstanceDecl {
    InstanceDecl {
        name: "requests.instance.default".to_owned(),
        template: Template::Quota,
        fields: vec![("user".to_owned(), ValueType::String)],
        value_type: None,
    }
}

fn limit(max_amount: i64) -> Value {
    json!({
        "quotas": [{
            "name": "requests.instance.default",
            "maxAmount": max_amount,
            "validDuration": "3600s",
            "overrides": [{ "dimensions": { "user": "vip" }, "maxAmount": 100 * max_amount }],
        }],
    })
}

async fn ask(
    handler: &Handler,
    user: &str,
    amount: i64,
    id: &str,
) -> Result<QuotaGrant, CallError> {
    let request =
        QuotaRequest { deduplication_id: id.to_owned(), amount, best_effort: amount > 50 };
    handler.allocate(FIRST, vec![OwnedValue::String(user.into())], request).await
}

async fn granted(handler: &Handler, user: &str, amount: i64) -> i64 {
    ask(handler, user, amount, "").await.unwrap().amount
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_side_by_side_get_the_limit_of_their_dimensions_together() {
    let host = host();
    let quota = load(&host, "quota");
    let handler = TestHandler::new(limit(10)).with(requests()).build(&host, &quota).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..60 {
        let (handler, user) = (Arc::clone(&handler), ["ann", "bob", "vip"][n % 3]);
        calls.spawn(async move { (user, granted(&handler, user, 1).await) });
    }
    let grants = calls.join_all().await;
    let sum =
        |user| grants.iter().filter(|grant| grant.0 == user).map(|grant| grant.1).sum::<i64>();
    assert_eq!(["ann", "bob", "vip"].map(sum), [10, 10, 20]);
    let denied = ask(&handler, "ann", 1, "").await.unwrap();
    assert_eq!((denied.code, denied.amount, denied.valid_duration_ns), (8, 0, 0));
    assert_eq!(denied.message, "quota requests.instance.default is exhausted");
    assert_eq!(granted(&handler, "vip", 5000).await, 980, "best effort");
}

#[tokio::test]
async fn a_repeated_id_takes_once_and_a_release_gives_back() {
    let host = host();
    let quota = load(&host, "quota");
    let handler = TestHandler::new(limit(10)).with(requests()).build(&host, &quota).await;
    let first = ask(&handler, "ann", 6, "same").await.unwrap();
    let again = ask(&handler, "ann", 6, "same").await.unwrap();
    assert_eq!((first.amount, again.amount), (6, 6));
    assert!(again.valid_duration_ns < first.valid_duration_ns, "the time that is left of it");
    assert_eq!(granted(&handler, "ann", 99).await, 4);
    assert_eq!(granted(&handler, "ann", -3).await, 3);
    assert_eq!(granted(&handler, "ann", 99).await, 3);
}

#[tokio::test]
async fn an_edit_of_a_handler_does_not_hand_out_its_limits_again() {
    let host = host();
    let quota = load(&host, "quota");
    let before = TestHandler::new(limit(10)).with(requests()).build(&host, &quota).await;
    assert_eq!(granted(&before, "ann", 8).await, 8);
    before.close().await;
    drop(before);
    let after = TestHandler::new(limit(12)).with(requests()).build(&host, &quota).await;
    assert_eq!(granted(&after, "ann", 99).await, 4, "by the new limit");
    let other = TestHandler::new(limit(12)).named("other.default").with(requests());
    assert_eq!(granted(&*other.build(&host, &quota).await, "ann", 99).await, 12);
}

#[tokio::test]
async fn a_server_is_named_when_it_is_away_and_not_called_for_a_validation() {
    let host = host();
    let quota = load(&host, "quota");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let mut parameters = limit(10);
    parameters["redisServerUrl"] = json!(address.to_string());
    let handler = || TestHandler::new(parameters.clone()).with(requests());
    handler().validate(&host, &quota).await.unwrap();
    assert!(listener.accept().is_err(), "nobody connected");
    drop(listener);
    let handler = handler().build(&host, &quota).await;
    let error = ask(&handler, "ann", 1, "").await.unwrap_err();
    let CallError::Refused { fault: Fault::Backend, retry: true, message } = &error else {
        panic!("{error}")
    };
    assert!(message.starts_with("quota requests.instance.default: Redis at 127.0.0.1"), "{error}");
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_a_mistake_in_the_parameters() {
    let host = host();
    let quota = load(&host, "quota");
    let mut parameters = limit(10);
    parameters["redis_server_url"] = json!("http://redis");
    let problems = TestHandler::new(parameters).with(requests()).problems(&host, &quota).await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("redis_server_url: "), "{problems:?}");
    let problems = TestHandler::new(json!({})).with(requests()).problems(&host, &quota).await;
    assert_eq!(problems, ["quotas: instance requests.instance.default has no limit here"]);
}
