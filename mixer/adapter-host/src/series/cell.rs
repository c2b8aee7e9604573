use std::sync::atomic::{AtomicU64, Ordering};

/// The number behind a series.
#[derive(Debug)]
pub(super) enum Cell {
    Counter(Float),
    Gauge(Float),
    Histogram(Histogram),
}

/// A sample that the kind of metric cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadSample;

/// A double that threads add to.
#[derive(Debug, Default)]
pub(super) struct Float(AtomicU64);

/// Counts by bucket, not cumulative; the last bucket has no upper bound.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: Box<[AtomicU64]>,
    sum: Float,
}

impl Cell {
    /// `bounds` are those of the definition.
    pub(super) fn apply(&self, sample: f64, bounds: &[f64]) -> Result<(), BadSample> {
        match self {
            Self::Counter(total) => {
                // NaN would stay for ever.
                if sample.is_nan() || sample < 0.0 {
                    return Err(BadSample);
                }
                total.add(sample);
            }
            Self::Gauge(last) => last.set(sample),
            Self::Histogram(histogram) => {
                if sample.is_nan() {
                    return Err(BadSample);
                }
                histogram.observe(sample, bounds);
            }
        }
        Ok(())
    }
}

impl Float {
    pub(super) fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    fn add(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // Never fails: `add` always gives a value.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Histogram {
    pub(super) fn new(bounds: &[f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { counts, sum: Float::default() }
    }

    fn observe(&self, sample: f64, bounds: &[f64]) {
        let bucket = bounds.partition_point(|bound| *bound < sample);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.add(sample);
    }

    pub(super) fn sum(&self) -> f64 {
        self.sum.value()
    }

    /// The counts up to each bound and, last, in all.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().scan(0, |total, count| {
            *total += count.load(Ordering::Relaxed);
            Some(*total)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_takes_no_negative_sample_and_no_nan() {
        let counter = Cell::Counter(Float::default());
        counter.apply(2.5, &[]).unwrap();
        for bad in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(counter.apply(bad, &[]), Err(BadSample));
        }
        let Cell::Counter(total) = counter else { unreachable!() };
        assert_eq!(total.value(), 2.5);
    }

    #[test]
    fn a_sample_on_a_bound_belongs_to_the_bucket_below() {
        let bounds = [1.0, 2.0];
        let histogram = Histogram::new(&bounds);
        for sample in [0.5, 1.0, 1.5, 2.0, 3.0, f64::INFINITY] {
            histogram.observe(sample, &bounds);
        }
        assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [2, 4, 6]);
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
