use mesh_runtime::{LogControl, SpanCounts};
use prometheus::IntCounter;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::name::Name;
use super::registrar::opts;

/// What became of Mixer's own spans and log lines, read where it is counted.
pub(crate) struct StateMetrics {
    spans: Option<Box<dyn Fn() -> SpanCounts + Send + Sync>>,
    log: Option<LogControl>,
    exported: IntCounter,
    dropped: IntCounter,
    lost: IntCounter,
    left_out: IntCounter,
}

impl StateMetrics {
    /// Of the spans that `spans` counts and the log that `log` controls.
    #[expect(clippy::expect_used, reason = "the table's names are valid: a test makes all")]
    pub(crate) fn new(
        spans: Option<Box<dyn Fn() -> SpanCounts + Send + Sync>>,
        log: Option<LogControl>,
    ) -> Self {
        let counter = |name| IntCounter::with_opts(opts(name)).expect("valid names");
        Self {
            spans,
            log,
            exported: counter(Name::SpansExported),
            dropped: counter(Name::SpansDropped),
            lost: counter(Name::SpansLost),
            left_out: counter(Name::LogLinesLeftOut),
        }
    }

    fn counters(&self) -> [&IntCounter; 4] {
        [&self.exported, &self.dropped, &self.lost, &self.left_out]
    }
}

impl Collector for StateMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.counters().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let spans = self.spans.as_ref().map(|counts| counts()).unwrap_or_default();
        let left_out = self.log.as_ref().map_or(0, LogControl::left_out);
        let values = [spans.exported, spans.dropped, spans.lost, left_out];
        let fresh = self.counters().into_iter().zip(values);
        fresh
            .flat_map(|(counter, value)| {
                let mut families = counter.collect();
                for family in &mut families {
                    let mut counted = prometheus::proto::Counter::default();
                    counted.set_value(value as f64);
                    family.mut_metric()[0].set_counter(counted);
                }
                families
            })
            .collect()
    }
}
