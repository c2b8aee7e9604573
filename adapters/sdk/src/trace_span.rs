use crate::bindings::tracespan::exports::mixmesh::adapter::tracespan as wire;
use crate::column;
use crate::{Adapter, FailedElement, InstanceIndex, Value};

/// Serves the template `tracespan`. Spans are read out of the batch's columns where they lie.
pub trait TraceSpan: Adapter {
    /// Takes a span.
    ///
    /// # Errors
    /// Why it cannot be taken; the others of the batch are not affected.
    fn trace_span(&mut self, span: &Span<'_>) -> Result<(), String>;

    /// Called after the last span of a batch, for adapters that collect.
    ///
    /// # Errors
    /// Why the whole batch could not be taken.
    fn end_batch(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// A span. What the configuration does not set is an empty text, an empty address, 0, `false` or the
/// epoch.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// Which of the configuration's instances it is.
    pub instance: InstanceIndex,
    batch: &'a wire::Batch,
    group: &'a wire::Group,
    row: usize,
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident: $kind:ident of $column:ident;)+) => {
        $($(#[$doc])* pub fn $name(&self) -> readers!(@type $kind) {
            readers!(@read $kind, self, $column)
        })+
    };
    (@type text) => { &'a str };
    (@type address) => { &'a [u8] };
    (@type number) => { i64 };
    (@type truth) => { bool };
    (@read text, $span:ident, $column:ident) => {
        column::text(&$span.batch.texts, &$span.group.$column, $span.row)
    };
    (@read address, $span:ident, $column:ident) => {
        column::address(&$span.batch.addresses, &$span.group.$column, $span.row)
    };
    (@read number, $span:ident, $column:ident) => { column::at(&$span.group.$column, $span.row) };
    (@read truth, $span:ident, $column:ident) => { column::at(&$span.group.$column, $span.row) };
}

impl<'a> Span<'a> {
    readers! {
        /// The trace's id, as the headers of the request have it.
        trace_id: text of trace_ids;
        /// The span's id, as the headers have it.
        span_id: text of span_ids;
        /// The id of the span above, as the headers have it.
        parent_span_id: text of parent_span_ids;
        /// What was done.
        name: text of span_names;
        /// In nanoseconds since the Unix epoch.
        start_time: number of start_times;
        /// In nanoseconds since the Unix epoch.
        end_time: number of end_times;
        /// The HTTP status of the response.
        http_status_code: number of http_status_codes;
        /// Whether the reporter is the client's side.
        is_client: truth of client_spans;
        /// Whether a client's span is to get an id of its own, because its server's side reports under
        /// the same one.
        rewrite_client_span_id: truth of rewrite_client_span_ids;
        /// The client.
        source_name: text of source_names;
        /// The client's address.
        source_ip: address of source_ips;
        /// The server.
        destination_name: text of destination_names;
        /// The server's address.
        destination_ip: address of destination_ips;
        /// In bytes, without headers.
        request_size: number of request_sizes;
        /// In bytes, with headers.
        request_total_size: number of request_total_sizes;
        /// In bytes, without headers.
        response_size: number of response_sizes;
        /// In bytes, with headers.
        response_total_size: number of response_total_sizes;
    }

    /// The tags in the order of the instance's fields.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = Value<'a>> {
        let (batch, row) = (self.batch, self.row);
        let value = move |column| column::value(&batch.texts, &batch.addresses, column, row);
        self.group.tags.iter().map(value)
    }
}

/// Hands a batch of the host to the adapter, in the order of its elements.
pub(crate) fn report<A: TraceSpan>(adapter: &mut A, batch: &wire::Batch) -> Vec<FailedElement> {
    let rows = column::rows(&batch.groups, |group| &group.elements);
    let mut failed = Vec::new();
    for (element, group, row) in &rows {
        let instance = InstanceIndex::new(group.instance);
        let span = Span { instance, batch, group, row: *row };
        if let Err(message) = adapter.trace_span(&span) {
            failed.push(FailedElement { element: *element, message });
        }
    }
    column::end(failed, &rows, adapter.end_batch())
}
