use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::name::Name;

/// Stands for label values beyond a metric's budget.
const OTHER: &str = "_other";

/// Makes metrics by name and registers them.
pub(super) struct Registrar<'r>(pub(super) &'r Registry);

/// Counters of one label whose values are not known beforehand.
#[derive(Debug, Clone)]
pub(crate) struct CountersBy {
    counters: IntCounterVec,
    known: Arc<Mutex<HashSet<Box<str>>>>,
    budget: usize,
}

#[expect(
    clippy::expect_used,
    reason = "names and labels are constants, each made once; a test makes all"
)]
impl Registrar<'_> {
    pub(super) fn counter(&self, name: Name) -> IntCounter {
        self.register(IntCounter::with_opts(opts(name)))
    }

    pub(super) fn gauge(&self, name: Name) -> IntGauge {
        self.register(IntGauge::with_opts(opts(name)))
    }

    pub(super) fn float_gauge(&self, name: Name) -> Gauge {
        self.register(Gauge::with_opts(opts(name)))
    }

    pub(super) fn counters(&self, name: Name) -> IntCounterVec {
        self.register(counters(name))
    }

    pub(super) fn gauges(&self, name: Name) -> IntGaugeVec {
        self.register(gauges(name))
    }

    pub(super) fn counters_by(&self, name: Name) -> CountersBy {
        CountersBy {
            counters: self.counters(name),
            known: Arc::default(),
            budget: name.definition().budget,
        }
    }

    pub(super) fn histogram(&self, name: Name, buckets: &[f64]) -> Histogram {
        let opts = HistogramOpts::from(opts(name)).buckets(buckets.to_vec());
        self.register(Histogram::with_opts(opts))
    }

    pub(super) fn histograms(&self, name: Name, buckets: &[f64]) -> HistogramVec {
        self.register(histograms(name, buckets))
    }

    fn register<M: Collector + Clone + 'static>(&self, metric: prometheus::Result<M>) -> M {
        let metric = metric.expect("the table's names and labels are valid");
        self.0.register(Box::new(metric.clone())).expect("each metric is made once");
        metric
    }
}

impl CountersBy {
    /// The counter of a label value; one for all values beyond the budget. Takes a lock: not for the path
    /// of requests that go well.
    pub(crate) fn with_label_values(&self, value: &[&str; 1]) -> IntCounter {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(value[0]) {
            if known.len() + 1 >= self.budget {
                return self.counters.with_label_values(&[OTHER]);
            }
            known.insert(value[0].into());
        }
        self.counters.with_label_values(value)
    }
}

pub(super) fn opts(name: Name) -> Opts {
    let definition = name.definition();
    Opts::new(definition.name, definition.help)
}

pub(super) fn counters(name: Name) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(opts(name), name.definition().labels)
}

pub(super) fn gauges(name: Name) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(opts(name), name.definition().labels)
}

pub(super) fn histograms(name: Name, buckets: &[f64]) -> prometheus::Result<HistogramVec> {
    HistogramVec::new(
        HistogramOpts::from(opts(name)).buckets(buckets.to_vec()),
        name.definition().labels,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_beyond_the_budget_are_counted_together() {
        let registry = Registry::new();
        let counters = Registrar(&registry).counters_by(Name::CheckFailures);
        let budget = Name::CheckFailures.definition().budget;
        for number in 0..100 {
            counters.with_label_values(&[&format!("reason{number}")]).inc();
        }
        counters.with_label_values(&["reason0"]).inc();
        let families = registry.gather();
        assert_eq!(families[0].get_metric().len(), budget);
        let other = counters.with_label_values(&["reason99"]).get();
        assert_eq!(other, 100 - (budget as u64 - 1));
        assert_eq!(counters.with_label_values(&["reason0"]).get(), 2);
    }
}
