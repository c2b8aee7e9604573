mod examples;

use std::time::Duration;

use adapter_sdk::testing::{
    TestHandler, map_property, messages, property, set_document, set_now, sources,
};
use adapter_sdk::{
    Action, CheckResult, Code, DirectResponse, Fault, Header, Property, Subject, Value,
};
use serde_json::{Value as Json, json};

use super::Opa;

type Handler = TestHandler<Opa>;

fn opa(parameters: Json) -> Handler {
    Handler::configure(parameters, Vec::new()).unwrap()
}

/// A handler of one module, package `authz`, that asks for `allow`.
fn module(text: &str) -> Handler {
    let policy = format!("package authz\n{text}");
    opa(json!({ "policy": [policy], "checkMethod": "data.authz.allow" }))
}

fn problems(policies: &[&str], query: &str) -> Vec<String> {
    Handler::problems(json!({ "policy": policies, "check_method": query }), Vec::new())
}

fn subject(user: &str, properties: Vec<Property>) -> Subject {
    Subject { user: user.to_owned(), groups: String::new(), properties }
}

fn action(method: &str, path: &str) -> Action {
    Action {
        namespace: "default".to_owned(),
        service: "svc".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        properties: Vec::new(),
    }
}

fn ask(opa: &mut Handler, user: &str) -> CheckResult {
    opa.authorize(0, &subject(user, Vec::new()), &action("GET", "/")).unwrap()
}

fn passes(opa: &mut Handler, user: &str) -> bool {
    let answer = ask(opa, user);
    assert!(matches!(answer.code, Code::OK | Code::PERMISSION_DENIED));
    answer.code == Code::OK
}

#[test]
fn a_boolean_decides_and_is_cached_as_the_parameters_say() {
    let policy = "package authz\ndefault allow := false\nallow if input.subject.user == \"alice\"";
    let mut opa = opa(json!({
        "policy": [policy], "checkMethod": "data.authz.allow",
        "cachingInterval": "5s", "caching_use_count": 7,
    }));
    let answer = ask(&mut opa, "alice");
    assert_eq!((answer.code, answer.valid_duration), (Code::OK, Duration::from_secs(5)));
    let denied = CheckResult {
        code: Code::PERMISSION_DENIED,
        message: "opa: request was rejected".to_owned(),
        valid_duration: Duration::from_secs(5),
        valid_use_count: Some(7),
        direct_response: None,
    };
    assert_eq!(ask(&mut opa, "bob"), denied);
}

#[test]
fn a_policy_that_says_nothing_about_a_request_denies_it() {
    let mut opa = module("allow if input.subject.user == \"alice\"");
    assert!(passes(&mut opa, "alice") && !passes(&mut opa, "bob"));
}

#[test]
fn modules_of_the_first_rego_are_read_as_well_beside_newer_ones() {
    let old = "package mixerauthz\ndefault allow = false\nallow = true { input.subject.user == names[_] }\n\
               names = data.staff.names";
    let new = "package staff\nnames contains \"alice\"\nnames contains \"bob\" if true";
    let mut opa = opa(json!({ "policy": [old, new], "check_method": "data.mixerauthz.allow" }));
    assert!(passes(&mut opa, "alice") && passes(&mut opa, "bob") && !passes(&mut opa, "carol"));
}

#[test]
fn the_input_is_that_of_istios_adapter() {
    let mut opa = module("allow := {\"allow\": false, \"reason\": json.marshal(input)}");
    let mut subject = subject(
        "alice",
        vec![
            map_property("claims", &[("iss", "me")]),
            property("age", Value::Int64(7)),
            property("mtls", Value::Boolean(true)),
            property("ip", Value::IpAddress(&[10, 0, 0, 1])),
            property("took", Value::Duration(1_500_000_000)),
        ],
    );
    subject.groups = "dev,ops".to_owned();
    let answer = opa.authorize(0, &subject, &action("GET", "/a")).unwrap();
    let input: Json = serde_json::from_str(&answer.message).unwrap();
    let expected = json!({
        "subject": { "user": "alice", "groups": ["dev,ops"], "properties": {
            "claims": { "iss": "me" }, "age": 7, "mtls": true, "ip": "10.0.0.1", "took": "1.5s",
        } },
        "action": { "namespace": "default", "service": "svc", "method": "GET", "path": "/a" },
    });
    assert_eq!(input, expected);
}

