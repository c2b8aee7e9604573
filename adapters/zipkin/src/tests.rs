use adapter_sdk::host::outbound::{Protocol, SendError};
use adapter_sdk::testing::{
    TestHandler, TestInstance, TestSpan, instance, messages, refuse_messages, samples, sent,
    set_now, targets,
};
use adapter_sdk::{Template, Value, ValueType};
use serde_json::{Value as Json, json};

use super::Zipkin;

type Handler = TestHandler<Zipkin>;

const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
const SPAN: &str = "e457b5a2e4d86bd1";
const PARENT: &str = "05e3ac9a4f6e3b90";
/// In nanoseconds, as all times of spans.
const NOW: i64 = 1_700_000_000_000_000_000;

fn declared() -> TestInstance {
    instance("span.instance.default", Template::TraceSpan, &[], None)
}

fn handler(parameters: Json) -> Handler {
    set_now(NOW);
    Handler::configure(parameters, vec![declared()]).unwrap()
}

fn taking_all() -> Handler {
    handler(json!({ "url": "http://zipkin:9411", "sample_probability": 1 }))
}

/// A server's span of 2 ms.
fn span() -> TestSpan<'static> {
    TestSpan {
        trace_id: TRACE,
        span_id: SPAN,
        parent_span_id: PARENT,
        name: "/books",
        start_time: NOW - 2_000_000,
        end_time: NOW,
        ..TestSpan::default()
    }
}

/// What the only span that was sent since `before` messages reads like.
fn json_of(handler: &mut Handler, span: TestSpan<'_>) -> Json {
    let before = sent().len();
    let failed = handler.report_spans(&[span]);
    assert!(failed.is_empty(), "{failed:?}");
    let messages = sent();
    assert_eq!(messages.len(), before + 1);
    serde_json::from_slice(&messages[before].1.data).unwrap()
}

fn failure(handler: &mut Handler, span: TestSpan<'_>) -> String {
    let failed = handler.report_spans(&[span]);
    assert_eq!(failed.len(), 1, "{failed:?}");
    failed[0].message.clone()
}

/// The ids of a span: trace, span, parent.
fn ids(json: &Json) -> [&str; 3] {
    ["traceId", "id", "parentId"].map(|name| json[name].as_str().unwrap_or(""))
}

fn count(outcome: &str) -> f64 {
    let series = format!("mixmesh_zipkin_spans_total{{outcome={outcome:?}}}");
    samples().get(&series).map_or(0.0, |samples| samples.iter().sum())
}

#[test]
fn a_servers_span_has_both_ends_its_time_and_its_tags_as_text() {
    let fields = [
        ("error", ValueType::Text),
        ("labels", ValueType::StringMap),
        ("retries", ValueType::Int64),
        ("secure", ValueType::Boolean),
        ("wait", ValueType::Duration),
    ];
    let declared = instance("span.instance.default", Template::TraceSpan, &fields, None);
    set_now(NOW);
    let parameters = json!({ "url": "http://zipkin:9411", "sampleProbability": 1.0 });
    let mut handler = Handler::configure(parameters, vec![declared]).unwrap();
    let tags = [
        Value::Text("out of \"books\""),
        Value::Text("a=1"),
        Value::Int64(-3),
        Value::Boolean(true),
        Value::Duration(1_500_000),
    ];
    let sent = json_of(
        &mut handler,
        TestSpan {
            http_status_code: 503,
            source_name: "shop",
            source_ip: &[10, 0, 0, 1],
            destination_name: "books",
            destination_ip: &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            request_total_size: 250,
            response_total_size: 1200,
            tags: &tags,
            ..span()
        },
    );
    let start = (NOW - 2_000_000) / 1000;
    let expected = json!({
        "traceId": TRACE,
        "id": SPAN,
        "parentId": PARENT,
        "kind": "SERVER",
        "name": "/books",
        "timestamp": start,
        "duration": 2000,
        "localEndpoint": { "serviceName": "books", "ipv6": "2001:db8::1" },
        "remoteEndpoint": { "serviceName": "shop", "ipv4": "10.0.0.1" },
        "annotations": [
            { "timestamp": start, "value": "request received, 250 bytes" },
            { "timestamp": NOW / 1000, "value": "response sent, 1200 bytes" },
        ],
        "tags": {
            "error": "out of \"books\"",
            "labels": "a=1",
            "retries": "-3",
            "secure": "true",
            "wait": "1.5ms",
            "http.status_code": "503",
        },
        "shared": true,
    });
    assert_eq!(sent, expected);
    assert_eq!(count("sent"), 1.0);
}

