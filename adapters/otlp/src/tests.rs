//! What is sent is read with the official messages.

use adapter_sdk::host::outbound::SendError;
use adapter_sdk::testing::{
    TestHandler, TestInstance, TestSpan, instance, refuse_messages, sent, set_now, targets,
};
use adapter_sdk::{FailedElement, Template, Value, ValueType};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use serde_json::{Value as Json, json};

use super::Otlp;

type Handler = TestHandler<Otlp>;

const NOON: i64 = 1_717_156_800_123_456_789;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn requests<M: Message + Default>() -> Vec<M> {
    sent().iter().map(|(_, message)| M::decode(message.data.as_slice()).unwrap()).collect()
}

fn text(text: &str) -> Any {
    Any::StringValue(text.to_owned())
}

fn attributes(pairs: &[KeyValue]) -> Vec<(&str, Any)> {
    pairs.iter().map(|pair| (pair.key.as_str(), any(pair.value.as_ref()))).collect()
}

fn any(value: Option<&AnyValue>) -> Any {
    value.and_then(|any| any.value.clone()).expect("there is a value")
}

fn service(resource: Option<&Resource>) -> Any {
    let attributes = attributes(&resource.unwrap().attributes);
    attributes.into_iter().find(|(name, _)| *name == "service.name").unwrap().1
}

fn metrics_handler() -> Handler {
    let dimensions = [("code", ValueType::Int64), ("service", ValueType::Text)];
    let of = |name: &str, value_type| {
        let name = format!("{name}.instance.default");
        instance(&name, Template::Metric, &dimensions, Some(value_type))
    };
    let instances = vec![
        of("count", ValueType::Int64),
        of("latency", ValueType::Duration),
        of("load", ValueType::Double),
    ];
    let parameters = json!({
        "endpoint": "http://127.0.0.1:4318",
        "service_name": "edge",
        "resource_attributes": { "deployment.environment.name": "test" },
        "attribute_names": { "code": "http.response.status_code" },
        "metrics": [
            {
                "instance_name": "count.instance.default",
                "name": "http.server.requests",
                "description": "Requests.",
                "unit": "{request}",
                "kind": "COUNTER",
            },
            { "instance_name": "latency.instance.default", "kind": "DISTRIBUTION", "bounds": [0.1, 1] },
            { "instance_name": "load.instance.default", "kind": "GAUGE" },
        ],
    });
    set_now(NOON);
    Handler::configure(parameters, instances).unwrap()
}

fn metrics(request: &ExportMetricsServiceRequest) -> &[Metric] {
    &request.resource_metrics[0].scope_metrics[0].metrics
}

