//! Turns metric instances into series for Prometheus.
//!
//! The host owns the series and shows them; this adapter knows what they are called.

mod metric;
mod parameters;

use adapter_sdk::host::metrics::{self, Exemplar, Sample as HostSample};
use adapter_sdk::trace_context::TraceId;
use adapter_sdk::{
    Adapter, FailedElement, Instances, MetricSeries, NewSeries, Problems, Sample, Template, nearest,
};

use crate::metric::{ExemplarSource, Metric};
pub use crate::parameters::Parameters;

adapter_sdk::export!(Prometheus: metric);

/// The adapter: for each of the handler's instances its metric.
#[derive(Debug)]
pub struct Prometheus {
    /// By the instance's index; `None` for instances of other templates.
    metrics: Vec<Option<Metric>>,
}

/// A series at the host.
#[derive(Debug, Clone)]
pub struct HostSeries {
    id: u32,
    /// Label and value of the exemplar that its samples carry. Series that differ in nothing else are one
    /// at the host.
    exemplar: Option<Box<(String, String)>>,
}

/// An exemplar longer than this is left out: it comes from a client, and is no trace.
const MAX_EXEMPLAR: usize = 100;

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
            let (labels, exemplars): (Vec<_>, Vec<_>) =
                stretch.iter().map(|series| parts(series, metric.exemplars())).unzip();
            let interned = metrics::intern(metric.id(), &labels);
            let series = interned.into_iter().zip(exemplars);
            ids.extend(series.map(|(id, exemplar)| HostSeries { id, exemplar }));
        }
        ids
    }

    fn report(&mut self, samples: &[Sample<'_, HostSeries>]) -> Vec<FailedElement> {
        let mut failed = Vec::new();
        let mut elements = Vec::with_capacity(samples.len());
        let mut update = Vec::with_capacity(samples.len());
        let mut exemplars = Vec::new();
        for (element, sample) in (0..).zip(samples) {
            match sample.value.number() {
                Some(value) => {
                    if let Some(label) = &sample.series.exemplar {
                        let position = u32::try_from(update.len()).unwrap_or(u32::MAX);
                        let labels = vec![(**label).clone()];
                        exemplars.push(Exemplar { sample: position, labels });
                    }
                    update.push(HostSample { series: sample.series.id, value });
                    elements.push(element);
                }
                None => {
                    let message = format!("{} is no number", sample.value);
                    failed.push(FailedElement { element, message });
                }
            }
        }
        for position in metrics::update_with(&update, &exemplars) {
            let position = position as usize;
            let message = format!("{} is no sample for this metric", update[position].value);
            failed.push(FailedElement { element: elements[position], message });
        }
        failed
    }

    fn forget(&mut self, series: Vec<HostSeries>) {
        let ids: Vec<u32> = series.into_iter().map(|series| series.id).collect();
        metrics::forget(&ids);
    }
}

/// The labels' values, which are the dimensions in their order, and the exemplar.
fn parts(
    series: &NewSeries<'_>,
    source: Option<&ExemplarSource>,
) -> (Vec<String>, Option<Box<(String, String)>>) {
    let mut labels: Vec<String> = series.dimensions().map(|value| value.to_string()).collect();
    let exemplar = source.and_then(|ExemplarSource { dimension, label }| {
        let text = labels.remove(*dimension);
        let text = TraceId::parse(&text).map_or(text, |id| id.to_string());
        let shown = (1..=MAX_EXEMPLAR).contains(&text.len());
        shown.then(|| Box::new((label.clone(), text)))
    });
    (labels, exemplar)
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
