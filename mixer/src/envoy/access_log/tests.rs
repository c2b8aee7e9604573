use mesh_api::envoy::config::core::v3::address::Address as Kind;
use mesh_api::envoy::config::core::v3::socket_address::PortSpecifier;
use mesh_api::envoy::config::core::v3::{Address, Metadata, Node, SocketAddress};
use mesh_api::envoy::data::accesslog::v3::tls_properties::certificate_properties::SubjectAltName;
use mesh_api::envoy::data::accesslog::v3::{
    AccessLogType, ConnectionProperties, HttpAccessLogEntry, HttpRequestProperties,
    HttpResponseProperties, ResponseFlags, TcpAccessLogEntry, TlsProperties,
};
use prost_types::Value as Json;
use prost_types::value::Kind as JsonKind;

use super::*;
use crate::envoy::{Answered, Connections, respond};

fn socket(ip: &str, port: u32) -> Option<Address> {
    let socket = SocketAddress {
        address: ip.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..SocketAddress::default()
    };
    Some(Address { address: Some(Kind::SocketAddress(socket)) })
}

fn text(text: &str) -> Json {
    Json { kind: Some(JsonKind::StringValue(text.to_owned())) }
}

fn object<const N: usize>(fields: [(&str, Json); N]) -> Struct {
    Struct { fields: fields.map(|(name, value)| (name.to_owned(), value)).into() }
}

fn source(id: &str, metadata: Struct, log_name: &str) -> Result<EntrySource, StatedError> {
    let node = Node { id: id.to_owned(), metadata: Some(metadata), ..Node::default() };
    EntrySource::new(&Identifier { node: Some(node), log_name: log_name.to_owned() })
}

fn nobody() -> EntrySource {
    EntrySource::new(&Identifier::default()).unwrap()
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

fn common() -> AccessLogCommon {
    AccessLogCommon {
        start_time: Some(prost_types::Timestamp { seconds: 10, nanos: 900_000_000 }),
        duration: Some(prost_types::Duration { seconds: 1, nanos: 200_000_000 }),
        downstream_remote_address: socket("10.0.0.9", 999),
        downstream_direct_remote_address: socket("10.0.0.1", 4000),
        downstream_local_address: socket("10.0.0.2", 80),
        upstream_remote_address: socket("10.0.0.3", 8080),
        upstream_cluster: "shop".to_owned(),
        ..AccessLogCommon::default()
    }
}

fn http(common: AccessLogCommon) -> HttpAccessLogEntry {
    HttpAccessLogEntry { common_properties: Some(common), ..HttpAccessLogEntry::default() }
}

#[test]
fn an_entry_of_http_gives_what_the_module_reports() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let entry = HttpAccessLogEntry {
        request: Some(HttpRequestProperties {
            request_method: 3,
            scheme: "https".to_owned(),
            authority: "shop.example".to_owned(),
            path: "/rewritten".to_owned(),
            original_path: "/a?x=1".to_owned(),
            user_agent: "curl".to_owned(),
            request_id: "id-1".to_owned(),
            request_headers_bytes: 100,
            request_body_bytes: 20,
            request_headers: [pair("content-type", "application/grpc")].into(),
            ..HttpRequestProperties::default()
        }),
        response: Some(HttpResponseProperties {
            response_code: Some(200),
            response_headers_bytes: 10,
            response_body_bytes: 5,
            response_headers: [pair("grpc-status", "0"), pair("server", "x")].into(),
            response_trailers: [pair("grpc-status", "8"), pair("grpc-message", "spent")].into(),
            response_code_details: "via_upstream".to_owned(),
            ..HttpResponseProperties::default()
        }),
        ..http(common())
    };
    let read = nobody().http(&entry).unwrap();
    assert_eq!(read.refused_tags, 0);
    let ip = |last: u8| OwnedValue::Bytes(vec![10, 0, 0, last]);
    let expected = AttributeBag::new()
        .with("connection.mtls", false)
        .with("context.protocol", "grpc")
        .with("context.proxy_error_code", "-")
        .with("context.reporter.kind", "inbound")
        .with("destination.ip", ip(2))
        .with("destination.port", 80)
        .with("envoy.response_code_details", "via_upstream")
        .with("envoy.upstream_address", "10.0.0.3:8080")
        .with("envoy.upstream_cluster", "shop")
        .with("origin.ip", ip(9))
        .with(
            "request.headers",
            [
                (":authority", "shop.example"),
                (":method", "POST"),
                (":path", "/a?x=1"),
                (":scheme", "https"),
                ("content-type", "application/grpc"),
                ("user-agent", "curl"),
                ("x-request-id", "id-1"),
            ],
        )
        .with("request.host", "shop.example")
        .with("request.id", "id-1")
        .with("request.method", "POST")
        .with("request.path", "/a?x=1")
        .with("request.query_params", [("x", "1")])
        .with("request.scheme", "https")
        .with("request.size", 20)
        .with("request.time", Timestamp { seconds: 10, nanos: 900_000_000 })
        .with("request.total_size", 120)
        .with("request.url_path", "/a")
        .with("request.useragent", "curl")
        .with("response.code", 200)
        .with("response.duration", Span { seconds: 1, nanos: 200_000_000 })
        .with("response.grpc_message", "spent")
        .with("response.grpc_status", "8")
        .with(
            "response.headers",
            [("grpc-message", "spent"), ("grpc-status", "8"), ("server", "x")],
        )
        .with("response.size", 5)
        .with("response.time", Timestamp { seconds: 12, nanos: 100_000_000 })
        .with("response.total_size", 15)
        .with("source.ip", ip(1))
        .with("source.port", 4000);
    assert_eq!(read.bag, expected);
}

