use mesh_attributes::AttributeBag;

use super::*;
use crate::attributes::{FORWARDED_ATTRIBUTES, forward};

const PEER: &str = "spiffe://cluster.local/ns/shop/sa/web";

fn forwarded() -> String {
    forward(&AttributeBag::new().with("source.uid", "kubernetes://web.shop"))
}

/// The text of `name` in the question that a request leads to, and the header that goes on.
fn asked(mesh: &Mesh, stream: MockStream, name: &str) -> (Option<String>, Vec<String>) {
    let mut request = mesh.stream(stream);
    request.start();
    let call = mesh.call();
    let question = CheckRequest::decode(&call.body[5..]).unwrap();
    let text = match question.attributes.get(&AttributeName::new(name)) {
        Some(Value::String(text)) => Some(text.to_owned()),
        _ => None,
    };
    request.answer(&call, &Reply::allow());
    let handed_on = request.stream.header(HeaderBlock::Request, FORWARDED_ATTRIBUTES);
    request.end();
    (text, handed_on)
}

#[test]
fn forwarded_attributes_are_believed_from_whom_configuration_trusts_and_never_go_on() {
    let tls = |uri: &str| {
        let uri = uri.to_owned();
        move |stream: MockStream| stream.with_peer(&uri)
    };
    let plain = |stream: MockStream| stream;
    type Peer<'a> = &'a dyn Fn(MockStream) -> MockStream;
    let (known, stranger) = (tls(PEER), tls("spiffe://elsewhere/ns/a/sa/b"));
    let cases: [(&str, Peer<'_>, bool); 7] = [
        ("{}", &known, false),
        (r#"{"forwarded_attributes": {"trust": "none"}}"#, &known, false),
        (r#"{"forwarded_attributes": {"trust": "any"}}"#, &plain, true),
        (r#"{"forwarded_attributes": {"trust": "mtls"}}"#, &plain, false),
        (r#"{"forwarded_attributes": {"trust": "mtls"}}"#, &stranger, true),
        (
            r#"{"forwarded_attributes": {"trust": "mtls", "principals": ["spiffe://cluster.local/"]}}"#,
            &known,
            true,
        ),
        (
            r#"{"forwarded_attributes": {"trust": "mtls", "principals": ["spiffe://cluster.local/"]}}"#,
            &stranger,
            false,
        ),
    ];
    for (json, peer, believed) in cases {
        let mesh = Mesh::with(json);
        let stream = MockStream::get(&mesh.proxy, "/");
        let stream = peer(stream.with_header(FORWARDED_ATTRIBUTES, forwarded()));
        let (uid, handed_on) = asked(&mesh, stream, "source.uid");
        assert_eq!(uid.is_some(), believed, "{json}");
        assert_eq!(handed_on, [""; 0], "{json}");
        assert_eq!(mesh.count(Counter::ForwardedUntrusted), u64::from(!believed), "{json}");
    }
}

#[test]
fn a_forwarded_attribute_wins_over_a_stated_one_in_the_question_and_in_the_key() {
    let mesh = Mesh::with(
        r#"{"forwarded_attributes": {"trust": "any"},
            "attributes": {"source.uid": {"t": "STRING", "v": "stated"}}}"#,
    );
    mesh.announce(1, true);
    let stream = || MockStream::get(&mesh.proxy, "/");
    let by_uid = Reply::allow().on("source.uid", None, Condition::Exact);
    let ask = |stream: MockStream, reply: &Reply| {
        let mut request = mesh.stream(stream);
        let start = request.start();
        let calls = mesh.proxy.take_calls();
        if let Some(call) = calls.first() { request.answer(call, reply) } else { start }
    };
    let with = |uid: &str| {
        let header = forward(&AttributeBag::new().with("source.uid", uid));
        stream().with_header(FORWARDED_ATTRIBUTES, header)
    };
    assert_eq!(ask(with("a"), &by_uid), Outcome::Passed);
    let denial = Reply { code: 7, ..by_uid.clone() };
    assert!(matches!(ask(with("b"), &denial), Outcome::Refused(403, _)));
    assert_eq!(ask(with("a"), &denial), Outcome::Passed, "from the cache");
    assert!(matches!(ask(with("b"), &by_uid), Outcome::Refused(403, _)), "from the cache");
    assert_eq!(mesh.count(Counter::CheckL1Hits), 2);
}

#[test]
fn a_header_that_cannot_be_read_is_counted_and_taken_off() {
    let mesh = Mesh::with(r#"{"forwarded_attributes": {"trust": "any"}}"#);
    let stream = MockStream::get(&mesh.proxy, "/").with_header(FORWARDED_ATTRIBUTES, "%%%");
    assert_eq!(asked(&mesh, stream, "source.uid"), (None, vec![]));
    assert_eq!(mesh.count(Counter::ForwardedMalformed), 1);
}

#[test]
fn the_next_proxy_gets_what_configuration_states_and_nothing_that_a_client_wrote() {
    let mesh = Mesh::with(
        r#"{"forward_attributes": {"source.uid": {"t": "STRING", "v": "kubernetes://web.shop"}}}"#,
    );
    let stream = MockStream::get(&mesh.proxy, "/").with_header(FORWARDED_ATTRIBUTES, "forged");
    let (_, handed_on) = asked(&mesh, stream, "source.uid");
    assert_eq!(handed_on, [forwarded()]);
}

#[test]
fn the_header_is_taken_off_even_where_nothing_is_checked_or_reported() {
    let mesh = Mesh::with(r#"{"disable_check": true, "disable_report": true}"#);
    let stream = MockStream::get(&mesh.proxy, "/").with_header(FORWARDED_ATTRIBUTES, "x");
    let mut request = mesh.stream(stream);
    assert_eq!(request.start(), Outcome::Passed);
    assert_eq!(request.stream.header(HeaderBlock::Request, FORWARDED_ATTRIBUTES), [""; 0]);
}

#[test]
fn claims_of_a_verified_token_are_attributes_from_either_place() {
    const JSON: &str = r#"{"iss":"i","sub":"jane","groups":["a","b"]}"#;
    // The same in base64.
    const HEADER: &str = "eyJpc3MiOiJpIiwic3ViIjoiamFuZSIsImdyb3VwcyI6WyJhIiwiYiJdfQ";
    let header = Mesh::with(r#"{"jwt": {"header": "x-jwt", "remove_header": true}}"#);
    let stream = MockStream::get(&header.proxy, "/").with_header("x-jwt", HEADER);
    let mut request = header.stream(stream);
    request.start();
    let call = header.call();
    let question = CheckRequest::decode(&call.body[5..]).unwrap();
    let claims = AttributeName::new("request.auth.claims");
    let Some(Value::StringMap(claims)) = question.attributes.get(&claims) else { panic!("none") };
    assert_eq!(claims.get("groups"), Some("a,b"));
    assert_eq!(request.stream.header(HeaderBlock::Request, "x-jwt"), [""; 0]);
    let state = Mesh::with(r#"{"jwt": {"filter_state": "jwt"}}"#);
    let stream = MockStream::get(&state.proxy, "/").with_filter_state("jwt", JSON);
    let (principal, _) = asked(&state, stream, "request.auth.principal");
    assert_eq!(principal.as_deref(), Some("i/jane"));
}

#[test]
fn a_token_in_two_headers_or_in_none_that_configuration_names_is_none() {
    let mesh = Mesh::with(r#"{"jwt": {"header": "x-jwt"}}"#);
    let twice =
        MockStream::get(&mesh.proxy, "/").with_header("x-jwt", "e30").with_header("x-jwt", "e30");
    assert_eq!(asked(&mesh, twice, "request.auth.raw_claims").0, None);
    assert_eq!(mesh.count(Counter::TokensMalformed), 1);
    let garbage = MockStream::get(&mesh.proxy, "/garbage").with_header("x-jwt", "%%%");
    assert_eq!(asked(&mesh, garbage, "request.auth.raw_claims").0, None);
    assert_eq!(mesh.count(Counter::TokensMalformed), 2);
    let without = Mesh::new();
    let stream = MockStream::get(&without.proxy, "/").with_header("x-jwt", "e30");
    assert_eq!(asked(&without, stream, "request.auth.raw_claims").0, None);
}

#[test]
fn a_principal_is_matched_by_whole_segments() {
    for (principal, trusted) in [
        ("spiffe://cluster.local", true),
        ("spiffe://cluster.local/ns/shop/", true),
        (PEER, true),
        ("spiffe://cluster.loc", false),
        ("spiffe://cluster.local/ns/sho", false),
    ] {
        let mesh = Mesh::with(&format!(
            r#"{{"forwarded_attributes": {{"trust": "mtls", "principals": ["{principal}"]}}}}"#
        ));
        let stream = MockStream::get(&mesh.proxy, "/").with_peer(PEER);
        let stream = stream.with_header(FORWARDED_ATTRIBUTES, forwarded());
        assert_eq!(asked(&mesh, stream, "source.uid").0.is_some(), trusted, "{principal}");
    }
}

#[test]
fn a_forwarded_namespace_is_never_skipped_for_what_another_was_known_to_need() {
    let mesh = Mesh::with(r#"{"forwarded_attributes": {"trust": "any"}, "direction": "outbound"}"#);
    mesh.announce(1, false);
    mesh.ask("/", &Reply::allow());
    assert_eq!(mesh.hit("/other"), Outcome::Passed);
    assert_eq!(mesh.count(Counter::CheckSkipped), 1);
    let header = forward(&AttributeBag::new().with("source.namespace", "checked"));
    let stream = MockStream::get(&mesh.proxy, "/third").with_header(FORWARDED_ATTRIBUTES, header);
    assert_eq!(asked(&mesh, stream, "source.namespace").0.as_deref(), Some("checked"));
}

#[test]
fn a_token_that_is_taken_off_is_in_no_key_and_no_question() {
    let mesh = Mesh::with(r#"{"jwt": {"header": "x-jwt", "remove_header": true}}"#);
    mesh.announce(1, true);
    let stream = || MockStream::get(&mesh.proxy, "/").with_header("x-jwt", "e30");
    let by_header = Reply::allow().on("request.headers", Some("x-jwt"), Condition::Absence);
    let mut first = mesh.stream(stream());
    first.start();
    let call = mesh.call();
    assert_eq!(first.answer(&call, &by_header), Outcome::Passed);
    assert_eq!(mesh.stream(stream()).start(), Outcome::Passed, "from the cache");
    mesh.no_call();
}
