use std::time::Duration;

use mesh_attributes::EachAttribute;
use mesh_attributes::wire::{QuotaRequest, encode_check_request};
use smallvec::SmallVec;

use crate::attributes::HeaderMap;
use crate::generations::Generation;
use crate::grpc::Frame;
use crate::host::{OutboundCall, SpanIds};
use crate::quota::Ask;

/// This filter's version, which tells Mixer that it compares keys properly.
const FILTER: &str = concat!("mixmesh/", env!("CARGO_PKG_VERSION"));

/// Headers that join the call to the request's trace.
const TRACE_HEADERS: [&str; 8] = [
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
];

/// A check, ready to send.
#[derive(Debug)]
pub struct Question {
    frame: Frame,
    generation: Option<String>,
    trace: SmallVec<[(&'static str, String); 4]>,
}

impl Question {
    /// A question about `attributes` under the name `deduplication_id`.
    pub fn new(
        attributes: &dyn EachAttribute,
        request_headers: &HeaderMap<'_>,
        deduplication_id: &str,
        known: Option<Generation>,
        span: Option<SpanIds>,
        asks: &[Ask],
    ) -> Self {
        let from_client: SmallVec<[(&str, String); 4]> = TRACE_HEADERS
            .iter()
            .filter_map(|name| Some((*name, text(request_headers, name)?.to_owned())))
            .collect();
        let parent = span
            .filter(|_| is_sampled(request_headers))
            .and_then(|ids| Some((parent_span(&ids, from_client.is_empty())?, ids.trace)));
        let trace = match parent {
            Some((span, trace)) => std::iter::once(("b3", format!("{trace}-{span}-1"))).collect(),
            None => from_client,
        };
        let quotas: SmallVec<[QuotaRequest<'_>; 2]> = asks.iter().map(quota_request).collect();
        Self {
            frame: Frame::write(|out| {
                encode_check_request(attributes, deduplication_id, &quotas, out);
            }),
            generation: known.map(|known| known.to_string()),
            trace,
        }
    }

    /// Runs `send` with the call, which may last for `timeout`.
    pub fn send<R>(
        &self,
        cluster: &str,
        timeout: Duration,
        send: impl FnOnce(&OutboundCall<'_>) -> R,
    ) -> R {
        let grpc_timeout = format!("{}m", timeout.as_millis().max(1));
        let mut headers = unary_headers("/istio.mixer.v1.Mixer/Check");
        headers.push(("grpc-timeout", &grpc_timeout));
        headers.push(("mixmesh-filter", FILTER));
        if let Some(generation) = &self.generation {
            headers.push(("mixmesh-generation", generation));
        }
        headers.extend(self.trace.iter().map(|(name, value)| (*name, value.as_str())));
        send(&OutboundCall {
            cluster,
            headers: &headers,
            body: self.frame.bytes(),
            timeout: Some(timeout),
        })
    }
}

fn quota_request(ask: &Ask) -> QuotaRequest<'_> {
    QuotaRequest { name: &ask.charge.quota, amount: ask.amount, best_effort: ask.is_best_effort() }
}

/// The span that the check belongs to. Envoy's Zipkin tracer does not tell its span's id: in a trace
/// that begins at the proxy that is the lower half of the trace's, and in one that the client began the
/// proxy shares the client's span, whose headers then do.
fn parent_span(ids: &SpanIds, begins_here: bool) -> Option<String> {
    const DIGITS: usize = 16;
    let root = || ids.trace.get(ids.trace.len().checked_sub(DIGITS)?..).map(str::to_owned);
    ids.span.clone().or_else(|| begins_here.then(root).flatten())
}

fn text<'h>(headers: &'h HeaderMap<'_>, name: &str) -> Option<&'h str> {
    std::str::from_utf8(headers.first(name)?).ok()
}

/// Whether the proxy's span is recorded. The proxy does not say, but its request id does, in the digit
/// of the UUID's version: 4 without, 9, a and b with a trace. A client's own refusal counts before.
fn is_sampled(headers: &HeaderMap<'_>) -> bool {
    let refused = text(headers, "x-b3-sampled") == Some("0")
        || text(headers, "b3").is_some_and(|b3| b3 == "0" || b3.split('-').nth(2) == Some("0"))
        || text(headers, "traceparent").is_some_and(|parent| parent.ends_with("-00"));
    let by_request_id = headers.first("x-request-id").and_then(|id| id.get(14).copied());
    !refused && by_request_id != Some(b'4')
}

/// The headers that every call to Mixer bears.
pub(crate) fn unary_headers(path: &str) -> SmallVec<[(&str, &str); 16]> {
    SmallVec::from_slice(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "mixer"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ])
}
