//! Which span of which trace it is, by what the instance hands in.
//!
//! Meshes carry a trace's context in one of three forms, and an instance hands in what its mesh has:
//!
//! * B3 in several headers: each of the fields `trace_id`, `span_id` and `parent_span_id` has its own;
//! * B3 in one header, `{trace}-{span}-{sampled}-{parent}`, of which the last two may be missing;
//! * W3C's `traceparent`, `{version}-{trace}-{span}-{flags}`.
//!
//! A field may hold the whole header of the latter two and means its own part of it. Where only
//! `trace_id` is set, the other two come out of the same header, so that an instance needs no more than
//! `traceId: request.headers["x-b3-traceid"] | request.headers["b3"] | request.headers["traceparent"]`
//! and the like for the others. Whether a context says that it is sampled does not count here: the
//! handler's own share does, and rules can look at headers.

use adapter_sdk::Span;

use crate::ids::{SpanId, TraceId, shown};

/// A span's place in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) parent: Option<SpanId>,
    /// Whether the client's side reports under the same id.
    pub(crate) shared: bool,
}

/// A context in one header, in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header<'a> {
    trace: &'a str,
    span: &'a str,
    parent: Option<&'a str>,
}

impl Identity {
    /// Of a span as it is handed in. `None`: it belongs to no trace.
    pub(crate) fn of(span: &Span<'_>) -> Result<Option<Self>, String> {
        let whole = Header::parse(span.trace_id())?;
        let trace = whole.map_or(span.trace_id(), |header| header.trace);
        if is_decision(trace) {
            return Ok(None);
        }
        let trace = TraceId::parse(trace)?;
        let id = match Header::parse(span.span_id())? {
            Some(header) => header.span,
            None if span.span_id().is_empty() => whole.map_or("", |header| header.span),
            None => span.span_id(),
        };
        if id.is_empty() {
            return Err(format!("trace {trace} is named, but no span of it"));
        }
        let id = SpanId::parse("span id", id)?
            .ok_or_else(|| format!("span id {} is zero", shown(id)))?;
        let parent = match Header::parse(span.parent_span_id())? {
            Some(header) => header.parent.unwrap_or(""),
            None if span.parent_span_id().is_empty() => {
                whole.and_then(|header| header.parent).unwrap_or("")
            }
            None => span.parent_span_id(),
        };
        let parent = match parent {
            "" => None,
            parent => SpanId::parse("parent span id", parent)?,
        };
        Ok(Some(Self::on_its_side(trace, id, parent, span)))
    }

    /// Both sides of a call have the same headers. Either they share a span, which Zipkin knows how to
    /// show, or the client's gets an id of its own and becomes the parent of the server's.
    fn on_its_side(trace: TraceId, id: SpanId, parent: Option<SpanId>, span: &Span<'_>) -> Self {
        let (span, parent, shared) = match (span.is_client(), span.rewrite_client_span_id()) {
            (true, true) => (id.rewritten(), parent, false),
            (true, false) => (id, parent, false),
            (false, true) => (id, Some(id.rewritten()), false),
            (false, false) => (id, parent, true),
        };
        Self { trace, span, parent: parent.filter(|parent| *parent != span), shared }
    }
}

impl<'a> Header<'a> {
    /// `None` when the text is no such header but at most an id.
    fn parse(text: &'a str) -> Result<Option<Self>, String> {
        if !text.contains('-') {
            return Ok(None);
        }
        let wrong = || format!("{} is neither a b3 nor a traceparent header", shown(text));
        let parts: Vec<&str> = text.splitn(5, '-').collect();
        // A trace's id has 16 digits at least in B3, a version of W3C has 2. What a later version has
        // more is none of ours.
        if let ["ff", ..] = &parts[..] {
            return Err(wrong());
        }
        match &parts[..] {
            [version, trace, span, flags, rest @ ..] if version.len() == 2 => {
                let fits = trace.len() == 32 && span.len() == 16 && flags.len() == 2;
                let fits = fits && (rest.is_empty() || *version != "00");
                let header = Self { trace, span, parent: None };
                fits.then_some(Some(header)).ok_or_else(wrong)
            }
            [trace, span] | [trace, span, _] => Ok(Some(Self { trace, span, parent: None })),
            [trace, span, _, parent] => Ok(Some(Self { trace, span, parent: Some(parent) })),
            _ => Err(wrong()),
        }
    }
}

/// Nothing, or a `b3` header that only says whether to record: no trace.
fn is_decision(trace: &str) -> bool {
    matches!(trace, "" | "0" | "1" | "d")
}
