use mesh_api::envoy::config::core::v3::address::Address as Kind;
use mesh_api::envoy::config::core::v3::socket_address::PortSpecifier;
use mesh_api::envoy::config::core::v3::{Address, HeaderValue, Metadata, Pipe, SocketAddress};
use mesh_api::envoy::service::auth::v3::attribute_context::{Request, TlsSession};
use mesh_attributes::{AttributeName, Bag, Value};
use prost_types::value::Kind as Json;
use prost_types::{ListValue, Struct};

use super::*;

fn socket(ip: &str, port: u32) -> Option<Address> {
    let socket = SocketAddress {
        address: ip.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..SocketAddress::default()
    };
    Some(Address { address: Some(Kind::SocketAddress(socket)) })
}

fn http(headers: &[(&str, &str)], path: &str) -> HttpRequest {
    HttpRequest {
        id: "id-1".to_owned(),
        method: "GET".to_owned(),
        headers: headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        path: path.to_owned(),
        host: "shop.example".to_owned(),
        size: -1,
        ..HttpRequest::default()
    }
}

fn context(http: HttpRequest) -> AttributeContext {
    let time = Some(prost_types::Timestamp { seconds: 5, nanos: 6 });
    AttributeContext {
        request: Some(Request { time, http: Some(http) }),
        ..AttributeContext::default()
    }
}

fn owned(bag: &AttributeBag, name: &str) -> Option<OwnedValue> {
    bag.get(&AttributeName::new(name)).map(OwnedValue::from)
}

#[track_caller]
fn assert_has(bag: &AttributeBag, expected: &AttributeBag) {
    for (name, value) in expected.iter() {
        assert_eq!(owned(bag, name.as_str()).as_ref(), Some(value), "{name}");
    }
}

#[test]
fn a_request_gives_the_attributes_that_the_module_reads() {
    let headers = [
        (":path", "/a?x=1&x=2&flag&=v"),
        (":authority", "shop.example"),
        ("user-agent", "curl"),
        ("referer", "/from"),
    ];
    let bag = check_attributes(&context(http(&headers, "/a?x=1&x=2&flag&=v"))).unwrap();
    let expected = AttributeBag::new()
        .with("request.method", "GET")
        .with("request.path", "/a?x=1&x=2&flag&=v")
        .with("request.url_path", "/a")
        .with("request.query_params", [("x", "1"), ("flag", ""), ("", "v")])
        .with("request.host", "shop.example")
        .with("request.scheme", "http")
        .with("request.useragent", "curl")
        .with("request.referer", "/from")
        .with("request.id", "id-1")
        .with("request.time", Timestamp { seconds: 5, nanos: 6 })
        .with("context.protocol", "http")
        .with("context.reporter.kind", "inbound")
        .with("connection.mtls", false)
        .with(
            "request.headers",
            [
                (":authority", "shop.example"),
                (":method", "GET"),
                (":path", "/a?x=1&x=2&flag&=v"),
                ("referer", "/from"),
                ("user-agent", "curl"),
                ("x-request-id", "id-1"),
            ],
        );
    assert_eq!(bag, expected);
}

#[test]
fn raw_headers_are_joined_and_need_not_be_text() {
    let header = |key: &str, value: &[u8]| HeaderValue {
        key: key.to_owned(),
        value: String::new(),
        raw_value: value.to_vec(),
    };
    let raw = vec![header("X-A", b"1"), header("x-a", b"2"), header("x-b", b"\xff")];
    let request = HttpRequest { header_map: Some(RawHeaders { headers: raw }), ..http(&[], "/") };
    let bag = check_attributes(&context(request)).unwrap();
    let Some(Value::StringMap(headers)) = bag.get(&AttributeName::new("request.headers")) else {
        panic!("no headers");
    };
    assert_eq!((headers.get("x-a"), headers.get("x-b")), (Some("1,2"), Some("\u{fffd}")));
}

#[test]
fn a_call_is_grpc_by_its_content_type_alone() {
    for (content, protocol) in [
        ("application/grpc", "grpc"),
        ("application/grpc+proto", "grpc"),
        ("application/grpc-web", "http"),
    ] {
        let bag = check_attributes(&context(http(&[("content-type", content)], "/"))).unwrap();
        assert_has(&bag, &AttributeBag::new().with("context.protocol", protocol));
    }
    let bag = check_attributes(&AttributeContext::default()).unwrap();
    assert_has(&bag, &AttributeBag::new().with("context.protocol", "tcp"));
}

