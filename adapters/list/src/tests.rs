use std::time::Duration;

use adapter_sdk::testing::{TestHandler, instance};
use adapter_sdk::{CheckResult, Code, Template, Value, ValueType};
use serde_json::json;

use super::List;

type Handler = TestHandler<List>;

fn list(parameters: serde_json::Value) -> Handler {
    let instances = vec![instance("user", Template::ListEntry, &[], Some(ValueType::Text))];
    Handler::configure(parameters, instances).unwrap()
}

fn verdict(list: &mut Handler, value: Value<'_>) -> (Code, String) {
    let CheckResult { code, message, .. } = list.list_entry(0, value).unwrap();
    (code, message)
}

fn pass() -> (Code, String) {
    (Code::OK, String::new())
}

fn denied(message: &str) -> (Code, String) {
    (Code::PERMISSION_DENIED, message.to_owned())
}

#[test]
fn a_whitelist_lets_its_entries_pass_and_nothing_else() {
    let mut list = list(json!({ "overrides": ["alice", "bob"], "cachingInterval": "7s" }));
    let answer = list.list_entry(0, Value::Text("alice")).unwrap();
    assert_eq!(
        answer,
        CheckResult {
            code: Code::OK,
            message: String::new(),
            valid_duration: Duration::from_secs(7),
            valid_use_count: Some(10_000),
            direct_response: None,
        }
    );
    let answer = list.list_entry(0, Value::Text("Alice")).unwrap();
    assert_eq!(answer.message, "Alice is not whitelisted");
    assert_eq!(answer.valid_duration, Duration::from_secs(7), "denials are cached as well");
}

#[test]
fn a_blacklist_denies_its_entries_and_nothing_else() {
    let mut list = list(json!({ "overrides": ["mallory"], "blacklist": true }));
    assert_eq!(verdict(&mut list, Value::Text("mallory")), denied("mallory is blacklisted"));
    assert_eq!(verdict(&mut list, Value::Text("alice")), pass());
    assert_eq!(verdict(&mut list, Value::Text("")), pass());
}

#[test]
fn case_counts_only_when_it_should() {
    let mut list =
        list(json!({ "overrides": ["ÄRGER"], "entry_type": "CASE_INSENSITIVE_STRINGS" }));
    assert_eq!(verdict(&mut list, Value::Text("ärger")), pass());
    assert_eq!(verdict(&mut list, Value::Text("arger")), denied("arger is not whitelisted"));
}

#[test]
fn addresses_are_compared_by_ranges_of_both_families() {
    let mut list = list(json!({
        "overrides": ["10.1.0.0/16", "192.168.0.7", "2001:db8::/33", "fe80::1"],
        "entryType": "IP_ADDRESSES",
    }));
    let mut passes = |value| verdict(&mut list, value).0 == Code::OK;
    for text in ["10.1.255.255", "192.168.0.7", "2001:db8:7fff::1", "fe80::1", "::ffff:10.1.0.1"] {
        assert!(passes(Value::Text(text)), "{text}");
    }
    for text in ["10.2.0.0", "192.168.0.8", "2001:db8:8000::1", "fe80::2"] {
        assert!(!passes(Value::Text(text)), "{text}");
    }
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3];
    assert!(passes(Value::IpAddress(&[10, 1, 2, 3])));
    assert!(passes(Value::IpAddress(&mapped)));
    assert!(!passes(Value::IpAddress(&[10, 0, 0, 1])));
}

#[test]
fn what_is_no_address_is_an_invalid_argument() {
    let mut list = list(json!({ "overrides": ["0.0.0.0/0"], "entry_type": "IP_ADDRESSES" }));
    let invalid = |message: &str| (Code::INVALID_ARGUMENT, message.to_owned());
    let text = verdict(&mut list, Value::Text("nobody"));
    assert_eq!(text, invalid("nobody is not a valid IP address"));
    let bytes = verdict(&mut list, Value::IpAddress(&[1, 2, 3]));
    assert_eq!(bytes, invalid("010203 is not a valid IP address"));
}

#[test]
fn an_address_is_compared_with_texts_as_its_text() {
    let mut list = list(json!({ "overrides": ["10.0.0.1"] }));
    assert_eq!(verdict(&mut list, Value::IpAddress(&[10, 0, 0, 1])), pass());
}

#[test]
fn patterns_match_anywhere_unless_they_are_anchored() {
    let mut list = list(json!({ "overrides": ["^/api/v[0-9]+/", "health"], "entry_type": 3 }));
    for text in ["/api/v12/x", "/x/healthz"] {
        assert_eq!(verdict(&mut list, Value::Text(text)), pass());
    }
    assert_eq!(verdict(&mut list, Value::Text("/x/api/v1/")).0, Code::PERMISSION_DENIED);
}

#[test]
fn an_empty_whitelist_denies_everything() {
    let mut list = list(json!({}));
    assert_eq!(verdict(&mut list, Value::Text("x")), denied("x is not whitelisted"));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let parameters = json!({
        "provider_url": "https://example.org/list",
        "refresh_interval": "10s",
        "ttl": "5s",
        "overrides": ["10.0.0.0/33", "10.0.0.0/8", "::/129", "x"],
        "entry_type": "IP_ADDRESSES",
    });
    let instances = vec![instance("size", Template::ListEntry, &[], Some(ValueType::Int64))];
    assert_eq!(
        Handler::problems(parameters, instances),
        [
            "provider_url: lists cannot be fetched yet, put the entries into overrides",
            "ttl: must not be shorter than refresh_interval",
            "overrides[0]: \"10.0.0.0/33\" is no IP address and no CIDR range",
            "overrides[2]: \"::/129\" is no IP address and no CIDR range",
            "overrides[3]: \"x\" is no IP address and no CIDR range",
            "instance size: only texts and addresses can be on a list",
        ]
    );
    let pattern = json!({ "overrides": ["("], "entry_type": "REGEX" });
    assert!(
        Handler::problems(pattern, Vec::new())[0].starts_with("overrides[0]: \"(\" is no pattern")
    );
}
