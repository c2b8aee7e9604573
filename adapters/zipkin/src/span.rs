//! A span in Zipkin's v2 JSON, <https://zipkin.io/zipkin-api/#/default/post_spans>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adapter_sdk::host::clock;
use adapter_sdk::{Field, Span, Value};
use serde::{Serialize, Serializer};

use crate::context::Identity;
use crate::ids::{SpanId, TraceId};

const MICRO: i64 = 1_000;
/// How far a reporter's clock may be ahead, in nanoseconds: what lies further on is no time but an
/// accident, and stores that go by time would keep it where nobody finds it.
const MAX_AHEAD: i64 = 24 * 3600 * 1_000_000_000;
/// The name of a service that has none, as in Istio: Zipkin finds spans by it.
const NO_NAME: &str = "default";

/// A span; absent fields are left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ZipkinSpan<'a> {
    trace_id: TraceId,
    id: SpanId,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<SpanId>,
    kind: Kind,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    /// In microseconds since the Unix epoch.
    timestamp: i64,
    /// In microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    local_endpoint: Endpoint<'a>,
    #[serde(skip_serializing_if = "Endpoint::is_empty")]
    remote_endpoint: Endpoint<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation>,
    #[serde(skip_serializing_if = "Tags::is_empty")]
    tags: Tags<'a>,
    #[serde(skip_serializing_if = "is_false")]
    shared: bool,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    Client,
    Server,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    service_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<Ipv6Addr>,
}

/// Something that happened in a span's time.
#[derive(Debug, Serialize)]
struct Annotation {
    timestamp: i64,
    value: String,
}

/// Tags, shown as text.
#[derive(Debug)]
struct Tags<'a>(Vec<(&'a str, Value<'a>)>);

impl<'a> ZipkinSpan<'a> {
    /// `fields` are those of the span's instance.
    ///
    /// # Errors
    /// When the span has no time that can be.
    pub(crate) fn new(
        span: &Span<'a>,
        identity: &Identity,
        fields: &'a [Field],
    ) -> Result<Self, String> {
        let (start, end) = times(span)?;
        let source = Endpoint::new(span.source_name(), span.source_ip());
        let destination = Endpoint::new(span.destination_name(), span.destination_ip());
        let (kind, mut local, remote) = match span.is_client() {
            true => (Kind::Client, source, destination),
            false => (Kind::Server, destination, source),
        };
        if local.service_name.is_empty() {
            local.service_name = NO_NAME;
        }
        Ok(Self {
            trace_id: identity.trace,
            id: identity.span,
            parent_id: identity.parent,
            kind,
            name: span.name(),
            timestamp: start,
            duration: end.map(|end| (end - start).max(1)),
            local_endpoint: local,
            remote_endpoint: remote,
            annotations: annotations(span, kind, start, end),
            tags: Tags::new(span, fields),
            shared: identity.shared,
        })
    }

    pub(crate) fn to_json(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| format!("the span cannot be written: {error}"))
    }
}

/// Start and end in microseconds; no end when none is set. An end before the start comes of a clock that
/// was set: the span is there, and short.
fn times(span: &Span<'_>) -> Result<(i64, Option<i64>), String> {
    let (start, end) = (span.start_time(), span.end_time());
    if start < MICRO {
        return Err("start_time is not set or lies before 1970".to_owned());
    }
    let ahead = start.saturating_sub(clock::now());
    if ahead > MAX_AHEAD {
        return Err(format!("start_time is {} hours ahead", ahead / 3_600_000_000_000));
    }
    let start = start / MICRO;
    Ok((start, (end > 0).then(|| (end / MICRO).max(start + 1))))
}

/// When request and response were on the wire, and their sizes with headers: what Istio recorded as
/// events.
fn annotations(span: &Span<'_>, kind: Kind, start: i64, end: Option<i64>) -> Vec<Annotation> {
    let (first, last) = match kind {
        Kind::Client => ("sent", "received"),
        Kind::Server => ("received", "sent"),
    };
    let request = (span.request_total_size(), "request", first, Some(start));
    let response = (span.response_total_size(), "response", last, end);
    [request, response]
        .into_iter()
        .filter(|(size, ..)| *size > 0)
        .filter_map(|(size, what, done, at)| {
            let value = format!("{what} {done}, {size} bytes");
            Some(Annotation { timestamp: at?, value })
        })
        .collect()
}

impl<'a> Endpoint<'a> {
    fn new(service_name: &'a str, address: &[u8]) -> Self {
        let address = <[u8; 4]>::try_from(address)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(address).map(IpAddr::from))
            .map(|address| address.to_canonical());
        let (ipv4, ipv6) = match address {
            Ok(IpAddr::V4(v4)) => (Some(v4), None),
            Ok(IpAddr::V6(v6)) => (None, Some(v6)),
            Err(_) => (None, None),
        };
        // Instances have 0.0.0.0 for an address that is not known.
        Self {
            service_name,
            ipv4: ipv4.filter(|v4| !v4.is_unspecified()),
            ipv6: ipv6.filter(|v6| !v6.is_unspecified()),
        }
    }

    fn is_empty(&self) -> bool {
        self.service_name.is_empty() && self.ipv4.is_none() && self.ipv6.is_none()
    }
}

impl<'a> Tags<'a> {
    /// Those of the instance, and what every HTTP span has. The instance's own come first.
    fn new(span: &Span<'a>, fields: &'a [Field]) -> Self {
        let names = fields.iter().map(|field| field.name.as_str());
        let mut tags: Vec<_> = names.zip(span.tags()).collect();
        let mut add = |name, value| {
            if !tags.iter().any(|(present, _)| *present == name) {
                tags.push((name, value));
            }
        };
        let status = span.http_status_code();
        if status > 0 {
            add("http.status_code", Value::Int64(status));
        }
        if (500..600).contains(&status) {
            add("error", Value::Int64(status));
        }
        Self(tags)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Text(value))))
    }
}

/// A value as text.
struct Text<'a>(&'a Value<'a>);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Text(text) => serializer.serialize_str(text),
            other => serializer.collect_str(other),
        }
    }
}

fn is_false(truth: &bool) -> bool {
    !truth
}
