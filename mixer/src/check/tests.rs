//! Every variety through real adapters: what a request is answered by the rules.

use http::HeaderMap;
use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_api::mixer::v1::header_operation::Operation;
use mesh_api::mixer::v1::{
    CheckRequest, CheckResponse, CompressedAttributes, HeaderOperation, ReportRequest,
};
use mesh_attributes::wire::{QuotaRequest, ReportEncoder, resolve_references};
use mesh_attributes::{AttributeBag, Condition};

use prost::Message;

use crate::check::{CacheLevel, Caller};
use crate::fixture::{Fixture, MANIFEST};

const GROUPS: &str = r#"
kind: handler
metadata: { name: groups, namespace: a }
spec: { compiledAdapter: keyval, params: { table: { jason: admin, eve: "" } } }
---
kind: instance
metadata: { name: user, namespace: a }
spec: { compiledTemplate: keyval, params: { key: 'request.headers["user"] | ""' } }
---
kind: rule
metadata: { name: group, namespace: a }
spec:
  match: request.path != "/plain"
  actions: [ { handler: groups, instances: [ user ], name: x } ]
  requestHeaderOperations:
  - { name: User-Group, values: [ x.output.value ] }
  - { name: x-broken, values: [ source.name ] }
  - { name: x-secret, operation: REMOVE }
  responseHeaderOperations:
  - { name: x-seen, values: [ '"one"', '"two"' ], operation: APPEND }
"#;

const NOOP: &str = "
kind: handler
metadata: { name: nothing, namespace: a }
spec: { compiledAdapter: noop }
";

/// A generator that knows nothing, so that what its bindings fall back to is generated.
const GENERATOR: &str = r#"
kind: handler
metadata: { name: pods, namespace: istio-system }
spec: { compiledAdapter: kubernetesenv }
---
kind: instance
metadata: { name: pods, namespace: istio-system }
spec:
  compiledTemplate: kubernetes
  params: { source_uid: 'source.uid | ""' }
  attributeBindings:
    destination.namespace: $out.destination_namespace | "a"
    source.name: $out.source_pod_name | "generated"
    source.labels: $out.source_labels | emptyStringMap()
---
kind: rule
metadata: { name: pods, namespace: istio-system }
spec: { actions: [ { handler: pods, instances: [ pods ] } ] }
"#;

fn denier(condition: &str) -> String {
    format!(
        "
kind: handler
metadata: {{ name: no, namespace: a }}
spec: {{ compiledAdapter: denier, params: {{ status: {{ code: 7, message: closed }} }} }}
---
kind: instance
metadata: {{ name: nothing, namespace: a }}
spec: {{ compiledTemplate: checknothing }}
---
kind: rule
metadata: {{ name: deny, namespace: a }}
spec:
  match: {condition}
  actions: [ {{ handler: no, instances: [ nothing ] }} ]
"
    )
}

fn request(user: &str) -> AttributeBag {
    AttributeBag::new()
        .with("destination.namespace", "a")
        .with("request.path", "/")
        .with("request.headers", [("user", user), ("x-request-id", "00000001-0000")])
}

fn operations(operations: &[HeaderOperation]) -> Vec<(&str, &str, Operation)> {
    operations.iter().map(|o| (o.name.as_str(), o.value.as_str(), o.operation())).collect()
}

fn referenced(answer: &PreconditionResult) -> Vec<(String, Option<String>, Condition)> {
    let list = answer.referenced_attributes.clone().unwrap();
    let matches = list.attribute_matches.iter().map(|m| (m.name, m.condition, m.map_key));
    let references = resolve_references(&list.words, matches).unwrap();
    references.iter().map(|(n, k, c)| (n.to_string(), k.map(str::to_owned), c)).collect()
}

