use adapter_sdk::host::counters::{Failure, Rolling, Window};
use adapter_sdk::testing::{TestHandler, TestInstance, counter_requests, decide_next, instance};
use adapter_sdk::{Code, Fault, QuotaRequest, Template, Value, ValueType};
use serde_json::{Value as Json, json};

use super::Quotas;

type Handler = TestHandler<Quotas>;

const SECOND: u64 = 1_000_000_000;

fn requests_of(fields: &[(&str, ValueType)]) -> Vec<TestInstance> {
    vec![instance("requests.instance.default", Template::Quota, fields, None)]
}

fn one() -> Vec<TestInstance> {
    requests_of(&[("user", ValueType::Text)])
}

fn ask(amount: i64) -> QuotaRequest {
    QuotaRequest { deduplication_id: "id".to_owned(), amount, best_effort: true }
}

/// The limit and the window that the host is asked with.
fn asked(handler: &mut Handler, dimensions: &[Value<'_>]) -> (i64, Window) {
    handler.allocate(0, dimensions, &ask(1)).unwrap();
    let request = counter_requests().pop().unwrap();
    (request.max_amount, request.window)
}

fn window(parameters: Json) -> Window {
    let mut handler = Handler::configure(parameters, one()).unwrap();
    asked(&mut handler, &[Value::Text("ann")]).1
}

fn rolling(length: u64, bucket: u64) -> Window {
    Window::Rolling(Rolling { length, bucket })
}

#[test]
fn windows_are_those_of_memquota_or_redisquota() {
    let quota = |more: Json| {
        let mut quota = json!({ "name": "requests.instance.default", "maxAmount": 10 });
        quota.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        quota
    };
    let memory = |more| window(json!({ "quotas": [quota(more)] }));
    assert_eq!(memory(json!({})), Window::Forever);
    assert_eq!(memory(json!({ "validDuration": "2s" })), rolling(2 * SECOND, SECOND / 10));
    assert_eq!(memory(json!({ "validDuration": "1000s" })), rolling(1000 * SECOND, SECOND));
    assert_eq!(memory(json!({ "validDuration": "0.05s" })), rolling(SECOND / 20, SECOND / 20));
    let redis =
        |more| window(json!({ "quotas": [quota(more)], "redis_server_url": "localhost:6379" }));
    assert_eq!(redis(json!({ "validDuration": "2s" })), Window::Fixed(2 * SECOND));
    let fine = json!({ "validDuration": "2000s", "bucketDuration": "1s", "rateLimitAlgorithm": 1 });
    assert_eq!(redis(fine), rolling(2000 * SECOND, 2 * SECOND), "1000 buckets at most");
}

#[test]
fn the_first_override_whose_dimensions_all_fit_counts() {
    let fields = [
        ("age", ValueType::Int64),
        ("from", ValueType::IpAddress),
        ("user", ValueType::Text),
        ("wait", ValueType::Duration),
    ];
    let parameters = json!({
        "quotas": [{
            "name": "requests",
            "max_amount": 1,
            "valid_duration": "1s",
            "overrides": [
                { "dimensions": { "user": "ann", "age": "7" }, "max_amount": 2 },
                { "dimensions": { "user": "ann" }, "max_amount": 3, "valid_duration": "5s" },
                { "dimensions": { "from": "10.0.0.1" }, "max_amount": 4 },
                { "dimensions": { "wait": "90s" }, "max_amount": 5, "valid_duration": "0s" },
            ],
        }],
    });
    let mut handler = Handler::configure(parameters, requests_of(&fields)).unwrap();
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
    let second = rolling(SECOND, SECOND / 10);
    for (age, from, user, wait, expected) in [
        (7, &[10, 0, 0, 2][..], "ann", 0, (2, second)),
        (8, &[10, 0, 0, 1], "ann", 0, (3, rolling(5 * SECOND, SECOND / 10))),
        (8, &[10, 0, 0, 1], "bob", 0, (4, second)),
        (8, &mapped, "bob", 0, (4, second)),
        (8, &[], "bob", 90_000_000_000, (5, Window::Forever)),
        (7, &[10, 0, 0, 2], "bob", 0, (1, second)),
    ] {
        let dimensions =
            [Value::Int64(age), Value::IpAddress(from), Value::Text(user), Value::Duration(wait)];
        assert_eq!(asked(&mut handler, &dimensions), expected, "{user} {age} {from:?} {wait}");
    }
}

#[test]
fn the_host_is_asked_by_all_dimensions_and_the_id() {
    let parameters = json!({
        "quotas": [{ "name": "requests", "max_amount": 9, "valid_duration": "1s" }],
        "min_deduplication_duration": "3s",
    });
    let mut handler = Handler::configure(parameters, one()).unwrap();
    let grant = handler.allocate(0, &[Value::Text("ann")], &ask(4)).unwrap();
    assert_eq!((grant.code, grant.amount, grant.valid_duration.as_secs()), (Code::OK, 4, 1));
    let request = counter_requests().pop().unwrap();
    assert_eq!(request.quota, "requests.instance.default");
    assert_eq!(request.dimensions, [("user".to_owned(), "ann".to_owned())]);
    assert_eq!((request.amount, request.best_effort), (4, true));
    let deduplication = request.deduplication.unwrap();
    assert_eq!((deduplication.id.as_str(), deduplication.keep), ("id", 3 * SECOND));
}

#[test]
fn nothing_granted_is_exhausted_and_no_decision_is_an_error_that_names_the_quota() {
    let parameters = json!({ "quotas": [{ "name": "requests", "max_amount": 9 }] });
    let mut handler = Handler::configure(parameters, one()).unwrap();
    let nothing = adapter_sdk::host::counters::Grant { amount: 0, valid_for: 0 };
    decide_next(Ok(nothing));
    let denied = handler.allocate(0, &[Value::Text("ann")], &ask(1)).unwrap();
    assert_eq!((denied.code, denied.amount), (Code::RESOURCE_EXHAUSTED, 0));
    assert_eq!(denied.message, "quota requests.instance.default is exhausted");
    decide_next(Ok(nothing));
    let nothing_freed = handler.allocate(0, &[Value::Text("ann")], &ask(-1)).unwrap();
    assert_eq!((nothing_freed.code, nothing_freed.amount), (Code::OK, 0));
    let asked = counter_requests().len();
    assert_eq!(handler.allocate(0, &[Value::Text("ann")], &ask(0)).unwrap().amount, 0);
    assert_eq!(counter_requests().len(), asked, "nobody is asked for nothing");
    decide_next(Err(Failure::Unavailable("Redis is away".to_owned())));
    let error = handler.allocate(0, &[Value::Text("ann")], &ask(1)).unwrap_err();
    assert_eq!((error.fault, error.retry), (Fault::Backend, true));
    assert_eq!(error.message, "quota requests.instance.default: Redis is away");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let problems = |parameters| Handler::problems(parameters, one());
    assert_eq!(
        problems(json!({ "quotas": [{ "name": "request", "max_amount": 1 }] })),
        ["quotas: instance requests.instance.default has no limit here"]
    );
    assert_eq!(
        problems(json!({
            "quotas": [
                {
                    "name": "requests", "max_amount": -1, "overrides": [
                        { "dimensions": { "usr": "ann" }, "max_amount": 1 },
                        { "max_amount": 1 },
                    ],
                },
                { "name": "requests", "max_amount": 1 },
            ],
            "min_deduplication_duration": "0s",
            "connection_pool_size": -1,
        })),
        [
            "min_deduplication_duration: must be longer than 0s",
            "connection_pool_size: must not be negative",
            "quotas[0].overrides[1].dimensions: is empty; an override is for some values of dimensions",
            "quotas[0].max_amount: -1 must be 0 or greater and at most 9007199254740991",
            "quotas[1].name: requests has a limit already",
            "quotas[0].overrides[0].dimensions.usr: is no dimension of requests.instance.default, did \
             you mean user?",
        ]
    );
    let rolling = json!({
        "name": "requests", "max_amount": 0, "rate_limit_algorithm": "ROLLING_WINDOW",
        "valid_duration": "1s", "bucket_duration": "1s",
    });
    assert_eq!(
        problems(json!({ "quotas": [rolling], "redis_server_url": "localhost:6379" })),
        [
            "quotas[0].max_amount: 0 must be greater than 0 and at most 9007199254740991",
            "quotas[0].bucket_duration: 1s must be longer than 0s and shorter than 1s",
        ]
    );
    assert_eq!(
        problems(json!({
            "quotas": [{ "name": "requests", "max_amount": 1 }], "redis_server_url": "h:1",
        })),
        ["quotas[0].valid_duration: must be set: counters in Redis do not stay for ever"]
    );
}

#[test]
fn a_value_that_its_dimension_cannot_have_is_a_mistake() {
    for (value_type, text, message) in [
        (ValueType::Int64, "x", "is no integer"),
        (ValueType::Double, "x", "is no number"),
        (ValueType::Boolean, "yes", "is no truth value"),
        (ValueType::Duration, "5", "is no duration"),
        (ValueType::IpAddress, "10.0.0", "is no IP address"),
    ] {
        let overrides = json!([{ "dimensions": { "d": text }, "max_amount": 1 }]);
        let parameters =
            json!({ "quotas": [{ "name": "requests", "max_amount": 1, "overrides": overrides }] });
        let problems = Handler::problems(parameters, requests_of(&[("d", value_type)]));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("quotas[0].overrides[0].dimensions.d: "), "{problems:?}");
        assert!(problems[0].contains(message), "{problems:?}");
    }
}
