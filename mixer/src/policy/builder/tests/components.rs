//! Handlers that name their component by its place, with limits and templates of the author's own.

use std::fs;

use adapter_host::OwnedValue;
use http::HeaderMap;
use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::ReportEncoder;

use crate::fixture::{Fixture, MANIFEST, built_adapters};
use crate::handlers::HandlerState;

const HANDLER: &str = "
kind: handler
metadata: { name: mine, namespace: a }
spec: { adapter: testing/invented.wasm }
";

const LIMITS: &str = "
kind: instance
metadata: { name: rate, namespace: a }
spec:
  template: acme:rates/limits@1.2.0
  params:
    client: { name: request.path, address: source.ip }
    tokens: '7'
    share: '0.5'
    internal: request.path == \"/in\"
    labels: source.labels
    extra: source.ip
    maxAge: '60'
";

const RULE: &str = "
kind: rule
metadata: { name: rates, namespace: a }
spec: { actions: [ { handler: mine, instances: [ rate ] } ] }
";

const AUDIT: &str = "
kind: instance
metadata: { name: audit, namespace: a }
spec: { template: audit, params: { who: request.path, instance: response.code } }
---
kind: rule
metadata: { name: audit, namespace: a }
spec: { actions: [ { handler: mine, instances: [ audit ] } ] }
";

const ORIGIN: &str = "
kind: attributemanifest
metadata: { name: origin, namespace: istio-system }
spec:
  attributes:
    origin.region: { valueType: STRING }
    origin.weight: { valueType: INT64 }
---
kind: instance
metadata: { name: origin, namespace: a }
spec:
  template: acme:rates/origin@1.2.0
  params: { ip: source.ip }
  attributeBindings: { origin.region: $out.region, origin.weight: $out.weight }
---
kind: rule
metadata: { name: origin, namespace: a }
spec: { actions: [ { handler: mine, instances: [ origin ] } ] }
---
kind: handler
metadata: { name: no, namespace: a }
spec: { compiledAdapter: denier, params: { status: { code: 7, message: outside } } }
---
kind: instance
metadata: { name: nothing, namespace: a }
spec: { compiledTemplate: checknothing }
---
kind: rule
metadata: { name: deny, namespace: a }
spec:
  match: origin.region == \"outside\" && origin.weight > 5
  actions: [ { handler: no, instances: [ nothing ] } ]
";

fn request(path: &str) -> AttributeBag {
    AttributeBag::new()
        .with("destination.namespace", "a")
        .with("request.path", path)
        .with("source.ip", OwnedValue::Bytes(vec![192, 168, 0, 9]))
        .with("source.labels", OwnedValue::StringMap([("k".to_owned(), "v".to_owned())].into()))
        .with("response.code", 200)
}

async fn check(fixture: &Fixture, bag: &AttributeBag) -> (i32, String) {
    let precondition: PreconditionResult = fixture.ask(bag, &[]).await.0.precondition.unwrap();
    let status = precondition.status.unwrap_or_default();
    (status.code, status.message)
}

