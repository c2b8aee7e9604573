use std::time::Duration;

use mesh_attributes::EachAttribute;
use mesh_attributes::wire::encode_check_request;
use smallvec::SmallVec;

use crate::attributes::HeaderMap;
use crate::generations::Generation;
use crate::grpc::Frame;
use crate::host::OutboundCall;

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
    ) -> Self {
        let trace = TRACE_HEADERS
            .iter()
            .filter_map(|name| {
                let value = request_headers.first(name)?;
                Some((*name, std::str::from_utf8(value).ok()?.to_owned()))
            })
            .collect();
        Self {
            frame: Frame::write(|out| {
                encode_check_request(attributes, deduplication_id, &[], out);
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