#[test]
fn an_entry_before_the_end_of_a_request_is_not_reported() {
    let of_type = |kind: AccessLogType, intermediate_log_entry| {
        let access_log_type = kind.into();
        let entry = AccessLogCommon { access_log_type, intermediate_log_entry, ..common() };
        nobody().http(&http(entry)).is_some()
    };
    assert!(of_type(AccessLogType::NotSet, false));
    assert!(of_type(AccessLogType::DownstreamEnd, false));
    assert!(!of_type(AccessLogType::NotSet, true));
    for early in [
        AccessLogType::DownstreamStart,
        AccessLogType::DownstreamPeriodic,
        AccessLogType::UpstreamEnd,
    ] {
        assert!(!of_type(early, false), "{early:?}");
    }
}

#[test]
fn nothing_said_is_a_request_without_a_response() {
    let bag = nobody().http(&HttpAccessLogEntry::default()).unwrap().bag;
    assert_has(
        &bag,
        &AttributeBag::new().with("response.code", 500).with("context.protocol", "http"),
    );
    for absent in ["source.ip", "request.time", "response.duration", "response.time"] {
        assert_eq!(owned(&bag, absent), None, "{absent}");
    }
}

#[test]
fn times_that_are_none_are_left_out() {
    for (seconds, nanos) in [(i64::MAX, 0), (-1, 0), (0, 1_000_000_000), (0, -1)] {
        let entry = AccessLogCommon {
            start_time: Some(prost_types::Timestamp { seconds, nanos }),
            duration: Some(prost_types::Duration { seconds, nanos }),
            ..common()
        };
        assert_eq!(times(&entry), (None, None), "{seconds} {nanos}");
    }
}

#[test]
fn flags_are_written_as_envoy_writes_them() {
    let flags = ResponseFlags {
        upstream_connection_failure: true,
        upstream_retry_limit_exceeded: true,
        unauthorized_details: Some(Default::default()),
        ..ResponseFlags::default()
    };
    let entry = AccessLogCommon { response_flags: Some(flags), ..common() };
    let bag = nobody().http(&http(entry)).unwrap().bag;
    assert_has(&bag, &AttributeBag::new().with("context.proxy_error_code", "UF,UAEX,URX"));
}