#[tokio::test]
async fn header_operations_use_what_a_check_puts_out_and_a_broken_one_is_left_out_alone() {
    let f = Fixture::new(&[MANIFEST, GROUPS]).await;
    assert_eq!(f.problems(), [""; 0]);
    for level in [CacheLevel::Miss, CacheLevel::L2] {
        let (response, from) = f.ask(&request("jason"), &[]).await;
        assert_eq!(from, level);
        let answer = response.precondition.unwrap();
        assert_eq!(answer.status.as_ref().unwrap().code, 0);
        let directive = answer.route_directive.clone().unwrap();
        assert_eq!(
            operations(&directive.request_header_operations),
            [("user-group", "admin", Operation::Replace), ("x-secret", "", Operation::Remove)]
        );
        assert_eq!(
            operations(&directive.response_header_operations),
            [("x-seen", "one", Operation::Append), ("x-seen", "two", Operation::Append)]
        );
        let read = referenced(&answer);
        let key = ("request.headers".to_owned(), Some("user".to_owned()), Condition::Exact);
        assert!(read.contains(&key), "{read:?}");
        assert!(
            read.contains(&("source.name".to_owned(), None, Condition::Absence)),
            "what an operation looked for counts: {read:?}"
        );
    }
}

#[tokio::test]
async fn a_denied_request_has_no_header_operations() {
    let f = Fixture::new(&[MANIFEST, GROUPS]).await;
    let (response, _) = f.ask(&request("mallory"), &[]).await;
    let answer = response.precondition.unwrap();
    let status = answer.status.unwrap();
    assert_eq!(status.code, 5);
    assert!(status.message.starts_with("groups.a:"), "{}", status.message);
    let directive = answer.route_directive.unwrap_or_default();
    assert!(directive.request_header_operations.is_empty());
}

#[tokio::test]
async fn a_rule_may_have_header_operations_and_nothing_else() {
    let rule = r#"
kind: rule
metadata: { name: mark, namespace: istio-system }
spec:
  actions: []
  requestHeaderOperations: [ { name: x-marked, values: [ request.path ] } ]
"#;
    let f = Fixture::new(&[MANIFEST, rule, GROUPS]).await;
    assert_eq!(f.problems(), [""; 0]);
    let elsewhere = request("jason").with("destination.namespace", "b");
    for (bag, expected) in [
        (&elsewhere, vec![("x-marked", "/", Operation::Replace)]),
        (
            &request("jason"),
            vec![
                ("x-marked", "/", Operation::Replace),
                ("user-group", "admin", Operation::Replace),
                ("x-secret", "", Operation::Remove),
            ],
        ),
    ] {
        let (response, _) = f.ask(bag, &[]).await;
        let directive = response.precondition.unwrap().route_directive.unwrap();
        assert_eq!(operations(&directive.request_header_operations), expected);
    }
    let (response, _) = f.ask(&elsewhere.with("request.path", "/other"), &[]).await;
    let answer = response.precondition.unwrap();
    let valid = (answer.valid_duration.unwrap().seconds, answer.valid_use_count > 0);
    assert_eq!(valid, (60, true), "the answer of a Mixer without an opinion");
}

#[tokio::test]
async fn an_operation_that_does_not_compile_refuses_the_rule() {
    let wrong = GROUPS.replace("x.output.value", "y.output.value");
    let f = Fixture::new(&[MANIFEST, &wrong]).await;
    let problems = f.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("header User-Group: "), "{problems:?}");
}

#[tokio::test]
async fn a_sampled_check_takes_its_share_and_is_never_cached() {
    let rule = denier("request.path == \"/\"").replace(
        "spec:\n  match",
        "spec:\n  sampling: { random: { percentSampled: { numerator: 0, denominator: HUNDRED } } }\n  match",
    );
    let mut f = Fixture::new(&[MANIFEST, &rule]).await;
    assert_eq!(f.problems(), [""; 0]);
    for _ in 0..3 {
        let (response, level) = f.ask(&request("jason"), &[]).await;
        let answer = response.precondition.unwrap();
        assert_eq!((answer.status.unwrap().code, answer.valid_use_count), (0, 0));
        assert_eq!(level, CacheLevel::Miss);
    }
    f.edit(&[MANIFEST, &rule.replace("numerator: 0", "numerator: 100")]).await;
    let (response, _) = f.ask(&request("jason"), &[]).await;
    assert_eq!(response.precondition.unwrap().status.unwrap().code, 7);
}