#[test]
fn a_decision_may_have_a_reason_headers_a_status_and_a_lifetime() {
    let mut opa = module(
        "allow := {\"allow\": input.subject.user == \"alice\", \"reason\": \"log in first\",
            \"http_status\": 302, \"headers\": {\"location\": \"/login\", \"x-a\": [\"1\", \"2\"]},
            \"valid_duration\": \"90s\"}",
    );
    let passed = ask(&mut opa, "alice");
    assert_eq!((passed.code, passed.direct_response), (Code::OK, None));
    assert_eq!(passed.valid_duration, Duration::from_secs(90));
    let denied = ask(&mut opa, "bob");
    assert_eq!((denied.code, denied.message.as_str()), (Code::PERMISSION_DENIED, "log in first"));
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    let headers = [header("location", "/login"), header("x-a", "1"), header("x-a", "2")];
    let expected =
        DirectResponse { code: 302, body: "log in first".into(), headers: headers.into() };
    let response = denied.direct_response.unwrap();
    assert_eq!((response.code, response.body), (expected.code, expected.body));
    let pairs = |headers: &[Header]| -> Vec<(String, String)> {
        headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect()
    };
    assert_eq!(pairs(&response.headers), pairs(&expected.headers));
    let mut other =
        module("allow := {\"allowed\": false, \"message\": \"no\", \"valid_duration\": 0}");
    let denied = ask(&mut other, "bob");
    assert_eq!((denied.message.as_str(), denied.valid_duration), ("no", Duration::ZERO));
    assert_eq!(denied.direct_response, None);
}

#[test]
fn what_is_no_decision_follows_the_fail_policy_or_the_handlers_own() {
    for (rule, told) in [
        ("allow := 7", "the decision is a number, and no boolean or object"),
        ("allow := {\"alow\": true}", "the decision is an object without allow"),
        ("allow := {\"allow\": 1}", "allow is a number, and no boolean"),
        ("allow := {\"allow\": false, \"http_status\": 99}", "http_status 99 is no status"),
        ("allow := {\"allow\": false, \"headers\": {\"a\": 1}}", "headers has a number where"),
        ("allow := {\"allow\": false, \"valid_duration\": \"5 s\"}", "valid_duration \"5 s\" is"),
    ] {
        let error =
            module(rule).authorize(0, &subject("a", Vec::new()), &action("GET", "/")).unwrap_err();
        assert_eq!((error.fault, error.retry), (Fault::Adapter, false));
        assert!(error.message.starts_with(&format!("the policy fails: {told}")), "{error:?}");
    }
    for (fail_close, code) in [(true, Code::PERMISSION_DENIED), (false, Code::OK)] {
        let mut opa = opa(json!({
            "policy": ["package a\nallow := 7"], "checkMethod": "data.a.allow", "failClose": fail_close,
        }));
        let answer = ask(&mut opa, "a");
        assert_eq!((answer.code, answer.valid_use_count), (code, Some(0)));
    }
    assert_eq!(messages().len(), 2);
}

#[test]
fn a_query_may_be_any_expression_with_one_value() {
    let policy = "package authz\nusers := {\"alice\", \"bob\"}";
    let mut opa = opa(json!({
        "policy": [policy], "check_method": "input.subject.user in data.authz.users",
    }));
    assert!(passes(&mut opa, "alice") && !passes(&mut opa, "carol"));
}

#[test]
fn a_mistake_in_a_policy_is_told_with_module_line_and_column() {
    let good = "package a\nallow := true";
    let told = problems(&[good, "package b\n\nallow if {\n  input.x = = 1\n}"], "data.a.allow");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("policy[1]: line 4, column 13: "), "{told:?}");
    // Of the first Rego, with a mistake further down.
    let told = problems(&["package b\nallow = true {\n  input.x = = 3\n}"], "data.b.allow");
    assert!(told[0].starts_with("policy[0]: line 3, column 13: "), "{told:?}");
    let told = problems(&["package b\nallow if x > 1"], "data.b.allow");
    assert!(told[0].starts_with("policy[0]: line 2, column 10: "), "{told:?}");
    let told = problems(&["package b\nallow if no_such(1)"], "data.b.allow");
    assert!(told[0].starts_with("policy[0]: line 2, column 17: "), "{told:?}");
    let told = problems(&["allow := true"], "data.b.allow");
    assert!(told[0].starts_with("policy[0]: line 1, column 1: "), "{told:?}");
}

