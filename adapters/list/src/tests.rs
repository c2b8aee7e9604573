use std::time::Duration;

use adapter_sdk::host::log::Level;
use adapter_sdk::testing::{TestHandler, instance, messages, set_document, set_now, sources};
use adapter_sdk::{CallError, CheckResult, Code, Fault, Template, Value, ValueType};
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

fn provided(more: &serde_json::Value) -> Handler {
    let mut parameters = json!({ "provider_url": "http://lists/users", "overrides": ["root"] });
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    list(parameters)
}

fn undecided(list: &mut Handler, value: &str) -> CallError {
    list.list_entry(0, Value::Text(value)).unwrap_err()
}

fn passes(list: &mut Handler, value: &str) -> bool {
    verdict(list, Value::Text(value)).0 == Code::OK
}

#[test]
fn the_host_is_told_what_to_fetch_how_often_and_for_how_long() {
    let _list = provided(&json!({ "refreshInterval": "5s", "ttl": "20s" }));
    let source = sources().remove(0);
    assert_eq!(source.parameter, "provider_url");
    assert_eq!((source.refresh, source.keep), (5_000_000_000, 20_000_000_000));
    assert_eq!(source.max_bytes, 1 << 20);
}

#[test]
fn no_document_is_no_empty_list_and_overrides_count_all_the_same() {
    let mut white = provided(&json!({}));
    let CallError { fault, retry, message } = undecided(&mut white, "alice");
    assert_eq!((fault, retry), (Fault::Backend, true));
    assert_eq!(message, "the list of provider_url could not be fetched, or not within ttl");
    assert!(passes(&mut white, "root"));
    let mut black = provided(&json!({ "blacklist": true }));
    undecided(&mut black, "alice");
    assert!(!passes(&mut black, "root"));
    set_document(1, Some("mallory\n"));
    assert!(passes(&mut black, "alice") && !passes(&mut black, "mallory"));
    assert!(!passes(&mut black, "root"));
    set_document(1, None);
    undecided(&mut black, "alice");
}

#[test]
fn a_new_version_replaces_the_one_before_and_is_read_once() {
    let mut list = provided(&json!({}));
    set_document(0, Some("alice\n\nbob\n"));
    assert!(passes(&mut list, "alice") && passes(&mut list, "bob") && passes(&mut list, "root"));
    set_document(0, Some("carol"));
    assert!(passes(&mut list, "carol") && !passes(&mut list, "alice"));
    let mut broken = provided(&json!({ "entry_type": "REGEX", "overrides": [] }));
    set_document(1, Some("^a\n(\n"));
    for _ in 0..3 {
        assert!(passes(&mut broken, "abc") && !passes(&mut broken, "bc"));
    }
    assert_eq!(messages().len(), 1);
}

#[test]
fn a_whitelist_skips_wrong_lines_and_names_them_in_one_message() {
    let mut list = provided(&json!({ "entry_type": "IP_ADDRESSES", "overrides": [] }));
    let many: String = (0..12).map(|n| format!("10.0.0.{}\n", n + 250)).collect();
    set_document(0, Some(&many));
    assert!(passes(&mut list, "10.0.0.250") && !passes(&mut list, "10.0.0.1"));
    set_document(0, Some("10.0.0.1\nx\n"));
    assert!(passes(&mut list, "10.0.0.1"));
    let told = messages();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        told[1],
        (
            Level::Warn,
            "the document of provider_url has lines that are skipped: \
             line 2: \"x\" is no IP address and no CIDR range"
                .to_owned()
        )
    );
}

#[test]
fn a_blacklist_with_a_wrong_line_is_refused_and_the_one_before_stays_for_its_time() {
    set_now(1_000_000_000);
    let mut list = provided(&json!({
        "entry_type": "IP_ADDRESSES", "overrides": [], "blacklist": true, "ttl": "60s",
    }));
    set_document(0, Some("10.0.0.1\n10.0.0.256\n"));
    let error = undecided(&mut list, "10.0.0.1");
    assert_eq!(error.message, "the list of provider_url has mistakes, the log names them");
    set_document(0, Some("10.0.0.1\n"));
    assert!(!passes(&mut list, "10.0.0.1") && passes(&mut list, "10.0.0.2"));
    set_document(0, Some("10.0.0.2\n10.0.0.0/33\n"));
    assert!(!passes(&mut list, "10.0.0.1") && passes(&mut list, "10.0.0.2"));
    set_now(61_000_000_000);
    assert!(!passes(&mut list, "10.0.0.1"));
    set_now(61_000_000_001);
    undecided(&mut list, "10.0.0.1");
    set_document(0, Some("10.0.0.2\n"));
    assert!(passes(&mut list, "10.0.0.1") && !passes(&mut list, "10.0.0.2"));
    assert_eq!(messages().len(), 2);
    assert!(messages().iter().all(|(level, _)| *level == Level::Error));
}

#[test]
fn a_page_in_place_of_a_list_of_addresses_replaces_nothing() {
    let mut list = provided(&json!({ "entry_type": "IP_ADDRESSES", "overrides": [] }));
    set_document(0, Some("whitelist: [10.0.0.1]"));
    assert!(passes(&mut list, "10.0.0.1"));
    set_document(0, Some("<html><body>502 Bad Gateway</body></html>\n"));
    assert!(passes(&mut list, "10.0.0.1"));
    assert!(messages()[0].1.contains("is refused"), "{:?}", messages());
}
