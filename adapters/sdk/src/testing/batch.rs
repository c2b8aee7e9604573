//! Batches as the host makes them, for those who call an adapter in its place.

use crate::Value;
use crate::bindings::base::mixmesh::adapter::types;
use crate::bindings::logentry::exports::mixmesh::adapter::logentry;
use crate::bindings::metric::exports::mixmesh::adapter::metric;
use crate::bindings::tracespan::exports::mixmesh::adapter::tracespan;

use super::handler::TestSpan;

macro_rules! append {
    ($into:ident, $from:ident: $($column:ident),+) => { $($into.$column.extend($from.$column);)+ };
}

/// Metrics in one batch, in which those with the same dimensions are one series.
pub(super) fn metric_batch(metrics: &[(u32, &[Value<'_>], Value<'_>)]) -> metric::Batch {
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
    metric::Batch {
        forgotten: Vec::new(),
        introduced,
        samples: series.into_iter().zip(metrics.iter().map(|m| &m.2)).map(sample).collect(),
    }
}

/// Log entries of one instance in one group, as the host sends them.
pub(super) fn log_entry_batch(entries: &[(u32, &str, i64, &[Value<'_>])]) -> logentry::Batch {
    let mut pool = Pool::default();
    let mut groups: Vec<logentry::Group> = Vec::new();
    for (element, entry) in (0..).zip(entries) {
        let group = log_entry_group(&mut pool, element, entry);
        match groups.first_mut().filter(|first| first.instance == group.instance) {
            None => groups.push(group),
            Some(first) => {
                append!(first, group: elements, severities, timestamps);
                append_columns(&mut first.variables, group.variables);
            }
        }
    }
    let Pool { texts, addresses } = pool;
    logentry::Batch { texts, addresses, groups }
}

pub(super) fn log_entry_group(
    pool: &mut Pool,
    element: u32,
    (instance, severity, timestamp, variables): &(u32, &str, i64, &[Value<'_>]),
) -> logentry::Group {
    logentry::Group {
        instance: *instance,
        elements: vec![element],
        severities: vec![pool.text(severity)],
        timestamps: vec![*timestamp],
        variables: variables.iter().map(|value| pool.column(value)).collect(),
    }
}

/// Spans of one instance in one group, as the host sends them.
pub(super) fn span_batch(spans: &[TestSpan<'_>]) -> tracespan::Batch {
    let mut pool = Pool::default();
    let mut groups: Vec<tracespan::Group> = Vec::new();
    for (element, span) in (0..).zip(spans) {
        let group = span_group(&mut pool, element, span);
        match groups.first_mut().filter(|first| first.instance == group.instance) {
            None => groups.push(group),
            Some(first) => {
                append!(first, group:
                    elements, trace_ids, span_ids, parent_span_ids, span_names, start_times, end_times, http_status_codes, client_spans, rewrite_client_span_ids, source_names, source_ips, destination_names, destination_ips, request_sizes, request_total_sizes, response_sizes, response_total_sizes);
                append_columns(&mut first.tags, group.tags);
            }
        }
    }
    let Pool { texts, addresses } = pool;
    tracespan::Batch { texts, addresses, groups }
}

pub(super) fn span_group(pool: &mut Pool, element: u32, span: &TestSpan<'_>) -> tracespan::Group {
    tracespan::Group {
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
    }
}

/// Puts the elements of columns behind those of others with the same types.
fn append_columns(columns: &mut [types::Column], more: Vec<types::Column>) {
    use types::Column as C;
    for (column, more) in columns.iter_mut().zip(more) {
        match (column, more) {
            (C::Text(column), C::Text(more)) => column.extend(more),
            (C::Int64(column), C::Int64(more)) => column.extend(more),
            (C::Double(column), C::Double(more)) => column.extend(more),
            (C::Boolean(column), C::Boolean(more)) => column.extend(more),
            (C::Timestamp(column), C::Timestamp(more)) => column.extend(more),
            (C::Duration(column), C::Duration(more)) => column.extend(more),
            (C::IpAddress(column), C::IpAddress(more)) => column.extend(more),
            (C::StringMap(column), C::StringMap(more)) => column.extend(more),
            (column, more) => panic!("{more:?} does not go with {column:?}"),
        }
    }
}

/// The texts and addresses of a batch, to which its columns point.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) texts: Vec<String>,
    pub(super) addresses: Vec<Vec<u8>>,
}

impl Pool {
    pub(super) fn text(&mut self, text: &str) -> u32 {
        self.texts.push(text.to_owned());
        u32::try_from(self.texts.len() - 1).expect("a test has few texts")
    }

    pub(super) fn address(&mut self, bytes: &[u8]) -> u32 {
        self.addresses.push(bytes.to_vec());
        u32::try_from(self.addresses.len() - 1).expect("a test has few addresses")
    }

    pub(super) fn column(&mut self, value: &Value<'_>) -> types::Column {
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
