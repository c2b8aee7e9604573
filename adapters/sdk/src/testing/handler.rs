use serde_json::Value as Json;

use crate::bindings::base::exports::mixmesh::adapter::lifecycle;
use crate::bindings::edge::exports::mixmesh::adapter::edge;
use crate::bindings::logentry::exports::mixmesh::adapter::logentry;
use crate::bindings::tracespan::exports::mixmesh::adapter::tracespan;
use crate::metric::SeriesById;
use crate::{
    Adapter, Conversation, Edge, FailedElement, LogEntry, MetricSeries, Problems, Step, Template,
    TraceSpan, Value, ValueType, WorkloadEdge,
};
use crate::{export, log_entry, trace_span};

use super::batch::{Pool, log_entry_group, metric_batch, span_group};

/// An adapter that has taken its configuration, called as the host calls it.
#[derive(Debug)]
pub struct TestHandler<A> {
    pub(super) adapter: A,
}

/// A span for [`TestHandler::report_spans`]; see [`crate::Span`] for what the fields are.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "those of `Span`")]
pub struct TestSpan<'a> {
    pub instance: u32,
    pub trace_id: &'a str,
    pub span_id: &'a str,
    pub parent_span_id: &'a str,
    pub name: &'a str,
    pub start_time: i64,
    pub end_time: i64,
    pub http_status_code: i64,
    pub is_client: bool,
    pub rewrite_client_span_id: bool,
    pub source_name: &'a str,
    pub source_ip: &'a [u8],
    pub destination_name: &'a str,
    pub destination_ip: &'a [u8],
    pub request_size: i64,
    pub request_total_size: i64,
    pub response_size: i64,
    pub response_total_size: i64,
    pub tags: &'a [Value<'a>],
}

/// An instance for [`TestHandler::configure`].
pub fn instance(
    name: &str,
    template: Template,
    fields: &[(&str, ValueType)],
    value_type: Option<ValueType>,
) -> lifecycle::Instance {
    let field = |(name, value_type): &(&str, ValueType)| lifecycle::Field {
        name: (*name).to_owned(),
        value_type: *value_type,
    };
    lifecycle::Instance {
        name: name.to_owned(),
        template: template.name().to_owned(),
        fields: fields.iter().map(field).collect(),
        value_type,
    }
}

impl<A: Adapter> TestHandler<A> {
    /// Has the adapter take its configuration.
    ///
    /// # Errors
    /// Its problems with it.
    #[expect(clippy::needless_pass_by_value, reason = "reads well with json!")]
    pub fn configure(
        parameters: Json,
        instances: Vec<lifecycle::Instance>,
    ) -> Result<Self, Problems> {
        let configuration = lifecycle::Configuration {
            handler: "handler.default".to_owned(),
            parameters: parameters.to_string(),
            instances,
        };
        Ok(Self { adapter: export::configure(configuration)? })
    }

    /// The problems that the adapter has with a configuration, as texts.
    pub fn problems(parameters: Json, instances: Vec<lifecycle::Instance>) -> Vec<String> {
        match Self::configure(parameters, instances) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }
}

impl<A: MetricSeries> TestHandler<A> {
    /// Reports metrics – index of the instance, dimensions, value – in one batch, in which those with
    /// the same dimensions are one series.
    pub fn report_metrics(
        &mut self,
        metrics: &[(u32, &[Value<'_>], Value<'_>)],
    ) -> Vec<FailedElement> {
        SeriesById::default().report(&mut self.adapter, &metric_batch(metrics))
    }
}

impl<A: LogEntry> TestHandler<A> {
    /// Reports log entries – index of the instance, severity, nanoseconds since the epoch, variables –
    /// in one batch.
    pub fn report_log_entries(
        &mut self,
        entries: &[(u32, &str, i64, &[Value<'_>])],
    ) -> Vec<FailedElement> {
        let mut pool = Pool::default();
        let group = |(element, entry)| log_entry_group(&mut pool, element, entry);
        let groups = (0..).zip(entries).map(group).collect();
        let Pool { texts, addresses } = pool;
        let batch = logentry::Batch { texts, addresses, groups };
        log_entry::report(&mut self.adapter, &batch)
    }
}

impl<A: TraceSpan> TestHandler<A> {
    /// Reports spans in one batch.
    pub fn report_spans(&mut self, spans: &[TestSpan<'_>]) -> Vec<FailedElement> {
        let mut pool = Pool::default();
        let group = |(element, span)| span_group(&mut pool, element, span);
        let groups = (0..).zip(spans).map(group).collect();
        let Pool { texts, addresses } = pool;
        let batch = tracespan::Batch { texts, addresses, groups };
        trace_span::report(&mut self.adapter, &batch)
    }
}

impl<A: Edge> TestHandler<A> {
    /// Reports edges in one batch. Their `instance` is the index of an instance that was configured.
    pub fn report_edges(&mut self, edges: &[WorkloadEdge<'_>]) -> Vec<FailedElement> {
        let mut pool = Pool::default();
        let group = |(element, e): (u32, &WorkloadEdge<'_>)| {
            let mut text = |text| vec![pool.text(text)];
            edge::Group {
                instance: u32::try_from(e.instance.get()).expect("a test has few instances"),
                elements: vec![element],
                timestamps: vec![e.timestamp],
                source_workload_namespaces: text(e.source.workload_namespace),
                source_workload_names: text(e.source.workload_name),
                source_owners: text(e.source.owner),
                source_uids: text(e.source.uid),
                destination_workload_namespaces: text(e.destination.workload_namespace),
                destination_workload_names: text(e.destination.workload_name),
                destination_owners: text(e.destination.owner),
                destination_uids: text(e.destination.uid),
                destination_service_namespaces: text(e.destination_service_namespace),
                destination_service_names: text(e.destination_service_name),
                context_protocols: text(e.context_protocol),
                api_protocols: text(e.api_protocol),
            }
        };
        let groups = (0..).zip(edges).map(group).collect();
        let batch = edge::Batch { texts: pool.texts, groups };
        crate::edge::report(&mut self.adapter, &batch)
    }
}

impl<A: Conversation> TestHandler<A> {
    /// Tells the adapter that a connection to a target was opened.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn opened(&mut self, target: u32) -> Result<Step, String> {
        self.adapter.opened(target)
    }

    /// Tells the adapter that the peer has sent `data`.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn received(&mut self, target: u32, state: &[u8], data: &[u8]) -> Result<Step, String> {
        self.adapter.received(target, state, data)
    }
}