#[tokio::test]
async fn generated_attributes_choose_the_namespace_and_never_hide_the_requests_own() {
    let f = Fixture::new(&[MANIFEST, GENERATOR, &denier("source.name == \"generated\"")]).await;
    assert_eq!(f.problems(), [""; 0]);
    let bag = AttributeBag::new().with("request.path", "/").with("source.uid", "kubernetes://x.y");
    for level in [CacheLevel::Miss, CacheLevel::L2] {
        let (response, from) = f.ask(&bag, &[]).await;
        assert_eq!(from, level);
        let answer = response.precondition.unwrap();
        assert_eq!(answer.status.as_ref().unwrap().code, 7, "namespace and name are generated");
        let read = referenced(&answer);
        let absent = |name: &str| (name.to_owned(), None, Condition::Absence);
        assert!(read.contains(&("source.uid".to_owned(), None, Condition::Exact)), "{read:?}");
        assert!(read.contains(&absent("source.name")), "{read:?}");
        assert!(read.contains(&absent("destination.namespace")), "{read:?}");
    }
    let own = bag.clone().with("source.name", "own");
    let (response, level) = f.ask(&own, &[]).await;
    assert_eq!((response.precondition.unwrap().status.unwrap().code, level), (0, CacheLevel::Miss));
    let elsewhere = bag.with("destination.namespace", "b");
    let (response, _) = f.ask(&elsewhere, &[]).await;
    assert_eq!(response.precondition.unwrap().status.unwrap().code, 0);
}

#[tokio::test]
async fn an_edit_of_a_generator_is_a_new_generation_everywhere() {
    let mut f = Fixture::new(&[MANIFEST, GENERATOR, &denier("true")]).await;
    let before = f.digest("a");
    f.edit(&[MANIFEST, &GENERATOR.replace("\"generated\"", "\"made\""), &denier("true")]).await;
    assert_ne!(f.digest("a"), before);
    let report = GENERATOR
        .replace("namespace: istio-system }\nspec: { actions", "namespace: b }\nspec: { actions");
    f.edit(&[MANIFEST, &report, &denier("true")]).await;
    assert_ne!(f.digest("a"), before, "a generator of another namespace counts as well");
}

#[tokio::test]
async fn a_generator_that_is_not_there_refuses_unless_its_rule_is_open() {
    let missing = GENERATOR.replace("compiledAdapter: kubernetesenv", "compiledAdapter: denier");
    let mut f = Fixture::new(&[MANIFEST, &missing, &denier("request.path == \"/x\"")]).await;
    assert!(!f.problems().is_empty());
    let open = missing.replace("spec: { actions", "spec: { failPolicy: open, actions");
    let code = |response: CheckResponse| response.precondition.unwrap().status.unwrap().code;
    let closed = code(f.ask(&request("jason"), &[]).await.0);
    f.edit(&[MANIFEST, &open, &denier("request.path == \"/x\"")]).await;
    let opened = code(f.ask(&request("jason"), &[]).await.0);
    assert_eq!(
        (closed, opened),
        (0, 0),
        "an instance that its handler does not take generates nothing"
    );
    let broken = GENERATOR.replace("'source.uid | \"\"'", "source.uid");
    f.edit(&[MANIFEST, &broken]).await;
    assert_eq!(code(f.ask(&request("jason"), &[]).await.0), 3, "source.uid is absent");
    f.edit(&[MANIFEST, &broken.replace("spec: { actions", "spec: { failPolicy: open, actions")])
        .await;
    assert_eq!(code(f.ask(&request("jason"), &[]).await.0), 0);
}

fn quota(rule: &str) -> String {
    format!(
        "
kind: instance
metadata: {{ name: RequestCount, namespace: a }}
spec: {{ compiledTemplate: quota, params: {{ dimensions: {{ user: 'request.headers[\"user\"]' }} }} }}
---
kind: rule
metadata: {{ name: limit, namespace: a }}
spec: {{ match: 'request.path == \"/\"', {rule} actions: [ {{ handler: nothing, instances: [ RequestCount ] }} ] }}
"
    )
    .replace("RequestCount", "requestcount")
}

fn asked(amount: i64) -> [QuotaRequest<'static>; 1] {
    [QuotaRequest { name: "REQUESTCOUNT", amount, best_effort: false }]
}

