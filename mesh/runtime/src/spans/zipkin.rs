use std::time::{Duration, SystemTime};

use http::Uri;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, Value, json};

use super::Collector;

/// A Zipkin v2 collector.
pub(super) struct Zipkin {
    pub(super) url: Uri,
    pub(super) service: &'static str,
    pub(super) agent: ureq::Agent,
}

impl Collector for Zipkin {
    fn upload(&self, batch: Vec<SpanData>) -> Result<(), String> {
        let spans: Vec<Value> = batch.iter().map(|span| zipkin_span(span, self.service)).collect();
        self.agent.post(&self.url).send_json(spans).map(drop).map_err(|cause| cause.to_string())
    }
}

fn zipkin_span(span: &SpanData, service: &str) -> Value {
    let mut tags: Map<String, Value> = span
        .attributes
        .iter()
        .map(|tag| (tag.key.to_string(), tag.value.as_str().into()))
        .collect();
    if let Status::Error { description } = &span.status {
        tags.insert("error".to_owned(), description.as_ref().into());
    }
    let mut zipkin = json!({
        "traceId": span.span_context.trace_id().to_string(),
        "id": span.span_context.span_id().to_string(),
        "name": span.name,
        "timestamp": micros(span.start_time.duration_since(SystemTime::UNIX_EPOCH)),
        // Zipkin has no spans of zero length.
        "duration": micros(span.end_time.duration_since(span.start_time)).max(1),
        "localEndpoint": { "serviceName": service },
        "tags": tags,
    });
    let kind = match span.span_kind {
        SpanKind::Client => "CLIENT",
        SpanKind::Server => "SERVER",
        SpanKind::Producer => "PRODUCER",
        SpanKind::Consumer => "CONSUMER",
        SpanKind::Internal => "",
    };
    if !kind.is_empty() {
        zipkin["kind"] = kind.into();
    }
    if span.parent_span_id != SpanId::INVALID {
        zipkin["parentId"] = span.parent_span_id.to_string().into();
    }
    zipkin
}

/// Zipkin's unit. A clock that was set back gives 0.
fn micros<E>(length: Result<Duration, E>) -> u64 {
    length.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}