#[test]
fn metrics_of_a_report_are_deltas_and_the_next_report_goes_on_from_there() {
    let mut handler = metrics_handler();
    let a = [Value::Int64(200), Value::Text("a")];
    let b = [Value::Int64(500), Value::Text("b")];
    let seconds = |seconds: f64| Value::Duration((seconds * 1e9) as i64);
    set_now(NOON + 1_000);
    let failed = handler.report_metrics(&[
        (0, &a, Value::Int64(2)),
        (0, &b, Value::Int64(7)),
        (1, &a, seconds(0.05)),
        (1, &a, seconds(5.0)),
        (2, &a, Value::Double(1.5)),
        (2, &a, Value::Double(2.5)),
    ]);
    assert_eq!(failed, []);
    set_now(NOON + 500);
    handler.report_metrics(&[(0, &a, Value::Int64(1))]);
    let requests: Vec<ExportMetricsServiceRequest> = requests();
    let resource = requests[0].resource_metrics[0].resource.as_ref();
    assert_eq!(service(resource), text("edge"));
    assert_eq!(resource, requests[1].resource_metrics[0].resource.as_ref());
    assert!(resource.unwrap().attributes.iter().any(|a| a.key == "service.instance.id"));
    let [count, latency, load] = metrics(&requests[0]) else { panic!("{requests:?}") };
    assert_eq!((count.name.as_str(), count.unit.as_str()), ("http.server.requests", "{request}"));
    assert_eq!((latency.name.as_str(), latency.unit.as_str()), ("latency", "s"));
    let Some(Data::Sum(sum)) = &count.data else { panic!("{count:?}") };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality(), AggregationTemporality::Delta);
    let point = &sum.data_points[0];
    assert_eq!(
        attributes(&point.attributes),
        [("http.response.status_code", Any::IntValue(200)), ("service", text("a"))]
    );
    assert_eq!(point.value, Some(Number::AsInt(2)));
    let ends = |start: i64, end: i64| (start.unsigned_abs(), end.unsigned_abs());
    let window = (point.start_time_unix_nano, point.time_unix_nano);
    assert_eq!(window, ends(NOON, NOON + 1_000));
    let Some(Data::Histogram(histogram)) = &latency.data else { panic!("{latency:?}") };
    let point = &histogram.data_points[0];
    assert_eq!(
        (point.count, point.sum, point.min, point.max),
        (2, Some(5.05), Some(0.05), Some(5.0))
    );
    assert_eq!(
        (&point.bucket_counts[..], &point.explicit_bounds[..]),
        (&[1, 0, 1][..], &[0.1, 1.0][..])
    );
    let Some(Data::Gauge(gauge)) = &load.data else { panic!("{load:?}") };
    assert_eq!(gauge.data_points[0].value, Some(Number::AsDouble(2.5)));
    // The second one: only what it has itself, also after the clock was set back.
    let [count] = metrics(&requests[1]) else { panic!("{requests:?}") };
    let Some(Data::Sum(sum)) = &count.data else { panic!("{count:?}") };
    let point = &sum.data_points[0];
    assert_eq!((sum.data_points.len(), &point.value), (1, &Some(Number::AsInt(1))));
    let window = (point.start_time_unix_nano, point.time_unix_nano);
    assert_eq!(window, ends(NOON + 1_000, NOON + 1_001));
    assert_eq!(sent().iter().map(|(_, m)| m.elements).collect::<Vec<_>>(), [6, 1]);
}

#[test]
fn samples_that_cannot_be_taken_fail_alone_and_a_full_queue_fails_all() {
    let mut handler = metrics_handler();
    let a = [Value::Int64(200), Value::Text("a")];
    let report = [
        (0, &a[..], Value::Int64(-1)),
        (0, &a, Value::Int64(1)),
        (1, &a, Value::Text("soon")),
        (0, &a, Value::Double(1.0)),
    ];
    let messages = |failed: Vec<FailedElement>| -> Vec<(u32, String)> {
        failed.into_iter().map(|failed| (failed.element, failed.message)).collect()
    };
    let alone = [
        (0, "-1 is no sample for this metric".to_owned()),
        (2, "soon is no number".to_owned()),
        (3, "1 is no sample for this metric".to_owned()),
    ];
    assert_eq!(messages(handler.report_metrics(&report)), alone);
    refuse_messages(Some(SendError::Full));
    let failed = messages(handler.report_metrics(&report));
    assert_eq!(failed[3], (1, "the queue to the collector is full".to_owned()));
    refuse_messages(None);
    handler.report_metrics(&report);
    let requests: Vec<ExportMetricsServiceRequest> = requests();
    let Some(Data::Sum(sum)) = &metrics(&requests[1])[0].data else { panic!("{requests:?}") };
    assert_eq!(sum.data_points[0].value, Some(Number::AsInt(1)), "what was lost is not sent later");
}

fn access_log() -> TestInstance {
    let fields = [
        ("labels", ValueType::StringMap),
        ("latency", ValueType::Duration),
        ("mtls", ValueType::Boolean),
        ("path", ValueType::Text),
        ("source", ValueType::IpAddress),
        ("trace", ValueType::Text),
    ];
    instance("accesslog.instance.default", Template::LogEntry, &fields, None)
}

fn log_variables(trace: &str) -> [Value<'_>; 6] {
    [
        Value::Text("a map crosses as one"),
        Value::Duration(1_500_000),
        Value::Boolean(true),
        Value::Text("/äö"),
        Value::IpAddress(&[10, 0, 0, 1]),
        Value::Text(trace),
    ]
}