#[test]
fn peers_give_addresses_and_verified_identities() {
    let peer = |address, principal: &str| {
        Some(Peer { address, principal: principal.to_owned(), ..Peer::default() })
    };
    let request = AttributeContext {
        source: peer(socket("::ffff:10.0.0.1", 4000), "spiffe://cluster.local/ns/a/sa/b"),
        destination: peer(socket("2001:db8::1", 80), "spiffe://cluster.local/ns/c/sa/d"),
        tls_session: Some(TlsSession { sni: "shop".to_owned() }),
        ..context(http(&[], "/"))
    };
    let bag = check_attributes(&request).unwrap();
    let (v4, v6): (&[u8], &[u8]) =
        (&[10, 0, 0, 1], &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_has(
        &bag,
        &AttributeBag::new()
            .with("source.ip", v4)
            .with("origin.ip", v4)
            .with("source.port", 4000)
            .with("destination.ip", v6)
            .with("destination.port", 80)
            .with("connection.mtls", true)
            .with("source.principal", "cluster.local/ns/a/sa/b")
            .with("source.user", "cluster.local/ns/a/sa/b")
            .with("destination.principal", "cluster.local/ns/c/sa/d")
            .with("connection.requested_server_name", "shop"),
    );
    let pipe = Pipe { path: "/socket".to_owned(), mode: 0 };
    let of_pipe = AttributeContext {
        source: peer(Some(Address { address: Some(Kind::Pipe(pipe)) }), ""),
        ..request
    };
    let bag = check_attributes(&of_pipe).unwrap();
    assert_eq!((owned(&bag, "source.ip"), owned(&bag, "source.principal")), (None, None));
    // Without the peer's certificate, the proxy's own proves nothing.
    assert_eq!(owned(&bag, "destination.principal"), None);
}

#[test]
fn context_extensions_are_attributes_and_mistakes_in_them_are_errors() {
    let with = |extensions: &[(&str, &str)]| AttributeContext {
        context_extensions: extensions
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..context(http(&[], "/"))
    };
    let bag = check_attributes(&with(&[
        ("destination.namespace", "shop"),
        ("context.reporter.kind", "outbound"),
        ("request.method", "TRACE"),
        ("my.tier[INT64]", "3"),
    ]))
    .unwrap();
    assert_has(
        &bag,
        &AttributeBag::new()
            .with("destination.namespace", "shop")
            .with("context.reporter.kind", "outbound")
            // What the request says wins.
            .with("request.method", "GET")
            .with("my.tier", 3),
    );
    let error = check_attributes(&with(&[("destination.port", "http")])).unwrap_err();
    assert!(error.to_string().contains("destination.port"), "{error}");
}

#[test]
fn a_verified_token_gives_its_claims() {
    let text = |text: &str| prost_types::Value { kind: Some(Json::StringValue(text.to_owned())) };
    let list = |texts: &[&str]| prost_types::Value {
        kind: Some(Json::ListValue(ListValue { values: texts.iter().map(|t| text(t)).collect() })),
    };
    let number = prost_types::Value { kind: Some(Json::NumberValue(1_700_000_000.0)) };
    let fields = [
        ("iss", text("https://idp")),
        ("sub", text("ann")),
        ("aud", list(&["shop", "bank"])),
        ("azp", text("app")),
        ("exp", number),
    ];
    let payload = Struct { fields: fields.map(|(k, v)| (k.to_owned(), v)).into() };
    let payload = prost_types::Value { kind: Some(Json::StructValue(payload)) };
    let verified = Struct { fields: [("payload".to_owned(), payload)].into() };
    let metadata = Metadata {
        filter_metadata: [("envoy.filters.http.jwt_authn".to_owned(), verified)].into(),
        ..Metadata::default()
    };
    let request = AttributeContext { metadata_context: Some(metadata), ..context(http(&[], "/")) };
    let bag = check_attributes(&request).unwrap();
    assert_has(
        &bag,
        &AttributeBag::new()
            .with("request.auth.principal", "https://idp/ann")
            .with("request.auth.audiences", "shop,bank")
            .with("request.auth.presenter", "app")
            .with(
                "request.auth.claims",
                [("iss", "https://idp"), ("sub", "ann"), ("aud", "shop,bank"), ("azp", "app")],
            ),
    );
    let Some(OwnedValue::String(raw)) = owned(&bag, "request.auth.raw_claims") else {
        panic!("no raw claims");
    };
    let raw: serde_json::Value = serde_json::from_str(&raw).unwrap();
    assert_eq!((&raw["exp"], &raw["aud"][1]), (&1_700_000_000_i64.into(), &"bank".into()));
}

#[test]
fn the_trace_is_read_from_the_requests_headers() {
    let headers = [("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"), ("x-other", "a")];
    let trace = trace_headers(&context(http(&headers, "/")));
    assert_eq!(trace.len(), 1);
    assert!(mesh_runtime::parent_context(&trace).is_some());
    assert!(trace_headers(&AttributeContext::default()).is_empty());
}
