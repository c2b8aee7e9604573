use adapter_sdk::testing::{TestHandler, endpoint, instance, lines, messages, samples};
use adapter_sdk::{
    Action, ApiKeyRequest, Grant, QuotaRequest, Subject, Template, Value, ValueType, Workloads,
};
use serde_json::json;

use super::{FOR_EVER, Noop, pass};

fn handler() -> TestHandler<Noop> {
    TestHandler::configure(json!({}), Vec::new()).unwrap()
}

#[test]
fn every_check_passes_for_ever() {
    let mut noop = handler();
    assert_eq!(noop.check_nothing(0).unwrap(), pass());
    assert_eq!(noop.list_entry(0, Value::Int64(7)).unwrap(), pass());
    assert_eq!(noop.key_val(0, "jason").unwrap(), (pass(), None));
    let request = ApiKeyRequest {
        api: "books".to_owned(),
        api_version: String::new(),
        api_operation: String::new(),
        api_key: "secret".to_owned(),
        timestamp: 0,
    };
    assert_eq!(noop.api_key(0, &request).unwrap(), pass());
    let subject =
        Subject { user: "jason".to_owned(), groups: String::new(), properties: Vec::new() };
    let action = Action {
        namespace: "default".to_owned(),
        service: String::new(),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        properties: Vec::new(),
    };
    assert_eq!(noop.authorize(0, &subject, &action).unwrap(), pass());
}

#[test]
fn quota_is_granted_in_full_and_nothing_for_what_is_given_back() {
    let mut noop = handler();
    for (asked, granted) in [(12, 12), (0, 0), (-3, 0), (i64::MAX, i64::MAX)] {
        let request =
            QuotaRequest { deduplication_id: String::new(), amount: asked, best_effort: false };
        let grant = noop.allocate(0, &[Value::Text("jason")], &request).unwrap();
        assert_eq!(grant, Grant::of(granted, FOR_EVER));
    }
}

#[test]
fn it_knows_no_workload() {
    let (source, destination) = (endpoint("kubernetes://web.default"), endpoint(""));
    let known = handler().generate(0, &source, &destination).unwrap();
    assert_eq!(known, Workloads { source: None, destination: None });
}

#[test]
fn reports_are_swallowed() {
    let requests = instance("requests.instance.default", Template::Metric, &[], None);
    let severity = [("severity", ValueType::Text)];
    let log = instance("log.instance.default", Template::LogEntry, &severity, None);
    let mut noop = TestHandler::<Noop>::configure(json!({}), vec![requests, log]).unwrap();
    assert_eq!(noop.report_metrics(&[(0, &[], Value::Int64(1))]), []);
    assert_eq!(noop.report_log_entries(&[(1, "info", 0, &[Value::Text("x")])]), []);
    noop.report_nothing(0, 1_000).unwrap();
    assert!(samples().is_empty() && lines().is_empty() && messages().is_empty());
}

#[test]
fn a_parameter_is_a_mistake() {
    let problems = TestHandler::<Noop>::problems(json!({ "valid_duration": "5s" }), Vec::new());
    assert_eq!(problems, ["valid_duration: is unknown"]);
}
