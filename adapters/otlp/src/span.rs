use std::collections::BTreeMap;

use adapter_sdk::trace_context::{SpanId, TraceId};
use adapter_sdk::{Instance, Span, Value};

use crate::attribute::{AttributeWriter, Name};
use crate::wire::{self, Field};

/// `Span`.
const TRACE_ID: Field = 1;
const SPAN_ID: Field = 2;
const PARENT_SPAN_ID: Field = 4;
const NAME: Field = 5;
const KIND: Field = 6;
const START: Field = 7;
const END: Field = 8;
const ATTRIBUTES: Field = 9;
const STATUS: Field = 15;
/// `SpanKind`.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
/// `Status`.
const STATUS_CODE: Field = 3;
const ERROR: u64 = 2;

/// Headers come from clients; of a bad one so much is shown.
const MAX_SHOWN: usize = 64;

/// What a client's span id is combined with to get one of its own, as Istio's adapters do it.
const CLIENT_PAD: u64 = 0x3f6a_2ec3_c810_c2ab;

/// What the spans of all instances have in common, and the names of tags.
#[derive(Debug)]
pub(crate) struct SpanNames {
    status: Name,
    peer: Name,
    client_address: Name,
    server_address: Name,
    sizes: [Name; 4],
    /// By the instance's index.
    tags: Vec<Vec<Name>>,
}

impl SpanNames {
    pub(crate) fn new<'i>(
        instances: impl Iterator<Item = &'i Instance>,
        renamed: &BTreeMap<String, String>,
    ) -> Self {
        let sizes = [
            "http.request.body.size",
            "http.request.size",
            "http.response.body.size",
            "http.response.size",
        ];
        Self {
            status: Name::new("http.response.status_code"),
            peer: Name::new("service.peer.name"),
            client_address: Name::new("client.address"),
            server_address: Name::new("server.address"),
            sizes: sizes.map(Name::new),
            tags: instances.map(|instance| Name::of_fields(instance, renamed)).collect(),
        }
    }

    /// Appends a span as the content of a `Span`. Returns false, and appends nothing, when the request is
    /// in no trace.
    ///
    /// # Errors
    /// When it has ids that are none.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        span: &Span<'_>,
        writer: &mut AttributeWriter,
    ) -> Result<bool, String> {
        // B3 in one header may say whether the trace is sampled, and nothing else.
        if matches!(span.trace_id(), "" | "0" | "1" | "d") {
            return Ok(false);
        }
        let no_id = |what, text: &str| {
            let text = &text[..text.floor_char_boundary(MAX_SHOWN)];
            format!("{text:?} has no id of a {what}")
        };
        let trace = TraceId::parse(span.trace_id());
        let trace = trace.ok_or_else(|| no_id("trace", span.trace_id()))?;
        let id = match span.span_id() {
            "" => SpanId::of_header(span.trace_id()),
            text => SpanId::parse(text),
        };
        let id = id.ok_or_else(|| no_id("span", span.span_id()))?;
        let own = |id: SpanId| {
            let padded =
                SpanId::new(id.get() ^ CLIENT_PAD).filter(|_| span.rewrite_client_span_id());
            padded.unwrap_or(id)
        };
        // The client's span gets an id of its own, and the server's is below it.
        let (id, parent, kind) = match SpanId::parse(span.parent_span_id()) {
            parent if span.is_client() => (own(id), parent, CLIENT),
            _ if span.rewrite_client_span_id() => (id, Some(own(id)), SERVER),
            parent => (id, parent, SERVER),
        };
        wire::bytes(out, TRACE_ID, &trace.to_bytes());
        wire::bytes(out, SPAN_ID, &id.to_bytes());
        if let Some(parent) = parent {
            wire::bytes(out, PARENT_SPAN_ID, &parent.to_bytes());
        }
        wire::bytes(out, NAME, span.name().as_bytes());
        wire::varint(out, KIND, kind);
        wire::time(out, START, span.start_time());
        wire::time(out, END, span.end_time());
        self.write_attributes(out, span, writer);
        let status = span.http_status_code();
        // What the client did wrong is no fault of the server's.
        let is_error = status >= if span.is_client() { 400 } else { 500 };
        if is_error {
            let mut code = Vec::new();
            wire::varint(&mut code, STATUS_CODE, ERROR);
            wire::bytes(out, STATUS, &code);
        }
        Ok(true)
    }

    fn write_attributes(&self, out: &mut Vec<u8>, span: &Span<'_>, writer: &mut AttributeWriter) {
        let mut attribute = |name: &Name, value: Value<'_>| {
            let is_set = match value {
                Value::Text(text) => !text.is_empty(),
                Value::Int64(number) => number > 0,
                Value::IpAddress(bytes) => bytes.iter().any(|byte| *byte != 0),
                _ => true,
            };
            if is_set {
                writer.write(out, ATTRIBUTES, name, value);
            }
        };
        let peer = if span.is_client() { span.destination_name() } else { span.source_name() };
        attribute(&self.peer, Value::Text(peer));
        attribute(&self.client_address, Value::IpAddress(span.source_ip()));
        attribute(&self.server_address, Value::IpAddress(span.destination_ip()));
        attribute(&self.status, Value::Int64(span.http_status_code()));
        let sizes = [
            span.request_size(),
            span.request_total_size(),
            span.response_size(),
            span.response_total_size(),
        ];
        for (name, size) in self.sizes.iter().zip(sizes) {
            attribute(name, Value::Int64(size));
        }
        for (name, value) in self.tags[span.instance.get()].iter().zip(span.tags()) {
            writer.write(out, ATTRIBUTES, name, value);
        }
    }
}
