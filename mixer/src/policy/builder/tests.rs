use mesh_api::mixer::v1::CheckResponse;
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::encode_check_request;
use prost::Message;

use crate::check::{CacheLevel, Caller};
use crate::fixture::{Fixture, MANIFEST};
use crate::policy::Generation;

mod components;

const DENIER: &str = "
kind: handler
metadata: { name: no, namespace: a }
spec: { compiledAdapter: denier, params: { status: { code: 7, message: closed } } }
---
kind: instance
metadata: { name: nothing, namespace: a }
spec: { compiledTemplate: checknothing }
";

const RULE: &str = "
kind: rule
metadata: { name: deny, namespace: a }
spec:
  match: request.path == \"/x\"
  actions: [ { handler: no, instances: [ nothing ] } ]
";

#[tokio::test]
async fn a_rule_denies_in_its_namespace_and_nowhere_else() {
    let f = Fixture::new(&[MANIFEST, DENIER, RULE]).await;
    let denied = f.check("a", "/x").await.status.unwrap();
    assert_eq!((denied.code, denied.message.as_str()), (7, "no.a:closed"));
    assert_eq!(f.code("a", "/y").await, 0);
    assert_eq!(f.code("b", "/x").await, 0);
    assert_eq!(f.problems(), [""; 0]);
}

#[tokio::test]
async fn a_rule_of_the_root_namespace_holds_everywhere() {
    let everywhere = RULE
        .replace("namespace: a", "namespace: istio-system")
        .replace("handler: no", "handler: no.handler.a")
        .replace("[ nothing ]", "[ nothing.instance.a ]");
    let f = Fixture::new(&[MANIFEST, DENIER, &everywhere]).await;
    assert_eq!(f.code("a", "/x").await, 7);
    assert_eq!(f.code("b", "/x").await, 7);
}

#[tokio::test]
async fn a_mistake_in_a_rule_leaves_its_last_good_version_in_force() {
    let mut f = Fixture::new(&[MANIFEST, DENIER, RULE]).await;
    f.edit(&[MANIFEST, DENIER, &RULE.replace("request.path ==", "request.pth ==")]).await;
    assert_eq!(f.code("a", "/x").await, 7);
    assert_eq!(f.problems().len(), 1);
    assert!(f.problems()[0].contains("did you mean request.path?"), "{:?}", f.problems());
    f.edit(&[MANIFEST, DENIER, &RULE.replace("/x", "/z")]).await;
    assert_eq!((f.code("a", "/x").await, f.code("a", "/z").await), (0, 7));
    assert_eq!(f.problems(), [""; 0]);
}

#[tokio::test]
async fn the_language_of_a_rule_is_that_of_its_annotation() {
    let in_language = |name: &str, condition: &str| {
        let annotated = format!("namespace: a, annotations: {{ policy.istio.io/lang: {name} }} }}");
        RULE.replace("namespace: a }", &annotated).replace("request.path == \"/x\"", condition)
    };
    let rule = in_language("CEL", "request.path in ['/x', '/z']");
    let mut f = Fixture::new(&[MANIFEST, DENIER, &rule]).await;
    assert_eq!(f.problems(), [""; 0]);
    assert_eq!((f.code("a", "/z").await, f.code("a", "/y").await), (7, 0));
    f.edit(&[MANIFEST, DENIER, &in_language("CELL", "request.path == '/y'")]).await;
    assert_eq!(f.code("a", "/z").await, 7, "the last good version is in force");
    assert!(f.problems()[0].contains("there is no language CELL"), "{:?}", f.problems());
    let mut digests = Vec::new();
    for name in ["CEXL", "CEL", "COMPAT"] {
        f.edit(&[MANIFEST, DENIER, &in_language(name, "request.path == \"/x\"")]).await;
        assert_eq!(f.code("a", "/x").await, 7);
        digests.push(f.digest("a"));
    }
    digests.dedup();
    assert_eq!(digests.len(), 3, "another language may mean another answer");
}

#[tokio::test]
async fn wrong_parameters_leave_the_last_good_handler_in_force() {
    let mut f = Fixture::new(&[MANIFEST, DENIER, RULE]).await;
    f.edit(&[MANIFEST, &DENIER.replace("code: 7", "code: seven"), RULE]).await;
    assert_eq!(f.code("a", "/x").await, 7);
    assert_eq!(f.problems().len(), 1, "{:?}", f.problems());
}

#[tokio::test]
async fn mistakes_of_a_handler_that_no_rule_uses_are_told() {
    let f = Fixture::new(&[MANIFEST, &DENIER.replace("code: 7", "code: seven")]).await;
    assert_eq!(f.problems().len(), 1, "{:?}", f.problems());
}

#[tokio::test]
async fn a_check_whose_handler_was_never_right_fails_closed() {
    let f = Fixture::new(&[MANIFEST, &DENIER.replace("code: 7", "code: seven"), RULE]).await;
    let refused = f.check("a", "/x").await;
    assert_eq!(refused.status.unwrap().code, 14);
    assert_eq!(refused.valid_use_count, 0);
    assert_eq!(f.code("a", "/y").await, 0);
}

