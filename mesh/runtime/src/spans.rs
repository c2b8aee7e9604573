//! Export of our own spans to a Zipkin v2 collector.
//!
//! Spans are made with the OpenTelemetry API and leave in batches from a thread of the SDK's own, so the
//! HTTP client may block. The SDK bounds its queue (2048 spans by default) and drops what does not fit.
//! The SDK's own Zipkin exporter is deprecated and no longer kept; the format is small enough to write
//! here.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use serde_json::{Map, Value, json};

/// How long one upload may take. Zipkin answers within milliseconds; the rest is a lost collector.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Exports spans until it is closed.
#[derive(Debug)]
pub struct SpanExport(SdkTracerProvider);

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum SpanExportError {
    /// The collector's address is no URL.
    #[error(
        "span collector `{url}` is not a URL such as http://127.0.0.1:9411/api/v2/spans: {cause}"
    )]
    Collector {
        /// The address.
        url: String,
        /// What is wrong with it.
        cause: http::uri::InvalidUri,
    },
}

impl SpanExport {
    /// Starts exporting spans of `service` to the Zipkin collector at `url` (its `/api/v2/spans`).
    ///
    /// # Errors
    /// When `url` is not one. A collector that is down is no error: its spans are lost, and logged.
    pub fn open(service: &'static str, url: &str) -> Result<Self, SpanExportError> {
        let collector = url
            .parse()
            .map_err(|cause| SpanExportError::Collector { url: url.to_owned(), cause })?;
        let agent =
            ureq::Agent::config_builder().timeout_global(Some(UPLOAD_TIMEOUT)).build().new_agent();
        let resource =
            Resource::builder().with_attribute(KeyValue::new("service.name", service)).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(ZipkinExporter { collector, service, agent })
            .build();
        Ok(Self(provider))
    }

    /// What makes spans.
    pub fn tracer(&self) -> SdkTracer {
        self.0.tracer("mixmesh")
    }

    /// Sends what is queued and stops. Waits at most as long as uploads may take.
    pub fn close(&self) {
        if let Err(cause) = self.0.shutdown() {
            tracing::warn!(%cause, "the last spans may be lost");
        }
    }
}

/// The span that a call belongs to, from its B3 (single or multiple) or W3C headers; none when the
/// headers are missing, malformed, or say that the trace is not sampled.
pub fn parent_context(headers: &HeaderMap) -> Option<Context> {
    let (trace, span) =
        b3_single(headers).or_else(|| b3_multiple(headers)).or_else(|| w3c(headers))?;
    let trace = TraceId::from_hex(trace).ok()?;
    let span = SpanId::from_hex(span).ok()?;
    let parent = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
    parent.is_valid().then(|| Context::new().with_remote_span_context(parent))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn b3_single(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut parts = text(headers, "b3")?.split('-');
    let ids = (parts.next()?, parts.next()?);
    matches!(parts.next(), None | Some("1" | "d")).then_some(ids)
}

fn b3_multiple(headers: &HeaderMap) -> Option<(&str, &str)> {
    let sampled = text(headers, "x-b3-sampled").is_none_or(|s| s == "1" || s == "true");
    sampled.then_some((text(headers, "x-b3-traceid")?, text(headers, "x-b3-spanid")?))
}

fn w3c(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut parts = text(headers, "traceparent")?.split('-');
    let (_version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    (flags & 1 == 1).then_some((trace, span))
}

#[derive(Debug)]
struct ZipkinExporter {
    collector: http::Uri,
    service: &'static str,
    agent: ureq::Agent,
}

impl SpanExporter for ZipkinExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans: Vec<Value> = batch.iter().map(|span| zipkin_span(span, self.service)).collect();
        self.agent
            .post(&self.collector)
            .send_json(spans)
            .map(drop)
            .map_err(|cause| OTelSdkError::InternalFailure(cause.to_string()))
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn parent(headers: &[(&'static str, &'static str)]) -> Option<(String, String)> {
        let headers = headers
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v)))
            .collect();
        let context = parent_context(&headers)?;
        let span = context.span().span_context().clone();
        Some((span.trace_id().to_string(), span.span_id().to_string()))
    }

    #[test]
    fn reads_every_spelling_of_a_parent() {
        let expected =
            Some(("0000000000000000000000000000abcd".to_owned(), "00000000000000ef".to_owned()));
        let trace = "0000000000000000000000000000abcd";
        assert_eq!(
            parent(&[("b3", "0000000000000000000000000000abcd-00000000000000ef-1")]),
            expected
        );
        assert_eq!(
            parent(&[("x-b3-traceid", trace), ("x-b3-spanid", "00000000000000ef")]),
            expected
        );
        assert_eq!(
            parent(&[("traceparent", "00-0000000000000000000000000000abcd-00000000000000ef-01")]),
            expected
        );
    }

    #[test]
    fn ignores_a_parent_that_is_malformed_or_not_sampled() {
        for (name, value) in [
            ("b3", "0"),
            ("b3", "0000000000000000000000000000abcd-00000000000000ef-0"),
            ("b3", "xyz-00000000000000ef-1"),
            ("traceparent", "00-0000000000000000000000000000abcd-00000000000000ef-00"),
            ("traceparent", "00"),
            ("x-b3-traceid", "0000000000000000000000000000abcd"),
        ] {
            assert_eq!(parent(&[(name, value)]), None, "{name}: {value}");
        }
    }
}