#[tokio::test]
async fn a_quota_is_granted_by_its_handler_or_in_full_where_no_rule_limits_it() {
    let f = Fixture::new(&[MANIFEST, NOOP, &quota("")]).await;
    assert_eq!(f.problems(), [""; 0]);
    let announced = f.mixer.policy().announcement();
    assert_eq!(announced.namespaces["a"].quotas, ["requestcount"]);
    let (response, _) = f.ask(&request("jason"), &asked(3)).await;
    let granted = &response.quotas["REQUESTCOUNT"];
    assert_eq!(
        (granted.granted_amount, granted.valid_duration.unwrap().seconds),
        (3, 1_000_000_000)
    );
    let unlimited = request("jason").with("request.path", "/other");
    for _ in 0..2 {
        let (response, _) = f.ask(&unlimited, &asked(5)).await;
        let granted = &response.quotas["REQUESTCOUNT"];
        assert_eq!((granted.granted_amount, granted.valid_duration.unwrap().seconds), (5, 60));
    }
}

#[tokio::test]
async fn a_quota_nobody_can_decide_on_refuses_the_request_unless_its_rule_is_open() {
    let mut f = Fixture::new(&[MANIFEST, &quota("")]).await;
    let (response, _) = f.ask(&request("jason"), &asked(1)).await;
    let answer = response.precondition.unwrap();
    let status = answer.status.unwrap();
    assert_eq!((status.code, answer.valid_use_count), (14, 0), "{}", status.message);
    assert!(response.quotas.is_empty());
    f.edit(&[MANIFEST, &quota("failPolicy: open,")]).await;
    let (response, _) = f.ask(&request("jason"), &asked(1)).await;
    assert_eq!(response.precondition.unwrap().status.unwrap().code, 0);
    let granted = &response.quotas["REQUESTCOUNT"];
    assert_eq!((granted.granted_amount, granted.valid_duration.unwrap().seconds), (1, 0));
}

#[tokio::test]
async fn a_denied_request_spends_no_quota() {
    let f = Fixture::new(&[MANIFEST, NOOP, &quota(""), &denier("true")]).await;
    let (response, _) = f.ask(&request("jason"), &asked(1)).await;
    assert_eq!(response.precondition.unwrap().status.unwrap().code, 7);
    assert!(response.quotas.is_empty());
}

#[tokio::test]
async fn a_dictionary_larger_than_ours_is_refused_in_the_words_that_old_proxies_know() {
    let f = Fixture::new(&[MANIFEST]).await;
    let request = [0x10, 0xac, 0x02]; // global_word_count = 300
    let refusal = f.mixer.check(&request, &Caller::default()).await.unwrap_err();
    assert_eq!(refusal.code(), tonic::Code::InvalidArgument);
    assert!(refusal.message().starts_with("Request could not be processed due to invalid"));
}

#[tokio::test]
async fn a_field_that_fails_on_report_is_named_while_the_others_are_delivered() {
    let rules = r#"
kind: instance
metadata: { name: broken, namespace: a }
spec: { compiledTemplate: logentry, params: { variables: { name: source.name } } }
---
kind: instance
metadata: { name: event, namespace: a }
spec: { compiledTemplate: reportnothing }
---
kind: rule
metadata: { name: all, namespace: a }
spec: { actions: [ { handler: nothing, instances: [ broken, event ] } ] }
"#;
    let f = Fixture::new(&[MANIFEST, NOOP, rules]).await;
    assert_eq!(f.problems(), [""; 0]);
    let good = request("jason").with("source.name", "here");
    let mut encoder = ReportEncoder::new();
    assert!(encoder.push(&good) && encoder.push(&request("eve")));
    let report = encoder.finish().unwrap();
    let refusal = f.mixer.report(&report, &HeaderMap::new()).await.unwrap_err();
    let expected = "1 instances could not be made, the others were taken: element 1: instance \
                    broken.instance.a: field variables.name: lookup failed: 'source.name'";
    assert_eq!(refusal.message(), expected);
    let mut ours = HeaderMap::new();
    ours.insert("mixmesh-batch", "filter-1".parse().unwrap());
    f.mixer.report(&report, &ours).await.unwrap();
}

