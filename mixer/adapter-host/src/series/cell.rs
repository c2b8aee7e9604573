use std::sync::atomic::{AtomicU64, Ordering};

use super::definition::{Definition, MetricKind};
use super::exemplar::{Exemplar, Exemplars};
use super::histogram::Histogram;

/// The number behind a series.
#[derive(Debug)]
pub(super) enum Cell {
    Counter(Counter),
    Gauge(Float),
    Histogram(Histogram),
}

/// A sample that the kind of metric cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadSample;

/// A total, with the last sample that had an exemplar.
#[derive(Debug)]
pub(super) struct Counter {
    total: Float,
    exemplars: Exemplars,
}

/// A double that threads add to.
#[derive(Debug, Default)]
pub(super) struct Float(AtomicU64);

impl Cell {
    pub(super) fn new(definition: &Definition) -> Self {
        match definition.kind() {
            MetricKind::Counter => Self::Counter(Counter {
                total: Float::default(),
                exemplars: Exemplars::new(usize::from(definition.exemplars())),
            }),
            MetricKind::Gauge => Self::Gauge(Float::default()),
            MetricKind::Histogram => Self::Histogram(Histogram::new(definition)),
        }
    }

    /// `definition` is that which the cell was made of. A sample that is not taken leaves no exemplar.
    pub(super) fn apply(
        &self,
        sample: f64,
        exemplar: Option<Exemplar>,
        definition: &Definition,
    ) -> Result<(), BadSample> {
        match self {
            Self::Counter(counter) => {
                // NaN would stay for ever.
                if sample.is_nan() || sample < 0.0 {
                    return Err(BadSample);
                }
                counter.total.add(sample);
                if let Some(exemplar) = exemplar {
                    counter.exemplars.set(0, exemplar);
                }
            }
            Self::Gauge(last) => last.set(sample),
            Self::Histogram(histogram) => {
                if sample.is_nan() {
                    return Err(BadSample);
                }
                histogram.observe(sample, exemplar, definition.buckets());
            }
        }
        Ok(())
    }
}

impl Counter {
    pub(super) fn total(&self) -> f64 {
        self.total.value()
    }

    pub(super) fn exemplar(&self) -> Option<Exemplar> {
        self.exemplars.all().first().cloned().flatten()
    }
}

impl Float {
    pub(super) fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn add(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // Never fails: `add` always gives a value.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_takes_no_negative_sample_and_no_nan() {
        let definition = Definition::example("m", MetricKind::Counter);
        let cell = Cell::new(&definition);
        cell.apply(2.5, None, &definition).unwrap();
        for bad in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(cell.apply(bad, None, &definition), Err(BadSample));
        }
        let Cell::Counter(counter) = cell else { unreachable!() };
        assert_eq!(counter.total(), 2.5);
    }

    #[test]
    fn adding_from_several_threads_loses_nothing() {
        let total = Float::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| total.add(1.0)));
            }
        });
        assert_eq!(total.value(), 40_000.0);
    }
}