#[test]
fn log_entries_have_severity_body_trace_and_attributes() {
    let parameters = json!({
        "logs_endpoint": "https://logs.example/v1/push",
        "logs": [{
            "instance_name": "accesslog.instance.default",
            "body": "path",
            "trace_id": "trace",
            "span_id": "trace",
        }],
    });
    let mut handler = Handler::configure(parameters, vec![access_log()]).unwrap();
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let (traced, other) = (log_variables(&parent), log_variables(""));
    let failed =
        handler.report_log_entries(&[(0, "warning", NOON, &traced), (0, "Odd", NOON + 1, &other)]);
    assert_eq!(failed, []);
    let target = &targets()[0];
    assert_eq!(target.parameter, "logs_endpoint");
    let [request] = &requests::<ExportLogsServiceRequest>()[..] else { panic!() };
    assert_eq!(service(request.resource_logs[0].resource.as_ref()), text("mixer"));
    let [traced, other] = &request.resource_logs[0].scope_logs[0].log_records[..] else {
        panic!("{request:?}")
    };
    assert_eq!(traced.time_unix_nano, NOON.unsigned_abs());
    assert_eq!((traced.severity_number, traced.severity_text.as_str()), (13, "warning"));
    assert_eq!((other.severity_number, other.severity_text.as_str()), (0, "Odd"));
    assert_eq!(any(traced.body.as_ref()), text("/äö"));
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(hexadecimal(&traced.trace_id), TRACE);
    assert_eq!(hexadecimal(&traced.span_id), SPAN);
    assert_eq!((other.trace_id.len(), other.span_id.len()), (0, 0));
    assert_eq!(traced.event_name, "accesslog");
    assert_eq!(
        attributes(&traced.attributes),
        [
            ("labels", text("a map crosses as one")),
            ("latency", text("1.5ms")),
            ("mtls", Any::BoolValue(true)),
            ("source", text("10.0.0.1")),
        ]
    );
}

#[test]
fn spans_of_both_sides_are_joined_and_belong_to_their_services() {
    let fields = [("method", ValueType::Text)];
    let span = instance("span.tracespan.default", Template::TraceSpan, &fields, None);
    let parameters = json!({
        "endpoint": "http://127.0.0.1:4318",
        "attribute_names": { "method": "http.request.method" },
    });
    let mut handler = Handler::configure(parameters, vec![span]).unwrap();
    let server = TestSpan {
        trace_id: TRACE,
        span_id: SPAN,
        parent_span_id: "05e3ac9a4f6e3b90",
        name: "GET /",
        start_time: NOON,
        end_time: NOON + 5,
        http_status_code: 404,
        rewrite_client_span_id: true,
        source_name: "front",
        source_ip: &[10, 0, 0, 1],
        destination_name: "back",
        request_size: 7,
        tags: &[Value::Text("GET")],
        ..TestSpan::default()
    };
    let client = TestSpan { is_client: true, ..server };
    let untraced = TestSpan { trace_id: "", ..server };
    let undecided = TestSpan { trace_id: "0", span_id: "", ..server };
    let header = format!("{TRACE}-{SPAN}-1");
    let in_one = TestSpan { trace_id: &header, span_id: "", destination_name: "one", ..server };
    let wrong = TestSpan { span_id: "nonsense", ..server };
    let failed = handler.report_spans(&[server, client, untraced, wrong, undecided, in_one]);
    let failed: Vec<_> = failed.iter().map(|f| (f.element, f.message.as_str())).collect();
    assert_eq!(failed, [(3, "\"nonsense\" has no id of a span")]);
    let requests: Vec<ExportTraceServiceRequest> = requests();
    let spans: Vec<_> = requests
        .iter()
        .map(|request| {
            let [of_service] = &request.resource_spans[..] else { panic!("{requests:?}") };
            let [span] = &of_service.scope_spans[0].spans[..] else { panic!("{requests:?}") };
            (service(of_service.resource.as_ref()), span)
        })
        .collect();
    let [(back, server), (front, client), (one, in_one)] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((back, front, one), (&text("back"), &text("front"), &text("one")));
    assert_eq!(in_one.span_id, server.span_id);
    assert_eq!((server.kind(), client.kind()), (SpanKind::Server, SpanKind::Client));
    assert_eq!(server.parent_span_id, client.span_id);
    assert_ne!(server.span_id, client.span_id);
    assert_eq!(client.parent_span_id, [0x05, 0xe3, 0xac, 0x9a, 0x4f, 0x6e, 0x3b, 0x90]);
    assert_eq!(server.trace_id, client.trace_id);
    assert!(server.status.is_none(), "404 is the client's mistake");
    assert_eq!(client.status.as_ref().unwrap().code, 2);
    assert_eq!(
        attributes(&server.attributes),
        [
            ("service.peer.name", text("front")),
            ("client.address", text("10.0.0.1")),
            ("http.response.status_code", Any::IntValue(404)),
            ("http.request.body.size", Any::IntValue(7)),
            ("http.request.method", text("GET")),
        ]
    );
}

