use std::rc::Rc;
use std::time::Duration;

use mesh_attributes::{
    AttributeBag, AttributeName, Bag, EachAttribute, KeyState, OwnedValue, StringMap, Timestamp,
    Value,
};
use proptest::prelude::*;

use super::*;
use crate::host::{HeaderBlock, StreamNumber, StreamText};
use crate::mock::{MockProxy, MockStream};

const STARTED: Timestamp = Timestamp { seconds: 7, nanos: 9 };

fn no_statics() -> Statics {
    Statics::new(&AttributeBag::new())
}

fn stream(path: &str) -> MockStream {
    MockStream::get(&MockProxy::new(), path)
}

fn owned(bag: &dyn EachAttribute) -> AttributeBag {
    let mut copy = AttributeBag::new();
    bag.each(&mut |name, value| {
        let twice = copy.iter().any(|(known, _)| known == name);
        assert!(!twice, "{name} is listed twice");
        copy.set(name.as_str(), OwnedValue::from(value));
    });
    copy
}

fn attribute(bag: &impl Bag, name: &str) -> Option<OwnedValue> {
    bag.get(&AttributeName::new(name)).map(OwnedValue::from)
}

fn text(text: &str) -> Option<OwnedValue> {
    Some(OwnedValue::from(text))
}

#[test]
fn a_plain_request_has_the_attributes_of_the_old_proxy() {
    let stream = stream("/a/b?x=1&y&x=2")
        .with_header("user-agent", "curl")
        .with_header("referer", "http://r/")
        .with_header("x-request-id", "id-1")
        .with_text(StreamText::ClientAddress, "203.0.113.9:0")
        .with_text(StreamText::PeerAddress, "10.0.0.1:4711")
        .with_text(StreamText::LocalAddress, "[2001:db8::1]:8080");
    let statics = Statics::new(&AttributeBag::new().with("destination.service.host", "s.ns"));
    let bag = RequestBag::new(&stream, &statics, STARTED);
    let expected = AttributeBag::new()
        .with(
            "request.headers",
            [
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "service"),
                (":path", "/a/b?x=1&y&x=2"),
                ("user-agent", "curl"),
                ("referer", "http://r/"),
                ("x-request-id", "id-1"),
            ],
        )
        .with("request.id", "id-1")
        .with("request.path", "/a/b?x=1&y&x=2")
        .with("request.url_path", "/a/b")
        .with("request.query_params", [("x", "1"), ("y", "")])
        .with("request.host", "service")
        .with("request.method", "GET")
        .with("request.scheme", "http")
        .with("request.useragent", "curl")
        .with("request.referer", "http://r/")
        .with("request.time", STARTED)
        .with("source.ip", &[10, 0, 0, 1][..])
        .with("source.port", 4711)
        .with("origin.ip", &[203, 0, 113, 9][..])
        .with("destination.ip", &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..])
        .with("destination.port", 8080)
        .with("connection.mtls", false)
        .with("context.protocol", "http")
        .with("destination.service.host", "s.ns");
    assert_eq!(owned(&bag), expected);
}

#[test]
fn attributes_that_a_request_lacks_are_absent() {
    let (stream, statics) = (stream("/"), no_statics());
    let bag = RequestBag::new(&stream, &statics, STARTED);
    for absent in [
        "request.query_params",
        "request.referer",
        "request.id",
        "source.principal",
        "source.ip",
        "connection.requested_server_name",
        "destination.service.host",
        "no.such.attribute",
    ] {
        assert_eq!(attribute(&bag, absent), None, "{absent}");
    }
}

#[test]
fn the_request_wins_over_configuration_except_for_addresses() {
    let stream = stream("/real").with_text(StreamText::LocalAddress, "10.0.0.2:80");
    let statics = Statics::new(
        &AttributeBag::new()
            .with("request.path", "/stated")
            .with("request.referer", "stated")
            .with("destination.port", 443),
    );
    let bag = RequestBag::new(&stream, &statics, STARTED);
    assert_eq!(attribute(&bag, "request.path"), text("/real"));
    assert_eq!(attribute(&bag, "request.referer"), text("stated"), "where the request is silent");
    assert_eq!(attribute(&bag, "destination.port"), Some(OwnedValue::from(443)));
    assert_eq!(owned(&bag).iter().filter(|(n, _)| n.as_str() == "request.path").count(), 1);
}