#[test]
fn certificates_give_principals_only_with_the_peers() {
    let named = |sans: Vec<San>, subject: &str| CertificateProperties {
        subject_alt_name: sans.into_iter().map(|san| SubjectAltName { san: Some(san) }).collect(),
        subject: subject.to_owned(),
        ..CertificateProperties::default()
    };
    let uri = || San::Uri("spiffe://td/ns/a/sa/b".to_owned());
    let dns = || San::Dns("a.example".to_owned());
    for (peer, principal) in [
        (named(vec![dns(), uri()], "CN=a"), Some("td/ns/a/sa/b")),
        (named(vec![dns()], "CN=a"), Some("a.example")),
        (named(vec![], "CN=a"), Some("CN=a")),
        (named(vec![], ""), None),
    ] {
        let tls = TlsProperties {
            tls_sni_hostname: "shop".to_owned(),
            local_certificate_properties: Some(named(vec![uri()], "")),
            peer_certificate_properties: Some(peer),
            ..TlsProperties::default()
        };
        let entry = AccessLogCommon { tls_properties: Some(tls), ..common() };
        let bag = nobody().http(&http(entry)).unwrap().bag;
        assert_eq!(owned(&bag, "source.principal"), principal.map(OwnedValue::from));
        assert_eq!(owned(&bag, "connection.mtls"), Some(principal.is_some().into()));
        let own = principal.map(|_| OwnedValue::from("td/ns/a/sa/b"));
        assert_eq!(owned(&bag, "destination.principal"), own);
        assert_eq!(owned(&bag, "connection.requested_server_name"), Some("shop".into()));
    }
}

#[test]
fn the_answer_to_the_check_is_found_again_in_the_entry() {
    let answered = Answered { namespace: "n", generation: "1-a", cache: "l2", is_grpc: false };
    let (refusal, _) = respond(None, answered);
    let metadata = Metadata {
        filter_metadata: [
            (AUTHORIZATION_FILTER.to_owned(), refusal.dynamic_metadata.unwrap()),
            ("my.filter".to_owned(), object([("a", text("b"))])),
            ("empty.filter".to_owned(), Struct::default()),
        ]
        .into(),
        ..Metadata::default()
    };
    let entry = AccessLogCommon { metadata: Some(metadata), ..common() };
    let bag = nobody().http(&http(entry)).unwrap().bag;
    assert_has(
        &bag,
        &AttributeBag::new()
            .with("check.cache_hit", true)
            .with("check.error_code", 3)
            .with("check.error_message", "Mixer's answer has no precondition")
            .with("my.filter", [("a", "b")]),
    );
    assert_eq!((owned(&bag, "empty.filter"), owned(&bag, AUTHORIZATION_FILTER)), (None, None));
}

#[test]
fn a_node_is_named_by_its_id_its_metadata_and_what_is_stated() {
    let metadata = object([
        ("WORKLOAD_NAME", text("shop")),
        ("LABELS", Json { kind: Some(JsonKind::StructValue(object([("app", text("shop"))]))) }),
        (
            "mixmesh",
            Json {
                kind: Some(JsonKind::StructValue(object([
                    ("destination.workload.name", text("stated")),
                    ("destination.port", Json { kind: Some(JsonKind::NumberValue(81.0)) }),
                    ("my.flag[BOOL]", Json { kind: Some(JsonKind::BoolValue(true)) }),
                ]))),
            },
        ),
    ]);
    let source =
        source("sidecar~10.0.0.2~shop-1.prod~prod.svc.cluster.local", metadata, "in").unwrap();
    let tags = [("my.tag", "t"), ("destination.workload.name", "tagged"), ("request.size", "x")];
    let entry = AccessLogCommon {
        custom_tags: tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..common()
    };
    let read = source.http(&http(entry)).unwrap();
    // `request.size` is an integer.
    assert_eq!(read.refused_tags, 1);
    assert_has(
        &read.bag,
        &AttributeBag::new()
            .with("destination.name", "shop-1")
            .with("destination.namespace", "prod")
            .with("destination.uid", "kubernetes://shop-1.prod")
            .with("context.reporter.uid", "kubernetes://shop-1.prod")
            .with("destination.workload.namespace", "prod")
            .with("destination.workload.name", "tagged")
            .with("destination.labels", [("app", "shop")])
            .with("destination.port", 81)
            .with("my.flag", true)
            .with("my.tag", "t"),
    );
}

