use adapter_sdk::Problems;
use adapter_sdk::host::metrics::{self, Definition, Kind, Sample};

/// What became of a span that is no error.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// It was handed to the host.
    Sent,
    /// It belongs to no trace.
    WithoutTrace,
    /// Its trace is not among those that are sent.
    NotSampled,
}

/// Counts spans by their outcome, a batch at a time.
#[derive(Debug)]
pub(crate) struct Outcomes {
    metric: u32,
    /// The host's ids, from the first batch on.
    series: Option<Vec<u32>>,
    counts: [u32; 3],
}

impl Outcomes {
    const LABELS: [&str; 3] = ["sent", "without_trace", "not_sampled"];

    /// Only during configuration.
    pub(crate) fn define(problems: &mut Problems) -> Self {
        let definition = Definition {
            name: "mixmesh_zipkin_spans_total".to_owned(),
            help: "Spans that handlers of the zipkin adapter took, by what became of them"
                .to_owned(),
            kind: Kind::Counter,
            buckets: Vec::new(),
            labels: vec!["outcome".to_owned()],
            expiry: None,
        };
        let metric = metrics::define(&definition).unwrap_or_else(|conflict| {
            problems.add("", conflict);
            0
        });
        Self { metric, series: None, counts: [0; 3] }
    }

    pub(crate) fn note(&mut self, outcome: Outcome) {
        self.counts[outcome as usize] += 1;
    }

    /// Tells the host.
    pub(crate) fn flush(&mut self) {
        let labels = || Self::LABELS.map(|outcome| vec![outcome.to_owned()]);
        let series = self.series.get_or_insert_with(|| metrics::intern(self.metric, &labels()));
        let counted = series.iter().zip(std::mem::take(&mut self.counts));
        let samples: Vec<Sample> = counted
            .filter(|(_, count)| *count > 0)
            .map(|(series, count)| Sample { series: *series, value: f64::from(count) })
            .collect();
        // Counts are never negative: all are taken.
        metrics::update(&samples);
    }
}