#[tokio::test]
async fn a_check_of_an_invented_template_decides() {
    let f = Fixture::new(&[MANIFEST, HANDLER, LIMITS, RULE]).await;
    assert_eq!(f.problems(), [""; 0]);
    assert_eq!(check(&f, &request("/in")).await.0, 0);
    let (code, message) = check(&f, &request("/out")).await;
    assert_eq!(code, 7);
    for expected in ["name: \"/out\"", "[192, 168, 0, 9]", "(\"k\", \"v\")", "max-age: Some(60)"] {
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[tokio::test]
async fn what_an_invented_generator_answers_becomes_attributes() {
    let f = Fixture::new(&[MANIFEST, HANDLER, ORIGIN]).await;
    assert_eq!(f.problems(), [""; 0]);
    assert_eq!(check(&f, &request("/")).await, (7, "no.a:outside".to_owned()));
    let inside = request("/").with("source.ip", OwnedValue::Bytes(vec![10, 0, 0, 9]));
    assert_eq!(check(&f, &inside).await.0, 0);
}

#[tokio::test]
async fn reports_of_an_invented_template_arrive_and_the_refused_are_counted() {
    let f = Fixture::new(&[MANIFEST, HANDLER, AUDIT]).await;
    assert_eq!(f.problems(), [""; 0]);
    let mut report = ReportEncoder::new();
    for path in ["/a", "nobody", "/b"] {
        assert!(report.push(&request(path)));
    }
    f.mixer.report(&report.finish().unwrap(), &HeaderMap::new()).await.unwrap();
    let failed = || {
        let policy = f.mixer.policy();
        let HandlerState::Built { built, .. } = &policy.handlers()[0].state else { panic!() };
        let status = built.engine.status();
        (status.calls, status.failed_elements)
    };
    while failed() != (1, 1) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn mistakes_in_an_invented_instance_are_told_with_their_lines() {
    let wrong = LIMITS
        .replace("tokens:", "tokns:")
        .replace("share: '0.5'", "share: '1'")
        .replace("    labels: source.labels\n", "");
    let f = Fixture::new(&[MANIFEST, HANDLER, &wrong, RULE]).await;
    let told = f.problems();
    for expected in [
        "field tokns: is unknown to acme:rates/limits@1.2.0, did you mean tokens?",
        "field share: is INT64, expected DOUBLE",
        "field labels: is missing, acme:rates/limits@1.2.0 needs it",
    ] {
        assert!(told.iter().any(|problem| problem.contains(expected)), "{expected}: {told:?}");
    }
    let unknown = LIMITS.replace("rates/limits", "rates/limit");
    let f = Fixture::new(&[MANIFEST, HANDLER, &unknown, RULE]).await;
    assert!(
        f.problems()[0].contains("did you mean `acme:rates/limits@1.2.0`?"),
        "{:?}",
        f.problems()
    );
}

#[tokio::test]
async fn a_component_that_changes_its_types_closes_the_rules_that_need_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (place, built) = (folder.path().join("mine.wasm"), built_adapters().join("testing"));
    fs::copy(built.join("invented.wasm"), &place).unwrap();
    let handler = HANDLER.replace("testing/invented.wasm", &format!("file://{}", place.display()));
    let mut f = Fixture::new(&[MANIFEST, &handler, LIMITS, RULE]).await;
    assert_eq!((f.problems(), check(&f, &request("/in")).await.0), (Vec::new(), 0));
    fs::copy(built.join("invented-changed.wasm"), &place).unwrap();
    f.edit(&[MANIFEST, &handler, LIMITS, RULE]).await;
    let told = f.problems();
    assert!(told.iter().any(|p| p.contains("field tenant: is missing")), "{told:?}");
    assert_eq!(check(&f, &request("/in")).await.0, 14, "closed, not gone");
    let adapted = "
kind: instance
metadata: { name: rate, namespace: a }
spec: { template: limits, params: { internal: 'true', tenant: request.path } }
";
    f.edit(&[MANIFEST, &handler, adapted, RULE]).await;
    assert_eq!((f.problems(), check(&f, &request("/in")).await.0), (Vec::new(), 0));
}

#[tokio::test]
async fn limits_of_a_handler_hold_and_are_bounded_by_the_host() {
    let limited =
        HANDLER.replace(".wasm }", ".wasm, limits: { memory: 8Mi, instances: 3, logRate: 1 } }");
    let f = Fixture::new(&[MANIFEST, &limited]).await;
    assert_eq!(f.problems(), [""; 0]);
    let policy = f.mixer.policy();
    let HandlerState::Built { built, .. } = &policy.handlers()[0].state else { panic!() };
    assert_eq!(built.engine.limits().unwrap().memory, 8 << 20);
    assert_eq!(built.engine.limits().unwrap().instances.get(), 3);
    let f = Fixture::new(&[MANIFEST, &limited.replace("8Mi", "64Gi")]).await;
    assert!(f.problems()[0].contains("limits.memory: 65536Mi is more than"), "{:?}", f.problems());
}

#[tokio::test]
async fn a_registry_that_is_away_holds_up_nobody_and_a_tag_is_refused() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let digest = "ab".repeat(32);
    let pulled = format!(
        "
kind: handler
metadata: {{ name: pulled, namespace: a }}
spec: {{ adapter: 'oci://{address}/team/x@sha256:{digest}' }}
"
    );
    let f = Fixture::new(&[MANIFEST, HANDLER, LIMITS, RULE, &pulled]).await;
    assert_eq!(check(&f, &request("/in")).await.0, 0);
    let told = f.problems();
    assert!(told[0].contains("does not answer") && told[0].contains("tried again"), "{told:?}");
    let tagged = pulled.replace(&format!("@sha256:{digest}"), ":v1");
    let f = Fixture::new(&[MANIFEST, &tagged]).await;
    assert!(f.problems()[0].contains("has no digest"), "{:?}", f.problems());
}