#[test]
fn a_span_of_which_little_is_known_has_little() {
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 9];
    let span = TestSpan {
        is_client: true,
        name: "",
        parent_span_id: "",
        source_ip: &mapped,
        destination_ip: &[0, 0, 0, 0],
        ..span()
    };
    let sent = json_of(&mut taking_all(), span);
    let expected = json!({
        "traceId": TRACE,
        "id": SPAN,
        "kind": "CLIENT",
        "timestamp": (NOW - 2_000_000) / 1000,
        "duration": 2000,
        "localEndpoint": { "serviceName": "default", "ipv4": "10.0.0.9" },
    });
    assert_eq!(sent, expected);
}

#[test]
fn only_statuses_from_500_are_errors() {
    let mut handler = taking_all();
    for (status, error) in [(0, None), (404, None), (500, Some("500")), (599, Some("599"))] {
        let sent = json_of(&mut handler, TestSpan { http_status_code: status, ..span() });
        assert_eq!(sent["tags"]["error"].as_str(), error, "{sent}");
    }
}

#[test]
fn a_context_is_taken_in_any_of_its_forms() {
    let b3 = format!("{TRACE}-{SPAN}-1-{PARENT}");
    let short_b3 = format!("463ac35c9f6413ad-{SPAN}");
    let w3c = format!("00-{TRACE}-{SPAN}-01");
    let later_w3c = format!("cc-{TRACE}-{SPAN}-01-more-of-it");
    let upper = TRACE.to_uppercase();
    let mut handler = taking_all();
    for (trace, span_id, parent, expected) in [
        (TRACE, SPAN, PARENT, [TRACE, SPAN, PARENT]),
        (&upper, &SPAN.to_uppercase(), "", [TRACE, SPAN, ""]),
        ("463ac35c9f6413ad", SPAN, "", ["463ac35c9f6413ad", SPAN, ""]),
        // Zeros that somebody cut, and zeros that somebody added.
        ("3ac35c9f6413ad", "1", "", ["003ac35c9f6413ad", "0000000000000001", ""]),
        ("198ee56343ba864fe8b2a57d3eff7", SPAN, "", ["000198ee56343ba864fe8b2a57d3eff7", SPAN, ""]),
        ("0000000000000000463ac35c9f6413ad", SPAN, "", ["463ac35c9f6413ad", SPAN, ""]),
        // A root's parent, as some proxies write it.
        (TRACE, SPAN, "0000000000000000", [TRACE, SPAN, ""]),
        (TRACE, SPAN, SPAN, [TRACE, SPAN, ""]),
        (&b3, "", "", [TRACE, SPAN, PARENT]),
        (&b3, &b3, &b3, [TRACE, SPAN, PARENT]),
        (&short_b3, "", "", ["463ac35c9f6413ad", SPAN, ""]),
        (&w3c, "", "", [TRACE, SPAN, ""]),
        (&w3c, &w3c, &w3c, [TRACE, SPAN, ""]),
        (&w3c, "", PARENT, [TRACE, SPAN, PARENT]),
        (&later_w3c, "", "", [TRACE, SPAN, ""]),
    ] {
        let given = TestSpan { trace_id: trace, span_id, parent_span_id: parent, ..span() };
        let sent = json_of(&mut handler, given);
        assert_eq!(ids(&sent), expected, "{trace} {span_id} {parent}");
    }
}

#[test]
fn a_client_and_its_server_share_a_span_or_become_parent_and_child() {
    let mut handler = taking_all();
    let mut pair = |rewrite_client_span_id| {
        [true, false].map(|is_client| {
            json_of(&mut handler, TestSpan { is_client, rewrite_client_span_id, ..span() })
        })
    };
    let [client, server] = pair(false);
    assert_eq!((ids(&client), &client["shared"]), ([TRACE, SPAN, PARENT], &Json::Null));
    assert_eq!((ids(&server), &server["shared"]), ([TRACE, SPAN, PARENT], &Json::Bool(true)));
    let [client, server] = pair(true);
    // The span's id, combined with the number that Istio used.
    let own = "db3d9b612cc8a97a";
    assert_eq!((ids(&client), &client["shared"]), ([TRACE, own, PARENT], &Json::Null));
    assert_eq!((ids(&server), &server["shared"]), ([TRACE, SPAN, own], &Json::Null));
}

