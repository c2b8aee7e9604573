use crate::bindings::base::mixmesh::adapter::types;
use crate::bindings::metric::exports::mixmesh::adapter::metric as wire;
use crate::{Adapter, FailedElement, InstanceIndex, Value};

/// Serves the template `metric`, one instance at a time. [`MetricSeries`] is faster.
pub trait Metric: Adapter {
    /// Takes an instance.
    ///
    /// # Errors
    /// Why it cannot be taken; the others of the batch are not affected.
    fn metric(&mut self, metric: &MetricInstance<'_>) -> Result<(), String>;

    /// Called after the last instance of a batch, for adapters that collect.
    ///
    /// # Errors
    /// Why the whole batch could not be taken.
    fn end_batch(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// Serves the template `metric` by series: dimensions are seen once, and a batch is numbers alone.
pub trait MetricSeries: Adapter {
    /// What the adapter needs to know of a series, such as its id at the host.
    type Series: 'static;

    /// Takes new series: one result for each, in order.
    fn introduce(&mut self, series: &[NewSeries<'_>]) -> Vec<Self::Series>;

    /// Takes the samples of a batch and returns those that it cannot take, by their index.
    fn report(&mut self, samples: &[Sample<'_, Self::Series>]) -> Vec<FailedElement>;

    /// Gives series back that the host will not use any more.
    fn forget(&mut self, series: Vec<Self::Series>);
}

/// An instance of a metric.
#[derive(Debug, Clone, Copy)]
pub struct MetricInstance<'a> {
    /// Which of the configuration's instances it is.
    pub instance: InstanceIndex,
    /// Its value.
    pub value: Value<'a>,
    dimensions: &'a [types::Value],
}

/// A series that samples will come for.
#[derive(Debug, Clone, Copy)]
pub struct NewSeries<'a> {
    /// Which of the configuration's instances it belongs to.
    pub instance: InstanceIndex,
    dimensions: &'a [types::Value],
}

/// A value of a series.
#[derive(Debug)]
pub struct Sample<'a, S> {
    /// What [`MetricSeries::introduce`] gave for the series.
    pub series: &'a S,
    /// The value.
    pub value: Value<'a>,
}

/// A series that is kept for an adapter that sees instances.
#[derive(Debug)]
pub struct KnownSeries {
    instance: InstanceIndex,
    dimensions: Vec<types::Value>,
}

/// An adapter's series by the ids that the host has given them.
#[derive(Debug)]
pub(crate) struct SeriesById<S>(Vec<Option<S>>);

impl<'a> MetricInstance<'a> {
    /// The dimensions in the order of the instance's fields.
    pub fn dimensions(&self) -> impl ExactSizeIterator<Item = Value<'a>> {
        self.dimensions.iter().map(Value::from)
    }
}

impl<'a> NewSeries<'a> {
    /// The dimensions in the order of the instance's fields.
    pub fn dimensions(&self) -> impl ExactSizeIterator<Item = Value<'a>> {
        self.dimensions.iter().map(Value::from)
    }
}

impl<A: Metric> MetricSeries for A {
    type Series = KnownSeries;

    fn introduce(&mut self, series: &[NewSeries<'_>]) -> Vec<KnownSeries> {
        let known = |s: &NewSeries<'_>| KnownSeries {
            instance: s.instance,
            dimensions: s.dimensions.to_vec(),
        };
        series.iter().map(known).collect()
    }

    fn report(&mut self, samples: &[Sample<'_, KnownSeries>]) -> Vec<FailedElement> {
        let mut failed = Vec::new();
        for (element, sample) in (0..).zip(samples) {
            let KnownSeries { instance, dimensions } = sample.series;
            let metric = MetricInstance { instance: *instance, value: sample.value, dimensions };
            if let Err(message) = self.metric(&metric) {
                failed.push(FailedElement { element, message });
            }
        }
        if let Err(message) = self.end_batch() {
            let all = u32::try_from(samples.len()).unwrap_or(u32::MAX);
            let fail = |element| FailedElement { element, message: message.clone() };
            failed = (0..all).map(fail).collect();
        }
        failed
    }

    fn forget(&mut self, _series: Vec<KnownSeries>) {}
}

impl<S> Default for SeriesById<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S> SeriesById<S> {
    /// Hands a batch of the host to the adapter.
    pub(crate) fn report<A: MetricSeries<Series = S>>(
        &mut self,
        adapter: &mut A,
        batch: &wire::Batch,
    ) -> Vec<FailedElement> {
        if !batch.forgotten.is_empty() {
            let gone = batch.forgotten.iter().filter_map(|id| self.slot(*id)?.take()).collect();
            adapter.forget(gone);
        }
        if !batch.introduced.is_empty() {
            self.introduce(adapter, &batch.introduced);
        }
        let mut samples = Vec::with_capacity(batch.samples.len());
        for sample in &batch.samples {
            let Some(Some(series)) = self.0.get(sample.series as usize) else {
                // Of the host's making, and not to be taken for something else.
                return all_failed(&batch.samples, "the series was not introduced");
            };
            samples.push(Sample { series, value: Value::from(&sample.value) });
        }
        adapter.report(&samples)
    }

    fn introduce<A: MetricSeries<Series = S>>(&mut self, adapter: &mut A, new: &[wire::Series]) {
        let series: Vec<_> = new
            .iter()
            .map(|series| NewSeries {
                instance: InstanceIndex::new(series.instance),
                dimensions: &series.dimensions,
            })
            .collect();
        for (series, made) in new.iter().zip(adapter.introduce(&series)) {
            let id = series.id as usize;
            if self.0.len() <= id {
                self.0.resize_with(id + 1, || None);
            }
            self.0[id] = Some(made);
        }
    }

    fn slot(&mut self, id: u32) -> Option<&mut Option<S>> {
        self.0.get_mut(id as usize)
    }
}

impl<'a> From<&'a wire::Measure> for Value<'a> {
    fn from(measure: &'a wire::Measure) -> Self {
        match measure {
            wire::Measure::Int64(number) => Self::Int64(*number),
            wire::Measure::Double(number) => Self::Double(*number),
            wire::Measure::Duration(nanos) => Self::Duration(*nanos),
            wire::Measure::Boolean(truth) => Self::Boolean(*truth),
            wire::Measure::Timestamp(nanos) => Self::Timestamp(*nanos),
            wire::Measure::Text(text) => Self::Text(text),
        }
    }
}

fn all_failed(samples: &[wire::Sample], message: &str) -> Vec<FailedElement> {
    let fail = |(element, _)| FailedElement { element, message: message.to_owned() };
    (0..).zip(samples).map(fail).collect()
}
