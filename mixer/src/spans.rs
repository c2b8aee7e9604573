use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};

use crate::check::CacheLevel;
use crate::service::Mixer;

/// A span of Mixer's own, when the request belongs to a trace and spans are exported; else nothing. It
/// ends when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct WorkSpan(Option<Context>);

impl Mixer {
    /// A span under `parent`.
    pub(crate) fn span(&self, name: &str, kind: SpanKind, parent: Option<&Context>) -> WorkSpan {
        WorkSpan(self.tracer.as_ref().zip(parent).map(|(tracer, parent)| {
            let builder = tracer.span_builder(name.to_owned()).with_kind(kind);
            parent.with_span(tracer.build_with_context(builder, parent))
        }))
    }
}

impl WorkSpan {
    /// The parent for spans within this one.
    pub(crate) fn context(&self) -> Option<&Context> {
        self.0.as_ref()
    }

    pub(crate) fn answered_from(&self, cache: CacheLevel) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new("mixmesh.cache", cache.name()));
        }
    }

    /// What it waited for begins.
    pub(crate) fn begins(&self) {
        if let Some(context) = &self.0 {
            context.span().add_event("begins", Vec::new());
        }
    }

    pub(crate) fn failed(&self, reason: &'static str) {
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(reason));
        }
    }
}