#[test]
fn ids_that_are_none_fail_with_the_reason_and_the_rest_of_the_batch_is_sent() {
    let mut handler = taking_all();
    let long = "0".repeat(33);
    let bad: Vec<(TestSpan<'_>, &str)> = vec![
        (
            TestSpan { trace_id: "xyz", ..span() },
            "trace id \"xyz\" is not 1 to 32 hexadecimal digits",
        ),
        (
            TestSpan { trace_id: "+80f198ee56343ba8", ..span() },
            "trace id \"+80f198ee56343ba8\" is not 1 to 32 hexadecimal digits",
        ),
        (
            TestSpan { trace_id: &long, ..span() },
            "trace id \"000000000000000000000000000000000\" is not 1 to 32 hexadecimal digits",
        ),
        (
            TestSpan { trace_id: "0000000000000000", ..span() },
            "trace id \"0000000000000000\" is zero",
        ),
        (
            TestSpan { span_id: "e457b5a2e4d86bd1ff", ..span() },
            "span id \"e457b5a2e4d86bd1ff\" is not 1 to 16 hexadecimal digits",
        ),
        (TestSpan { span_id: "0", ..span() }, "span id \"0\" is zero"),
        (
            TestSpan { span_id: "", ..span() },
            "trace 80f198ee56343ba864fe8b2a57d3eff7 is named, but no span of it",
        ),
        (
            TestSpan { parent_span_id: "é", ..span() },
            "parent span id \"é\" is not 1 to 16 hexadecimal digits",
        ),
        (
            TestSpan { trace_id: "00-80f1-e457b5a2e4d86bd1-01", ..span() },
            "\"00-80f1-e457b5a2e4d86bd1-01\" is neither a b3 nor a traceparent header",
        ),
        (
            TestSpan { trace_id: "a-b-c-d-e-f", ..span() },
            "\"a-b-c-d-e-f\" is neither a b3 nor a traceparent header",
        ),
    ];
    let mut batch: Vec<TestSpan<'_>> = bad.iter().map(|(span, _)| *span).collect();
    batch.push(span());
    let failed = handler.report_spans(&batch);
    let failed: Vec<_> = failed.iter().map(|f| (f.element, f.message.as_str())).collect();
    let expected: Vec<_> = (0..).zip(&bad).map(|(element, (_, why))| (element, *why)).collect();
    assert_eq!(failed, expected);
    assert_eq!((sent().len(), count("sent")), (1, 1.0));
}

#[test]
fn what_a_message_shows_of_a_bad_id_is_cut() {
    let evil = "é\n".repeat(50_000);
    let message = failure(&mut taking_all(), TestSpan { trace_id: &evil, ..span() });
    assert!(message.len() < 400 && !message.contains('\n'), "{message}");
}

#[test]
fn a_span_without_a_trace_is_no_error_and_counted() {
    let mut handler = taking_all();
    let spans = ["", "0", "1", "d"].map(|trace_id| TestSpan { trace_id, span_id: "", ..span() });
    assert_eq!(handler.report_spans(&spans), []);
    assert_eq!(sent(), []);
    assert_eq!((count("without_trace"), count("sent")), (4.0, 0.0));
}

#[test]
fn times_that_cannot_be_fail_and_clocks_that_were_set_do_not() {
    let mut handler = taking_all();
    for start_time in [0, -5_000_000_000, i64::MIN] {
        let message = failure(&mut handler, TestSpan { start_time, ..span() });
        assert_eq!(message, "start_time is not set or lies before 1970");
    }
    let day = 24 * 3_600_000_000_000;
    let ahead = TestSpan { start_time: NOW + day + 1, ..span() };
    assert_eq!(failure(&mut handler, ahead), "start_time is 24 hours ahead");
    let start_time = NOW - 2_000_000;
    for (end_time, duration) in [
        (0, None),
        (start_time, Some(1)),
        (start_time + 999, Some(1)),
        (start_time - 7_000_000, Some(1)),
        (start_time + 2_000, Some(2)),
    ] {
        let sent = json_of(&mut handler, TestSpan { start_time, end_time, ..span() });
        assert_eq!(sent["duration"].as_i64(), duration, "{sent}");
    }
}