#[test]
fn other_mistakes_are_told_at_once() {
    let told = Handler::problems(
        json!({ "data": [1], "data_refresh_interval": "0.5s", "dataTtl": "0s" }),
        Vec::new(),
    );
    assert_eq!(
        told,
        [
            "policy: is missing: a module in Rego is needed",
            "check_method: is missing: which rule decides, such as data.mixerauthz.allow?",
            "data_refresh_interval: must be 1s at least",
            "data_ttl: must not be shorter than data_refresh_interval",
            "data: must be an object, whose keys policies see under data",
        ]
    );
    let told = problems(&["package a\nallow := true"], "data.a.alow");
    assert!(told[0].starts_with("check_method: "), "{told:?}");
    let told = problems(&["package a\nallow := true"], "data.a.allow ==");
    assert!(told[0].starts_with("check_method: "), "{told:?}");
}

#[test]
fn data_is_an_object_or_its_json() {
    let policy = "package authz\nallow if input.subject.user in data.staff";
    for data in [json!({ "staff": ["alice"] }), json!("{\"staff\": [\"alice\"]}")] {
        let mut opa =
            opa(json!({ "policy": [policy], "checkMethod": "data.authz.allow", "data": data }));
        assert!(passes(&mut opa, "alice") && !passes(&mut opa, "bob"));
    }
}

#[test]
fn data_may_be_fetched_and_changes_with_its_document() {
    let policy = "package authz\nallow if input.subject.user in data.staff\n\
                  allow if input.subject.user in data.roots";
    let mut opa = opa(json!({
        "policy": [policy], "checkMethod": "data.authz.allow",
        "data": { "roots": ["root"] }, "dataUrl": "http://data/staff.json", "data_ttl": "90s",
    }));
    assert_eq!((sources()[0].parameter.as_str(), sources()[0].keep), ("data_url", 90_000_000_000));
    let error = opa.authorize(0, &subject("a", Vec::new()), &action("GET", "/")).unwrap_err();
    assert_eq!((error.fault, error.retry), (Fault::Backend, true));
    set_document(0, Some("{\"staff\": [\"alice\"]}"));
    assert!(passes(&mut opa, "alice") && passes(&mut opa, "root") && !passes(&mut opa, "bob"));
    set_document(0, Some("{\"staff\": [\"bob\"]}"));
    assert!(passes(&mut opa, "bob") && passes(&mut opa, "root") && !passes(&mut opa, "alice"));
    for wrong in ["[1]", "{", "{\"roots\": [\"bob\"]}"] {
        set_document(0, Some(wrong));
        assert!(passes(&mut opa, "bob") && passes(&mut opa, "root") && !passes(&mut opa, "alice"));
    }
    assert_eq!(messages().len(), 3, "{:?}", messages());
    set_document(0, None);
    opa.authorize(0, &subject("bob", Vec::new()), &action("GET", "/")).unwrap_err();
}

#[test]
fn the_time_is_the_hosts_and_stands_still_within_a_decision() {
    let mut opa = module("allow if { time.now_ns() > 100\ntime.now_ns() == time.now_ns() }");
    set_now(100);
    assert!(!passes(&mut opa, "a"));
    set_now(101);
    assert!(passes(&mut opa, "a"));
}

#[test]
fn networks_contain_addresses_and_smaller_networks_of_their_family() {
    let mut opa = module("allow if net.cidr_contains(\"10.0.0.0/8\", input.subject.user)");
    assert!(passes(&mut opa, "10.1.2.3") && passes(&mut opa, "10.128.0.0/9"));
    assert!(!passes(&mut opa, "11.0.0.0") && !passes(&mut opa, "0.0.0.0/0"));
    assert!(!passes(&mut opa, "::a00:1"));
    let mut opa = module("allow if net.cidr_contains(\"::/0\", input.subject.user)");
    assert!(passes(&mut opa, "fe80::1") && !passes(&mut opa, "10.0.0.1"));
}

#[test]
fn a_built_in_function_that_fails_is_undefined_as_in_opa() {
    let mut opa = module("allow if not to_number(input.subject.user) == 1");
    assert!(passes(&mut opa, "x") && !passes(&mut opa, "1"));
}