#[test]
fn an_outbound_log_tells_of_the_source_and_of_where_it_went() {
    let id = "sidecar~10.0.0.2~cart-1.prod~prod.svc.cluster.local";
    let source = source(id, Struct::default(), "outbound-http").unwrap();
    let bag = source.http(&http(common())).unwrap().bag;
    let ip: &[u8] = &[10, 0, 0, 3];
    assert_has(
        &bag,
        &AttributeBag::new()
            .with("context.reporter.kind", "outbound")
            .with("source.namespace", "prod")
            .with("source.name", "cart-1")
            .with("destination.ip", ip)
            .with("destination.port", 8080),
    );
    assert_eq!(owned(&bag, "destination.namespace"), None);
}

#[test]
fn a_mistake_in_the_nodes_metadata_is_named() {
    let stated = object([("destination.port", text("http"))]);
    let metadata = object([("mixmesh", Json { kind: Some(JsonKind::StructValue(stated)) })]);
    let error = source("", metadata, "").unwrap_err().to_string();
    assert!(error.contains("destination.port"), "{error}");
}

#[test]
fn a_connections_bytes_are_told_once_over_all_its_entries() {
    let mut connections = Connections::default();
    let mut entry = |id: &str, kind: AccessLogType, received, sent| {
        let common =
            AccessLogCommon { stream_id: id.to_owned(), access_log_type: kind.into(), ..common() };
        let entry = TcpAccessLogEntry {
            common_properties: Some(common),
            connection_properties: Some(ConnectionProperties {
                received_bytes: received,
                sent_bytes: sent,
            }),
        };
        let bag = connections.entry(&nobody(), &entry).bag;
        let number = |name: &str| match owned(&bag, name) {
            Some(OwnedValue::Int64(number)) => number,
            other => panic!("{name} is {other:?}"),
        };
        let Some(OwnedValue::String(event)) = owned(&bag, "connection.event") else {
            panic!("no event");
        };
        let closed = owned(&bag, "connection.duration").is_some();
        let bytes = (number("connection.received.bytes"), number("connection.sent.bytes"));
        assert_eq!(number("connection.received.bytes_total"), received as i64);
        (event, bytes, closed)
    };
    let told = |event: &str, bytes, closed| (event.to_owned(), bytes, closed);
    assert_eq!(entry("a", AccessLogType::TcpConnectionStart, 0, 0), told("open", (0, 0), false));
    assert_eq!(entry("a", AccessLogType::TcpPeriodic, 10, 3), told("continue", (10, 3), false));
    assert_eq!(entry("b", AccessLogType::NotSet, 7, 8), told("close", (7, 8), true));
    assert_eq!(entry("a", AccessLogType::TcpPeriodic, 15, 3), told("continue", (5, 0), false));
    assert_eq!(entry("a", AccessLogType::TcpConnectionEnd, 20, 9), told("close", (5, 6), true));
    // Another of the same name begins at zero; one without a name is told at its end.
    assert_eq!(entry("a", AccessLogType::TcpConnectionEnd, 4, 4), told("close", (4, 4), true));
    assert_eq!(entry("", AccessLogType::TcpPeriodic, 5, 5), told("continue", (0, 0), false));
    assert_eq!(entry("", AccessLogType::TcpConnectionEnd, 6, 6), told("close", (6, 6), true));
}

#[test]
fn an_entry_that_no_report_can_carry_is_told_apart() {
    let headers = |count: usize| {
        let request_headers = (0..count).map(|n| (format!("x-{n}"), String::new())).collect();
        let request = HttpRequestProperties { request_headers, ..HttpRequestProperties::default() };
        let entry = HttpAccessLogEntry { request: Some(request), ..http(common()) };
        nobody().http(&entry).unwrap().fits()
    };
    assert!(headers(9_000));
    assert!(!headers(11_000));
}