#[test]
fn large_batches_go_out_in_several_requests() {
    let parameters = json!({ "endpoint": "http://collector:4318", "max_request_bytes": 65536 });
    let mut handler = Handler::configure(parameters, vec![access_log()]).unwrap();
    let variables = log_variables(TRACE);
    let entries: Vec<_> = (0..1000).map(|n| (0, "info", NOON + n, &variables[..])).collect();
    assert_eq!(handler.report_log_entries(&entries), []);
    let sizes: Vec<_> = sent().iter().map(|(_, message)| message.data.len()).collect();
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= 65536), "{sizes:?}");
    assert_eq!(sent().iter().map(|(_, message)| message.elements).sum::<u32>(), 1000);
    // What the host puts together is one request with all of it.
    let together: Vec<u8> = sent().into_iter().flat_map(|(_, message)| message.data).collect();
    let request = ExportLogsServiceRequest::decode(together.as_slice()).unwrap();
    let count: usize =
        request.resource_logs.iter().map(|logs| logs.scope_logs[0].log_records.len()).sum();
    assert_eq!(count, 1000);
}

#[test]
fn only_signals_with_instances_need_an_address() {
    let parameters = json!({
        "endpoint": "http://collector:4318",
        "headers": { "authorization": "Bearer x" },
        "compression": "NONE",
    });
    Handler::configure(parameters, vec![access_log()]).unwrap();
    let [target] = &targets()[..] else { panic!("{:?}", targets()) };
    let http = target.http.as_ref().unwrap();
    assert_eq!((http.default_path.as_str(), http.gzip), ("/v1/logs", false));
    assert_eq!(http.headers.last().unwrap().0, "authorization");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let problems = |parameters: Json| Handler::problems(parameters, vec![access_log()]);
    assert_eq!(
        problems(json!({
            "headers": { "Content-Type": "text/plain" },
            "max_request_bytes": 1,
            "service_name": "",
            "logs": [{ "instance_name": "accesslog.instance.default", "body": "pth" }],
        })),
        [
            "headers[Content-Type]: is set by the adapter",
            "max_request_bytes: must be 65536 to 16777216",
            "service_name: must not be empty",
            "endpoint: is needed, or logs_endpoint",
            "logs[0].body: instance accesslog.instance.default has no variable pth, did you mean path?",
        ]
    );
    let with_path = problems(json!({ "endpoint": "http://collector:4318/v1" }));
    assert!(with_path[0].starts_with("endpoint: must have no path"), "{with_path:?}");
    let count = instance("n.instance.default", Template::Metric, &[], Some(ValueType::Boolean));
    let metric = |changes: Json| {
        let mut metric = json!({ "instance_name": "n.instance.default", "kind": "COUNTER" });
        metric.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let parameters = json!({ "endpoint": "http://c", "metrics": [metric] });
        Handler::problems(parameters, vec![count.clone()])
    };
    assert_eq!(
        metric(json!({})),
        ["metrics[0].instance_name: the value of n.instance.default is no number"]
    );
    assert_eq!(
        metric(json!({ "kind": "DISTRIBUTION", "bounds": [2, 1] })),
        ["metrics[0].bounds: must be finite and rising, 500 at most"]
    );
    assert_eq!(metric(json!({ "bounds": [1] })), ["metrics[0].bounds: are for DISTRIBUTION alone"]);
    assert_eq!(
        metric(json!({ "instance_name": "m.instance.default" })),
        [
            "metrics: no entry has instance_name n.instance.default, did you mean m.instance.default?"
        ]
    );
}