#[tokio::test]
async fn a_check_whose_handler_and_instance_are_deleted_fails_closed_until_the_rule_goes_too() {
    let mut f = Fixture::new(&[MANIFEST, DENIER, RULE]).await;
    f.edit(&[MANIFEST, RULE]).await;
    assert_eq!(f.code("a", "/x").await, 14);
    f.edit(&[MANIFEST, RULE]).await;
    assert_eq!(f.code("a", "/x").await, 14, "another edit changes nothing");
    f.edit(&[MANIFEST]).await;
    assert_eq!(f.code("a", "/x").await, 0);
}

#[tokio::test]
async fn with_an_open_fail_policy_a_failing_handler_has_no_opinion_and_the_answer_is_not_kept() {
    let open = RULE.replace("  actions:", "  failPolicy: open\n  actions:");
    let f = Fixture::new(&[MANIFEST, &DENIER.replace("code: 7", "code: seven"), &open]).await;
    let passed = f.check("a", "/x").await;
    assert_eq!((passed.status.unwrap().code, passed.valid_use_count), (0, 0));
}

#[tokio::test]
async fn an_edit_is_enforced_although_the_answer_is_cached() {
    let mut f = Fixture::new(&[MANIFEST, DENIER]).await;
    assert_eq!(f.code("a", "/x").await, 0);
    assert_eq!(f.code("a", "/x").await, 0);
    f.edit(&[MANIFEST, DENIER, RULE]).await;
    assert_eq!(f.code("a", "/x").await, 7);
    f.edit(&[MANIFEST, DENIER]).await;
    assert_eq!(f.code("a", "/x").await, 0);
}

#[tokio::test]
async fn only_what_can_change_an_answer_changes_a_generation() {
    let mut f = Fixture::new(&[MANIFEST, DENIER, RULE]).await;
    let (a, b) = (f.digest("a"), f.digest("b"));
    let other = RULE
        .replace("name: deny, namespace: a", "name: deny, namespace: b")
        .replace("handler: no", "handler: no.a")
        .replace("[ nothing ]", "[ nothing.a ]");
    f.edit(&[MANIFEST, DENIER, RULE, &other]).await;
    assert_eq!(f.digest("a"), a);
    assert_ne!(f.digest("b"), b);
    let log = "
kind: instance
metadata: { name: entry, namespace: a }
spec: { compiledTemplate: logentry, params: { variables: { path: request.path } } }
";
    f.edit(&[MANIFEST, DENIER, RULE, log]).await;
    assert_eq!((f.digest("a"), f.digest("b")), (a, b));
    f.edit(&[MANIFEST, &DENIER.replace("closed", "shut"), RULE]).await;
    assert_ne!(f.digest("a"), a);
    f.edit(&[MANIFEST, DENIER, RULE]).await;
    assert_eq!(f.digest("a"), a, "the same configuration is the same generation");
}

#[tokio::test]
async fn a_caller_that_knows_a_newer_generation_is_told_that_the_answer_is_stale() {
    let f = Fixture::new(&[MANIFEST, DENIER, RULE]).await;
    let mut request = Vec::new();
    let bag = AttributeBag::new().with("destination.namespace", "a");
    encode_check_request(&bag, "", &[], &mut request);
    let newer = Generation { revision: 9, digest: [9; 16] };
    let caller = Caller { knows: Some(newer), ..Caller::default() };
    let answer = f.mixer.check(&request, &caller).await.unwrap();
    assert_eq!(answer.cache, CacheLevel::Stale);
}

#[tokio::test]
async fn an_old_proxy_may_not_reuse_an_answer_that_depends_on_an_absent_map() {
    let rule = RULE.replace("request.path == \"/x\"", "(request.headers[\"u\"] | \"\") == \"m\"");
    let f = Fixture::new(&[MANIFEST, DENIER, &rule]).await;
    assert_eq!(f.check("a", "/").await.valid_use_count, 0);
    let mut request = Vec::new();
    let bag = AttributeBag::new().with("destination.namespace", "a");
    encode_check_request(&bag, "", &[], &mut request);
    let ours = Caller { is_our_filter: true, ..Caller::default() };
    let answer = f.mixer.check(&request, &ours).await.unwrap();
    let answer = CheckResponse::decode(answer.body).unwrap().precondition.unwrap();
    assert!(answer.valid_use_count > 0);
}

#[tokio::test]
async fn a_message_that_is_no_check_request_is_refused() {
    let f = Fixture::new(&[MANIFEST]).await;
    for bytes in [&[0xff, 0xff][..], &[0x0a, 0x05, 1], &[0x0a, 0x02, 0x12, 0x7f]] {
        let status = f.mixer.check(bytes, &Caller::default()).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert!(status.message().starts_with("malformed CheckRequest: "), "{status}");
    }
}
