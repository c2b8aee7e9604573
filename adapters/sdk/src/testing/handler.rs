use serde_json::Value as Json;

use crate::bindings::base::exports::mixmesh::adapter::lifecycle;
use crate::bindings::base::mixmesh::adapter::types;
use crate::bindings::logentry::exports::mixmesh::adapter::logentry;
use crate::bindings::metric::exports::mixmesh::adapter::metric;
use crate::export;
use crate::log_entry;
use crate::metric::SeriesById;
use crate::{Adapter, FailedElement, LogEntry, MetricSeries, Problems, Template, Value, ValueType};

/// An adapter that has taken its configuration, called as the host calls it.
#[derive(Debug)]
pub struct TestHandler<A> {
    pub(super) adapter: A,
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
    /// Reports metrics – index of the instance, dimensions, value – in one batch.
    pub fn report_metrics(
        &mut self,
        metrics: &[(u32, &[Value<'_>], Value<'_>)],
    ) -> Vec<FailedElement> {
        let introduced = (0..).zip(metrics).map(|(id, (instance, dimensions, _))| metric::Series {
            id,
            instance: *instance,
            dimensions: dimensions.iter().map(to_wire).collect(),
        });
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
            introduced: introduced.collect(),
            samples: (0..).zip(metrics.iter().map(|(_, _, value)| value)).map(sample).collect(),
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
        let mut batch =
            logentry::Batch { texts: Vec::new(), addresses: Vec::new(), groups: Vec::new() };
        for (element, (instance, severity, timestamp, variables)) in (0..).zip(entries) {
            let severity = text(&mut batch, severity);
            let variables = variables.iter().map(|value| column(&mut batch, value)).collect();
            batch.groups.push(logentry::Group {
                instance: *instance,
                elements: vec![element],
                severities: vec![severity],
                timestamps: vec![*timestamp],
                variables,
            });
        }
        log_entry::report(&mut self.adapter, &batch)
    }
}

fn column(batch: &mut logentry::Batch, value: &Value<'_>) -> logentry::Column {
    match value {
        Value::Text(value) => logentry::Column::Text(vec![text(batch, value)]),
        Value::Int64(number) => logentry::Column::Int64(vec![*number]),
        Value::Double(number) => logentry::Column::Double(vec![*number]),
        Value::Boolean(truth) => logentry::Column::Boolean(vec![*truth]),
        Value::Timestamp(nanos) => logentry::Column::Timestamp(vec![*nanos]),
        Value::Duration(nanos) => logentry::Column::Duration(vec![*nanos]),
        Value::IpAddress(bytes) => {
            batch.addresses.push(bytes.to_vec());
            let number = u32::try_from(batch.addresses.len() - 1);
            logentry::Column::IpAddress(vec![number.expect("a test has few addresses")])
        }
        Value::StringMap(map) => {
            let entries = map.iter().map(|(key, value)| (text(batch, key), text(batch, value)));
            logentry::Column::StringMap(vec![entries.collect()])
        }
    }
}

fn text(batch: &mut logentry::Batch, text: &str) -> u32 {
    batch.texts.push(text.to_owned());
    u32::try_from(batch.texts.len() - 1).expect("a test has few texts")
}

fn to_wire(value: &Value<'_>) -> types::Value {
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
