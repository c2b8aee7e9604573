use serde_json::Value as Json;

use crate::bindings::base::exports::mixmesh::adapter::lifecycle;
use crate::bindings::base::mixmesh::adapter::types;
use crate::bindings::edge::exports::mixmesh::adapter::edge;
use crate::bindings::logentry::exports::mixmesh::adapter::logentry;
use crate::bindings::metric::exports::mixmesh::adapter::metric;
use crate::bindings::tracespan::exports::mixmesh::adapter::tracespan;
use crate::metric::SeriesById;
use crate::{
    Adapter, Conversation, Edge, FailedElement, LogEntry, MetricSeries, Problems, Step, Template,
    TraceSpan, Value, ValueType, WorkloadEdge,
};
use crate::{export, log_entry, trace_span};

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
        let mut introduced: Vec<metric::Series> = Vec::new();
        let mut series = Vec::with_capacity(metrics.len());
        for (instance, dimensions, _) in metrics {
            let dimensions: Vec<types::Value> = dimensions.iter().map(to_wire).collect();
            let is_it = |s: &metric::Series| s.instance == *instance && s.dimensions == dimensions;
            let id = introduced.iter().position(is_it).unwrap_or(introduced.len());
            let id = u32::try_from(id).expect("a test has few series");
            if id as usize == introduced.len() {
                introduced.push(metric::Series { id, instance: *instance, dimensions });
            }
            series.push(id);
        }
        let sample = |(series, value): (u32, &Value<'_>)| metric::Sample {
            series,
            value: match value {
                Value::Int64(number) => metric::Measure::Int64(*number),
                Value::Double(number) => metric::Measure::Double(*number),
                Value::Duration(nanos) => metric::Measure::Duration(*nanos),
                Value::Boolean(truth) => metric::Measure::Boolean(*truth),
                Value::Timestamp(nanos) => metric::Measure::Timestamp(*nanos),
                other => metric::Measure::Text(other.to_string()),
            },
        };
        let batch = metric::Batch {
            forgotten: Vec::new(),
            introduced,
            samples: series.into_iter().zip(metrics.iter().map(|m| &m.2)).map(sample).collect(),
        };
        SeriesById::default().report(&mut self.adapter, &batch)
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
        let group = |(element, entry): (u32, &(u32, &str, i64, &[Value<'_>]))| {
            let (instance, severity, timestamp, variables) = entry;
            logentry::Group {
                instance: *instance,
                elements: vec![element],
                severities: vec![pool.text(severity)],
                timestamps: vec![*timestamp],
                variables: variables.iter().map(|value| pool.column(value)).collect(),
            }
        };
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
        let group = |(element, span): (u32, &TestSpan<'_>)| tracespan::Group {
            instance: span.instance,
            elements: vec![element],
            trace_ids: vec![pool.text(span.trace_id)],
            span_ids: vec![pool.text(span.span_id)],
            parent_span_ids: vec![pool.text(span.parent_span_id)],
            span_names: vec![pool.text(span.name)],
            start_times: vec![span.start_time],
            end_times: vec![span.end_time],
            http_status_codes: vec![span.http_status_code],
            client_spans: vec![span.is_client],
            rewrite_client_span_ids: vec![span.rewrite_client_span_id],
            source_names: vec![pool.text(span.source_name)],
            source_ips: vec![pool.address(span.source_ip)],
            destination_names: vec![pool.text(span.destination_name)],
            destination_ips: vec![pool.address(span.destination_ip)],
            request_sizes: vec![span.request_size],
            request_total_sizes: vec![span.request_total_size],
            response_sizes: vec![span.response_size],
            response_total_sizes: vec![span.response_total_size],
            tags: span.tags.iter().map(|value| pool.column(value)).collect(),
        };
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

/// The texts and addresses of a batch, to which its columns point.
#[derive(Debug, Default)]
struct Pool {
    texts: Vec<String>,
    addresses: Vec<Vec<u8>>,
}

impl Pool {
    fn text(&mut self, text: &str) -> u32 {
        self.texts.push(text.to_owned());
        u32::try_from(self.texts.len() - 1).expect("a test has few texts")
    }

    fn address(&mut self, bytes: &[u8]) -> u32 {
        self.addresses.push(bytes.to_vec());
        u32::try_from(self.addresses.len() - 1).expect("a test has few addresses")
    }

    fn column(&mut self, value: &Value<'_>) -> types::Column {
        match value {
            Value::Text(value) => types::Column::Text(vec![self.text(value)]),
            Value::Int64(number) => types::Column::Int64(vec![*number]),
            Value::Double(number) => types::Column::Double(vec![*number]),
            Value::Boolean(truth) => types::Column::Boolean(vec![*truth]),
            Value::Timestamp(nanos) => types::Column::Timestamp(vec![*nanos]),
            Value::Duration(nanos) => types::Column::Duration(vec![*nanos]),
            Value::IpAddress(bytes) => types::Column::IpAddress(vec![self.address(bytes)]),
            Value::StringMap(map) => {
                let entries = map.iter().map(|(key, value)| (self.text(key), self.text(value)));
                types::Column::StringMap(vec![entries.collect()])
            }
        }
    }
}

pub(super) fn to_wire(value: &Value<'_>) -> types::Value {
    match value {
        Value::Text(text) => types::Value::Text((*text).to_owned()),
        Value::Int64(number) => types::Value::Int64(*number),
        Value::Double(number) => types::Value::Double(*number),
        Value::Boolean(truth) => types::Value::Boolean(*truth),
        Value::Timestamp(nanos) => types::Value::Timestamp(*nanos),
        Value::Duration(nanos) => types::Value::Duration(*nanos),
        Value::IpAddress(bytes) => types::Value::IpAddress(bytes.to_vec()),
        Value::StringMap(map) => {
            types::Value::StringMap(map.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
        }
    }
}
