use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::queue::CAPACITY;
use super::{Collector, Counters, Queue, SpanCounts, SpanData, SpanExport};

const PATIENCE: Duration = Duration::from_secs(20);

/// One request that an HTTP server got: its head and its body.
type Received = (String, Vec<u8>);

/// Answers requests on a port of its own with `status` and hands them over.
fn server(status: &'static str) -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (requests, received) = sync_channel(16);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, length)| length.parse().unwrap());
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if requests.send((head, body)).is_err() {
                return;
            }
        }
    });
    (url, received)
}

fn parent(flags: TraceFlags) -> Context {
    let (trace, span) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
    let parent = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    Context::new().with_remote_span_context(parent)
}

fn span(export: &SpanExport, name: &'static str, parent: &Context) {
    let tracer = export.tracer();
    drop(tracer.build_with_context(tracer.span_builder(name).with_kind(SpanKind::Server), parent));
}

#[test]
fn otlp_gets_the_sampled_spans_with_their_parents() {
    let (url, received) = server("200 OK");
    let export = SpanExport::open("mixer", &format!("otlp={url}").parse().unwrap()).unwrap();
    span(&export, "check", &parent(TraceFlags::SAMPLED));
    span(&export, "unseen", &parent(TraceFlags::NOT_SAMPLED));
    export.close();

    let (head, body) = received.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/x-protobuf"), "{head}");
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    let [resource] = request.resource_spans.as_slice() else { panic!("{request:?}") };
    let service = resource.resource.as_ref().unwrap().attributes.iter();
    assert!(service.clone().any(|a| a.key == "service.name"), "{resource:?}");
    let [check] = resource.scope_spans[0].spans.as_slice() else { panic!("{resource:?}") };
    assert_eq!((check.name.as_str(), &check.trace_id[..]), ("check", &[1; 16][..]));
    assert_eq!(check.parent_span_id, [2; 8]);
    assert_eq!((export.counts())(), SpanCounts { exported: 1, dropped: 0, lost: 0 });
}

#[test]
fn zipkin_gets_json() {
    let (url, received) = server("202 Accepted");
    let export = SpanExport::open("mixer", &format!("zipkin={url}").parse().unwrap()).unwrap();
    span(&export, "report", &parent(TraceFlags::SAMPLED));
    export.close();

    let (head, body) = received.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("POST /api/v2/spans "), "{head}");
    let spans: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(spans[0]["name"], "report");
    assert_eq!(spans[0]["kind"], "SERVER");
    assert_eq!(spans[0]["parentId"], "0202020202020202");
    assert_eq!(spans[0]["localEndpoint"]["serviceName"], "mixer");
}

#[test]
fn spans_that_the_collector_refuses_are_counted_as_lost() {
    let (url, _received) = server("503 Service Unavailable");
    let export = SpanExport::open("mixer", &format!("otlp={url}").parse().unwrap()).unwrap();
    span(&export, "check", &parent(TraceFlags::SAMPLED));
    export.close();
    assert_eq!((export.counts())(), SpanCounts { exported: 0, dropped: 0, lost: 1 });
}

/// Holds each upload until it is let go.
struct Held(Receiver<()>);

impl Collector for Held {
    fn upload(&self, _batch: Vec<SpanData>) -> Result<(), String> {
        self.0.recv().map_err(|gone| gone.to_string())
    }
}

#[test]
fn spans_beyond_the_queue_are_dropped_and_counted() {
    let (let_go, held) = sync_channel(16);
    let counters = std::sync::Arc::<Counters>::default();
    let queue = Queue::spawn(Box::new(Held(held)), counters.clone()).unwrap();
    let provider =
        opentelemetry_sdk::trace::SdkTracerProvider::builder().with_span_processor(queue).build();
    let export = SpanExport { provider, counters };
    let all = 2 * CAPACITY as u64;
    for _ in 0..all {
        span(&export, "check", &parent(TraceFlags::SAMPLED));
    }
    let counts = export.counts();
    // One batch may be in the uploader's hands, the queue holds its capacity.
    let dropped = counts().dropped;
    assert!(dropped >= all - CAPACITY as u64 - 512, "{dropped}");
    // More than there are uploads to let go.
    while let_go.try_send(()).is_ok() {}
    export.close();
    assert_eq!(counts(), SpanCounts { exported: all - dropped, dropped, lost: 0 });
}