#[test]
fn identities_count_over_mutual_tls_only_and_without_their_scheme() {
    let statics = no_statics();
    let peer = stream("/")
        .with_peer("spiffe://td/ns/a/sa/b")
        .with_text(StreamText::LocalUri, "spiffe://td/ns/c/sa/d")
        .with_text(StreamText::ServerName, "s.example");
    let bag = RequestBag::new(&peer, &statics, STARTED);
    assert_eq!(attribute(&bag, "source.principal"), text("td/ns/a/sa/b"));
    assert_eq!(attribute(&bag, "source.user"), text("td/ns/a/sa/b"));
    assert_eq!(attribute(&bag, "destination.principal"), text("td/ns/c/sa/d"));
    assert_eq!(attribute(&bag, "connection.mtls"), Some(OwnedValue::from(true)));
    assert_eq!(attribute(&bag, "connection.requested_server_name"), text("s.example"));
    let plain = stream("/").with_text(StreamText::PeerUri, "spiffe://td/ns/a/sa/b");
    let bag = RequestBag::new(&plain, &statics, STARTED);
    assert_eq!(attribute(&bag, "source.principal"), None);
}

#[test]
fn grpc_is_told_by_the_exact_content_type() {
    for (content_type, protocol) in [
        ("application/grpc", "grpc"),
        ("application/grpc+proto", "grpc"),
        ("application/grpc+json", "grpc"),
        ("application/grpc-web", "http"),
        ("text/plain", "http"),
    ] {
        let (stream, statics) =
            (stream("/").with_header("content-type", content_type), no_statics());
        let bag = RequestBag::new(&stream, &statics, STARTED);
        assert_eq!(attribute(&bag, "context.protocol"), text(protocol), "{content_type}");
    }
}

#[test]
fn a_header_is_found_by_its_exact_name_only() {
    let stream = stream("/").with_header("x-user", "eve");
    let statics = no_statics();
    let bag = RequestBag::new(&stream, &statics, STARTED);
    let key = |key| bag.get_key(&AttributeName::new("request.headers"), key);
    assert_eq!(key("x-user"), KeyState::Value("eve"));
    assert_eq!(key("X-User"), KeyState::KeyAbsent, "Mixer sees lower-case names");
    assert_eq!(key("host"), KeyState::KeyAbsent, "the proxy knows it as :authority");
    assert_eq!(key(":authority"), KeyState::Value("service"));
    let path = AttributeName::new("request.path");
    assert_eq!(bag.get_key(&path, "x"), KeyState::NotAMap);
}

#[test]
fn forwarded_attributes_are_not_a_header_to_policy() {
    let stream = stream("/").with_header("x-istio-attributes", "Zm9yZ2Vk");
    let statics = no_statics();
    let bag = RequestBag::new(&stream, &statics, STARTED);
    let name = AttributeName::new("request.headers");
    assert_eq!(bag.get_key(&name, "x-istio-attributes"), KeyState::KeyAbsent);
    let mut seen = Vec::new();
    bag.headers().each(&mut |name, _| seen.push(name.to_owned()));
    assert!(!seen.contains(&"x-istio-attributes".to_owned()));
}

#[test]
fn no_value_of_a_repeated_header_hides() {
    let stream = stream("/")
        .with_header("x-user", "bob")
        .with_header("x-other", "1")
        .with_header("x-user", "eve");
    let headers = HeaderMap::read(&stream, HeaderBlock::Request);
    assert_eq!(StringMap::get(&headers, "x-user"), Some("bob,eve"));
    assert_eq!(StringMap::get(&headers, "x-other"), Some("1"));
}

#[test]
fn a_path_that_is_no_text_still_has_its_query() {
    let stream = MockStream::get(&MockProxy::new(), "/\u{fffd}?user=eve");
    let statics = no_statics();
    let lossy = RequestBag::new(&stream, &statics, STARTED);
    let mut raw = MockStream::get(&MockProxy::new(), "");
    raw.rewrite(":path", b"/\xff?user=eve");
    let bag = RequestBag::new(&raw, &statics, STARTED);
    assert_eq!(owned(&bag), owned(&lossy));
    let name = AttributeName::new("request.query_params");
    assert_eq!(bag.get_key(&name, "user"), KeyState::Value("eve"));
}

