//! Turns metric instances into series for Prometheus.
//!
//! The host owns the series and shows them; this adapter knows what they are called.

mod metric;
mod parameters;

use adapter_sdk::host::metrics::{self, Sample as HostSample};
use adapter_sdk::{
    Adapter, FailedElement, Instances, MetricSeries, NewSeries, Problems, Sample, Template, Value,
    nearest,
};

use crate::metric::Metric;
pub use crate::parameters::Parameters;

adapter_sdk::export!(Prometheus: metric);

/// The adapter: for each of the handler's instances its metric.
#[derive(Debug)]
pub struct Prometheus {
    /// By the instance's index; `None` for instances of other templates.
    metrics: Vec<Option<Metric>>,
}

/// A series' id at the host.
#[derive(Debug, Clone, Copy)]
pub struct HostSeries(u32);

impl Adapter for Prometheus {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let expiry = parameters.expiry(&mut problems);
        let mut metrics: Vec<Option<Metric>> = (0..instances.len()).map(|_| None).collect();
        for (index, declared) in parameters.metrics.iter().enumerate() {
            let field = format!("metrics[{index}]");
            let twice = parameters.metrics[..index]
                .iter()
                .any(|m| m.instance_name == declared.instance_name);
            if twice {
                let message = format!("{} has a metric already", declared.instance_name);
                problems.add(format!("{field}.instance_name"), message);
                continue;
            }
            let mut all = instances.of(Template::Metric);
            let instance = all.find(|(_, instance)| instance.name == declared.instance_name);
            let metric =
                Metric::define(declared, instance.map(|(_, i)| i), expiry, &field, &mut problems);
            if let Some((at, _)) = instance {
                metrics[at.get()] = metric;
            }
        }
        for (_, instance) in instances.of(Template::Metric) {
            let names = parameters.metrics.iter().map(|metric| metric.instance_name.as_str());
            if !names.clone().any(|name| name == instance.name) {
                let hint = nearest(&instance.name, names);
                let message = format!("no entry has instance_name {}{hint}", instance.name);
                problems.add("metrics", message);
            }
        }
        problems.none_or(Self { metrics })
    }
}

impl MetricSeries for Prometheus {
    type Series = HostSeries;

    fn introduce(&mut self, series: &[NewSeries<'_>]) -> Vec<HostSeries> {
        let mut ids = Vec::with_capacity(series.len());
        // One call for each stretch of the same metric: a batch has few metrics and comes in their order
        // or in that of its requests.
        for stretch in series.chunk_by(|a, b| a.instance == b.instance) {
            let metric = self.metrics.get(stretch[0].instance.get()).and_then(Option::as_ref);
            let metric = metric.expect("the host knows the instances that were configured");
            let labels: Vec<Vec<String>> = stretch.iter().map(labels).collect();
            ids.extend(metrics::intern(metric.id(), &labels).into_iter().map(HostSeries));
        }
        ids
    }

    fn report(&mut self, samples: &[Sample<'_, HostSeries>]) -> Vec<FailedElement> {
        let mut failed = Vec::new();
        let mut elements = Vec::with_capacity(samples.len());
        let mut update = Vec::with_capacity(samples.len());
        for (element, sample) in (0..).zip(samples) {
            match number(sample.value) {
                Some(value) => {
                    update.push(HostSample { series: sample.series.0, value });
                    elements.push(element);
                }
                None => {
                    let message = format!("{} is no number", sample.value);
                    failed.push(FailedElement { element, message });
                }
            }
        }
        for position in metrics::update(&update) {
            let position = position as usize;
            let message = format!("{} is no sample for this metric", update[position].value);
            failed.push(FailedElement { element: elements[position], message });
        }
        failed
    }

    fn forget(&mut self, series: Vec<HostSeries>) {
        let ids: Vec<u32> = series.into_iter().map(|HostSeries(id)| id).collect();
        metrics::forget(&ids);
    }
}

/// The labels' values: the dimensions, in their order.
fn labels(series: &NewSeries<'_>) -> Vec<String> {
    series.dimensions().map(|dimension| dimension.to_string()).collect()
}

/// Durations count in seconds, texts when they read as a number.
fn number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Int64(number) => Some(number as f64),
        Value::Double(number) => Some(number),
        Value::Duration(nanos) => Some(nanos as f64 / 1e9),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
