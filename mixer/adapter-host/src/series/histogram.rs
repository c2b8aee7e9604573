use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cell::Float;
use super::definition::Definition;
use super::exemplar::{Exemplar, Exemplars};
use super::native::NativeBuckets;

/// Counts by bucket, not cumulative; the last bucket has no upper bound.
///
/// Without native buckets nothing is locked, and a scrape may see a sample in a bucket and not yet in the
/// sum. Native buckets are under a lock, and with them what belongs together is read together:
/// Prometheus refuses a native histogram whose count is not the sum of its buckets.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: Box<[AtomicU64]>,
    sum: Float,
    exemplars: Exemplars,
    native: Option<Mutex<NativeBuckets>>,
}

/// What a scrape reads.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HistogramReading {
    /// The counts up to each bound and, last, in all.
    pub(super) cumulative: Vec<u64>,
    pub(super) sum: f64,
    pub(super) native: Option<NativeBuckets>,
}

impl Histogram {
    pub(super) fn new(definition: &Definition) -> Self {
        let counts: Box<[AtomicU64]> =
            (0..=definition.buckets().len()).map(|_| AtomicU64::new(0)).collect();
        let places = if definition.exemplars() { counts.len() } else { 0 };
        Self {
            counts,
            sum: Float::default(),
            exemplars: Exemplars::new(places),
            native: definition.native().map(|layout| Mutex::new(NativeBuckets::new(layout))),
        }
    }

    /// `sample` is not NaN; `bounds` are those of the definition.
    pub(super) fn observe(&self, sample: f64, exemplar: Option<Exemplar>, bounds: &[f64]) {
        let bucket = bounds.partition_point(|bound| *bound < sample);
        let mut native = self.native.as_ref().map(lock);
        if let Some(native) = &mut native {
            native.observe(sample);
        }
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.add(sample);
        if let Some(exemplar) = exemplar {
            self.exemplars.set(bucket, exemplar);
        }
    }

    pub(super) fn read(&self) -> HistogramReading {
        let native = self.native.as_ref().map(lock);
        let cumulative = self.counts.iter().scan(0, |total, count| {
            *total += count.load(Ordering::Relaxed);
            Some(*total)
        });
        HistogramReading {
            cumulative: cumulative.collect(),
            sum: self.sum.value(),
            native: native.map(|native| native.clone()),
        }
    }

    /// One for each bucket, or none at all.
    pub(super) fn exemplars(&self) -> Box<[Option<Exemplar>]> {
        self.exemplars.all()
    }
}

impl HistogramReading {
    pub(super) fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or_default()
    }
}

fn lock(native: &Mutex<NativeBuckets>) -> MutexGuard<'_, NativeBuckets> {
    native.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::definition::MetricKind;
    use crate::series::native::NativeLayout;

    #[test]
    fn a_sample_on_a_bound_belongs_to_the_bucket_below() {
        let definition = Definition::example("m", MetricKind::Histogram).with_buckets(&[1.0, 2.0]);
        let histogram = Histogram::new(&definition);
        for sample in [0.5, 1.0, 1.5, 2.0, 3.0, f64::INFINITY] {
            histogram.observe(sample, None, definition.buckets());
        }
        assert_eq!(histogram.read().cumulative, [2, 4, 6]);
    }

    #[test]
    fn a_reading_is_of_one_moment_where_there_are_native_buckets() {
        let native = NativeLayout { schema: 3, max_buckets: 100, zero_threshold: 1e-9 };
        let definition = Definition::example("m", MetricKind::Histogram).with_native(native);
        let histogram = Histogram::new(&definition);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let observe = || histogram.observe(0.25, None, definition.buckets());
                scope.spawn(move || (0..20_000).for_each(|_| observe()));
            }
            loop {
                let reading = histogram.read();
                let native = reading.native.as_ref().unwrap();
                assert_eq!(native.count(), reading.count());
                assert_eq!(reading.sum, reading.count() as f64 / 4.0);
                if reading.count() == 40_000 {
                    break;
                }
            }
        });
    }
}