#[test]
fn a_served_request_tells_what_became_of_it() {
    let stream = stream("/rewritten")
        .with(HeaderBlock::Response, ":status", "200")
        .with(HeaderBlock::Response, "grpc-status", "9")
        .with(HeaderBlock::ResponseTrailers, "grpc-status", "5")
        .with(HeaderBlock::ResponseTrailers, "grpc-message", "gone")
        .with_number(StreamNumber::ResponseCode, 200)
        .with_number(StreamNumber::ResponseSize, 12)
        .with_number(StreamNumber::ResponseTotalSize, 120)
        .with_number(StreamNumber::RequestSize, 3)
        .with_number(StreamNumber::RequestTotalSize, 30)
        .with_number(StreamNumber::ResponseFlags, 1 << 1 | 1 << 14);
    let statics = no_statics();
    let original = Original { path: b"/asked?q=1", authority: b"asked.host" };
    let request = RequestBag::new(&stream, &statics, STARTED).with_original(original);
    let check = CheckOutcome {
        quota_hit: Some(true),
        refusal: Some(Refused { code: 7, message: Rc::from("no") }),
        cache_hit: Some(true),
    };
    let now = Timestamp { seconds: 8, nanos: 0 };
    let served = ServedBag::new(&stream, &request, &check, now, Duration::from_millis(15));
    let bag = owned(&served);
    let is = |name: &str, value: OwnedValue| {
        assert_eq!(bag.get(&AttributeName::new(name)).map(OwnedValue::from), Some(value), "{name}");
    };
    is("request.path", "/asked?q=1".into());
    is("request.host", "asked.host".into());
    is("request.query_params", [("q", "1")].into());
    is("response.code", 200.into());
    is("response.size", 12.into());
    is("response.total_size", 120.into());
    is("request.size", 3.into());
    is("request.total_size", 30.into());
    is("response.time", now.into());
    is("response.duration", mesh_attributes::Span::from_nanos(15_000_000).into());
    is("response.grpc_status", "5".into());
    is("response.grpc_message", "gone".into());
    is("context.proxy_error_code", "UH,DC".into());
    is("check.error_code", 7.into());
    is("check.error_message", "no".into());
    is("check.cache_hit", true.into());
    let Some(Value::StringMap(headers)) = bag.get(&AttributeName::new("request.headers")) else {
        panic!("request.headers is a map");
    };
    assert_eq!(headers.get(":path"), Some("/asked?q=1"));
}

#[test]
fn a_request_without_response_is_reported_as_a_failure() {
    let (stream, statics) = (stream("/"), no_statics());
    let request = RequestBag::new(&stream, &statics, STARTED);
    let check = CheckOutcome::default();
    let served = ServedBag::new(&stream, &request, &check, STARTED, Duration::ZERO);
    let bag = owned(&served);
    assert_eq!(attribute(&bag, "response.code"), Some(OwnedValue::from(500)));
    assert_eq!(attribute(&bag, "context.proxy_error_code"), text("-"));
    assert_eq!(attribute(&bag, "check.cache_hit"), None);
    assert_eq!(attribute(&bag, "request.size"), None, "this proxy cannot tell");
}

proptest! {
    /// What makes keys and what makes messages must be one and the same.
    #[test]
    fn each_header_that_is_listed_is_found_and_no_other(
        headers in proptest::collection::vec(
            ("[a-c]{1,2}", proptest::collection::vec(any::<u8>(), 0..4)), 0..60),
        probe in "[a-c]{1,2}",
    ) {
        let mut stream = stream("/");
        for (name, value) in &headers {
            stream = stream.with_header(name, value);
        }
        let map = HeaderMap::read(&stream, HeaderBlock::Request);
        let mut listed = std::collections::BTreeMap::new();
        map.each(&mut |name, value| {
            let twice = listed.insert(name.to_owned(), value.to_owned());
            assert_eq!(twice, None);
        });
        for (name, value) in &listed {
            prop_assert_eq!(StringMap::get(&map, name), Some(value.as_str()));
        }
        let found = StringMap::get(&map, &probe);
        prop_assert_eq!(found, listed.get(&probe).map(String::as_str));
    }

    #[test]
    fn no_query_upsets_the_parser(query in "[a-c=&?%é]{0,40}") {
        let path = format!("/?{query}");
        let parameters = QueryParameters::parse(path.as_str().into());
        let mut listed = std::collections::BTreeMap::new();
        parameters.each(&mut |name, value| {
            assert_eq!(listed.insert(name.to_owned(), value.to_owned()), None);
        });
        prop_assert_eq!(parameters.is_empty(), listed.is_empty());
        let expected: std::collections::BTreeMap<String, String> = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .rev()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        prop_assert_eq!(listed, expected);
    }

    #[test]
    fn no_text_upsets_the_address_parser(address in "[0-9a-f.:\\[\\]%]{0,30}") {
        let stream = stream("/").with_text(StreamText::LocalAddress, &address);
        let statics = no_statics();
        let bag = RequestBag::new(&stream, &statics, STARTED);
        if let Some(OwnedValue::Bytes(ip)) = attribute(&bag, "destination.ip") {
            prop_assert!(ip.len() == 4 || ip.len() == 16);
        }
    }
}