#[test]
fn a_share_of_traces_is_sent_and_each_of_them_whole() {
    let traces: Vec<String> =
        (1..=1000_u64).map(|n| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let long: Vec<String> = traces.iter().map(|trace| format!("{}{trace}", &TRACE[..16])).collect();
    let spans = traces.iter().chain(&long).map(|trace_id| TestSpan { trace_id, ..span() });
    let spans: Vec<_> = spans.collect();
    // Those of the short ids, after a check that those of the long ones are the same.
    let taken = |share: f64| -> Vec<String> {
        let parameters = json!({ "url": "http://zipkin:9411", "sample_probability": share });
        let before = sent().len();
        assert_eq!(handler(parameters).report_spans(&spans), []);
        let id = |data: &[u8]| {
            let json: Json = serde_json::from_slice(data).unwrap();
            json["traceId"].as_str().unwrap().to_owned()
        };
        let ids: Vec<_> = sent()[before..].iter().map(|(_, message)| id(&message.data)).collect();
        let (short, long) = ids.split_at(ids.len() / 2);
        assert!(short.iter().zip(long).all(|(short, long)| long.ends_with(short.as_str())));
        short.to_vec()
    };
    assert_eq!(taken(0.0).len(), 0);
    let tenth = taken(0.1);
    assert!((60..140).contains(&tenth.len()), "{}", tenth.len());
    let half = taken(0.5);
    assert!((440..560).contains(&half.len()), "{}", half.len());
    assert!(tenth.iter().all(|trace| half.contains(trace)), "who takes more takes these too");
    assert_eq!(taken(1.0).len(), 1000);
    assert_eq!(count("sent") + count("not_sampled"), 8000.0);
}

#[test]
fn what_the_host_does_not_take_fails_by_itself() {
    let mut handler = taking_all();
    for (error, message) in [
        (SendError::Full, "the queue is full: Zipkin is away or does not keep up"),
        (SendError::TooLarge, "the span is larger than the queue"),
        (SendError::Closed, "the handler is closed"),
    ] {
        refuse_messages(Some(error));
        assert_eq!(failure(&mut handler, span()), message);
    }
    refuse_messages(None);
    assert_eq!(handler.report_spans(&[span()]), []);
    assert_eq!(count("sent"), 1.0);
}

#[test]
fn spans_go_out_as_lists_to_the_url_of_the_parameters() {
    drop(handler(json!({ "url": "https://zipkin", "ca_file": "/ca.pem", "gzip": false })));
    let targets = targets();
    let [target] = &targets[..] else { panic!("{targets:?}") };
    assert_eq!((target.parameter.as_str(), target.protocol), ("url", Protocol::Http));
    let assembly = target.assembly.as_ref().unwrap();
    let whole = [&assembly.prefix[..], b"{}", &assembly.separator, b"{}", &assembly.suffix];
    assert_eq!(whole.concat(), b"[{},{}]");
    let http = target.http.as_ref().unwrap();
    assert_eq!((http.default_path.as_str(), http.gzip), ("/api/v2/spans", false));
    assert_eq!(http.headers, [("content-type".to_owned(), "application/json".to_owned())]);
    assert_eq!(messages(), []);
}

#[test]
fn mistakes_in_parameters_are_named_all_at_once() {
    let problems = |parameters| Handler::problems(parameters, vec![declared()]);
    assert_eq!(
        problems(json!({ "url": "http://z/api/v1/spans", "sample_probability": 1.5 })),
        [
            "sample_probability: 1.5 is not between 0 and 1",
            "url: spans are sent in version 2 of the format: use http://z/api/v2/spans"
        ]
    );
    assert_eq!(problems(json!({})), ["url is missing"]);
    let typo = problems(json!({ "url": "http://z", "sampleProbabilty": 1 }));
    assert!(typo[0].contains("did you mean sample_probability?"), "{typo:?}");
}