#[tokio::test]
async fn a_client_without_our_dictionary_asks_and_reports_in_its_own_words() {
    let f = Fixture::new(&[MANIFEST, NOOP, &denier("request.path == \"/x\"")]).await;
    let words = ["destination.namespace", "a", "request.path", "/x"].map(str::to_owned).to_vec();
    let attributes = CompressedAttributes {
        words: words.clone(),
        strings: [(-1, -2), (-3, -4)].into(),
        ..CompressedAttributes::default()
    };
    let request = CheckRequest { attributes: Some(attributes), ..CheckRequest::default() };
    let answer = f.mixer.check(&request.encode_to_vec(), &Caller::default()).await.unwrap();
    let answer = CheckResponse::decode(answer.body).unwrap().precondition.unwrap();
    assert_eq!(answer.status.as_ref().unwrap().code, 7);
    let list = answer.referenced_attributes.as_ref().unwrap();
    assert!(list.attribute_matches.iter().all(|m| m.name < 0), "words of the message alone");
    // A delta report, as `mixc` sends: what an element does not say is as in the one before.
    let first = CompressedAttributes { strings: [(-1, -2), (-3, -4)].into(), ..Default::default() };
    let second = CompressedAttributes { strings: [(-3, -2)].into(), ..Default::default() };
    let report = ReportRequest {
        attributes: vec![first, second],
        default_words: words,
        ..ReportRequest::default()
    };
    f.mixer.report(&report.encode_to_vec(), &HeaderMap::new()).await.unwrap();
    assert_eq!(f.mixer.metrics().reports_received.get(), 2);
}

#[tokio::test]
async fn an_explanation_shows_rules_instances_answers_and_what_the_answer_depends_on() {
    let f = Fixture::new(&[MANIFEST, NOOP, GROUPS, GENERATOR, &quota(""), &denier("false")]).await;
    let explained = f.mixer.explain(&request("mallory")).await;
    assert_eq!(explained["namespace"], "a");
    assert_eq!(explained["generated"]["source.name"]["v"], "generated");
    let rule = |variety: &str, name: &str| {
        let rules = explained["rules"].as_array().unwrap().iter();
        let mut found = rules.filter(|rule| rule["variety"] == variety && rule["rule"] == name);
        found.next().unwrap_or_else(|| panic!("no {name} in {explained:#}")).clone()
    };
    let group = rule("check", "group.rule.a");
    assert_eq!(group["matches"], true);
    let call = &group["calls"][0];
    assert_eq!((&call["handler"], &call["adapter"]), (&"groups.a".into(), &"keyval".into()));
    assert_eq!(call["values"]["key"]["v"], "mallory");
    assert_eq!(call["answer"]["code"], 5);
    assert_eq!(rule("check", "deny.rule.a")["matches"], false);
    let limit = rule("quota", "limit.rule.a");
    assert_eq!(limit["calls"][0]["quota"], "requestcount");
    assert_eq!(explained["answer"]["code"], 5);
    let depends = explained["answer"]["depends_on"].to_string();
    assert!(depends.contains("request.headers"), "{depends}");
    let (_, level) = f.ask(&request("mallory"), &[]).await;
    assert_eq!(level, CacheLevel::Miss, "an explanation is not cached");
}

#[tokio::test]
async fn a_report_whose_instance_is_gone_refuses_nobody() {
    let log = r#"
kind: handler
metadata: { name: log, namespace: a }
spec: { compiledAdapter: stdio }
---
kind: rule
metadata: { name: log, namespace: a }
spec:
  actions: [ { handler: log, instances: [ line ] }, { handler: nothing, instances: [ other ] } ]
  requestHeaderOperations: [ { name: x-logged, values: [ '"yes"' ] } ]
"#;
    let line = r#"
kind: instance
metadata: { name: line, namespace: a }
spec: { compiledTemplate: logentry, params: { severity: '"INFO"' } }
---
kind: instance
metadata: { name: other, namespace: a }
spec: { compiledTemplate: reportnothing }
"#;
    let mut f = Fixture::new(&[MANIFEST, NOOP, log, line]).await;
    assert_eq!(f.problems(), [""; 0]);
    f.edit(&[MANIFEST, NOOP, log]).await;
    assert_eq!(f.problems().len(), 2, "{:?}", f.problems());
    let answer = f.ask(&request("jason"), &[]).await.0.precondition.unwrap();
    assert_eq!(answer.status.unwrap().code, 0);
    assert_eq!(answer.route_directive.unwrap().request_header_operations.len(), 1);
}
