use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramVec};
use smallvec::SmallVec;

use super::name::Name;
use super::registrar::histograms;
use crate::handlers::TakenTemplate;

/// As in Istio's Mixer.
const SECONDS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// The calls of one handler: how many, how long, and how the last failure read. Made when the handler is
/// built, so that a call looks up no label; gone with the handler, so that no series outlives it.
#[derive(Debug)]
pub(crate) struct Dispatches {
    histograms: HistogramVec,
    by_template: SmallVec<[(Box<str>, Recorders); 4]>,
    last_error: Mutex<Option<LastError>>,
}

#[derive(Debug)]
struct Recorders {
    ok: Histogram,
    failed: Histogram,
}

/// A call that failed.
#[derive(Debug, Clone)]
pub(crate) struct LastError {
    pub(crate) when: SystemTime,
    pub(crate) text: String,
}

impl Dispatches {
    /// For the handler `handler` of adapter `adapter`, which takes instances of `templates`.
    #[expect(
        clippy::expect_used,
        reason = "the table's names and labels are valid: a test makes all"
    )]
    pub(crate) fn new(handler: &str, adapter: &str, templates: &[TakenTemplate]) -> Self {
        let histograms = histograms(Name::DispatchSeconds, &SECONDS).expect("valid names");
        let recorder = |template: &str, error: &str| {
            histograms.with_label_values(&[template, handler, adapter, error])
        };
        let by_template = templates
            .iter()
            .map(|template| {
                let ok = recorder(&template.name, "false");
                let failed = recorder(&template.name, "true");
                (template.name.as_str().into(), Recorders { ok, failed })
            })
            .collect();
        Self { histograms, by_template, last_error: Mutex::default() }
    }

    /// Notes a call that began at `started` and ended now.
    pub(crate) fn done<T, E: std::fmt::Display>(
        &self,
        template: &str,
        started: Instant,
        outcome: &Result<T, E>,
    ) {
        let Some((_, recorders)) = self.by_template.iter().find(|(of, _)| **of == *template) else {
            return;
        };
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(_) => recorders.ok.observe(seconds),
            Err(cause) => {
                recorders.failed.observe(seconds);
                let error = LastError { when: SystemTime::now(), text: cause.to_string() };
                *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        }
    }

    /// The last call that failed.
    pub(crate) fn last_error(&self) -> Option<LastError> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn seconds(&self) -> Vec<MetricFamily> {
        self.histograms.collect()
    }
}
