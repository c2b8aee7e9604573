use std::time::Duration;

/// Bounds on what a definition may hold; all are far above real use.
const MAX_NAME: usize = 256;
const MAX_HELP: usize = 4096;
const MAX_LABELS: usize = 64;
const MAX_BUCKETS: usize = 512;

/// The buckets that Prometheus' own libraries use when none are given.
const USUAL_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What a metric is; checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    name: Box<str>,
    help: Box<str>,
    kind: MetricKind,
    buckets: Box<[f64]>,
    labels: Box<[Box<str>]>,
    expiry: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum DefinitionError {
    #[error(
        "{0:?} is no metric name: letters, digits, `_` and `:`, not beginning with a digit, {MAX_NAME} bytes at most"
    )]
    Name(String),
    #[error(
        "metric {metric}: {label:?} is no label name: letters, digits and `_`, not beginning with a digit or `__`"
    )]
    Label { metric: String, label: String },
    #[error("metric {metric}: label {label} belongs to histograms themselves")]
    ReservedLabel { metric: String, label: String },
    #[error("metric {metric}: label {label} is there twice")]
    LabelTwice { metric: String, label: String },
    #[error("metric {metric}: more than {limit} {what}")]
    TooMany { metric: String, what: &'static str, limit: usize },
    #[error("metric {metric}: bounds of buckets must be finite and rising, {bound} is not")]
    Bucket { metric: String, bound: f64 },
    #[error("metric {metric}: buckets are for histograms alone")]
    BucketsWithoutHistogram { metric: String },
}

impl Definition {
    pub(crate) fn new(
        name: &str,
        help: &str,
        kind: MetricKind,
        buckets: &[f64],
        labels: &[String],
        expiry: Option<Duration>,
    ) -> Result<Self, DefinitionError> {
        if name.len() > MAX_NAME || !is_word(name, |c| c == ':') {
            return Err(DefinitionError::Name(name.chars().take(MAX_NAME).collect()));
        }
        let metric = || name.to_owned();
        let too_many =
            |what, limit| Err(DefinitionError::TooMany { metric: metric(), what, limit });
        if help.len() > MAX_HELP {
            return too_many("bytes of help", MAX_HELP);
        }
        if labels.len() > MAX_LABELS {
            return too_many("labels", MAX_LABELS);
        }
        if buckets.len() > MAX_BUCKETS {
            return too_many("buckets", MAX_BUCKETS);
        }
        for (index, label) in labels.iter().enumerate() {
            if label.len() > MAX_NAME || label.starts_with("__") || !is_word(label, |_| false) {
                let label = label.chars().take(MAX_NAME).collect();
                return Err(DefinitionError::Label { metric: metric(), label });
            }
            if kind == MetricKind::Histogram && label == "le" {
                return Err(DefinitionError::ReservedLabel {
                    metric: metric(),
                    label: label.clone(),
                });
            }
            if labels[..index].contains(label) {
                return Err(DefinitionError::LabelTwice { metric: metric(), label: label.clone() });
            }
        }
        let buckets = match (kind, buckets) {
            (MetricKind::Histogram, []) => &USUAL_BUCKETS,
            (MetricKind::Histogram, given) | (_, given @ []) => given,
            _ => return Err(DefinitionError::BucketsWithoutHistogram { metric: metric() }),
        };
        let mut below = f64::NEG_INFINITY;
        for &bound in buckets {
            if !(bound.is_finite() && bound > below) {
                return Err(DefinitionError::Bucket { metric: metric(), bound });
            }
            below = bound;
        }
        Ok(Self {
            name: name.into(),
            help: help.into(),
            kind,
            buckets: buckets.into(),
            labels: labels.iter().map(|label| label.as_str().into()).collect(),
            expiry,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn help(&self) -> &str {
        &self.help
    }

    pub(crate) fn kind(&self) -> MetricKind {
        self.kind
    }

    /// Upper bounds, rising, without infinity; empty but for histograms.
    pub(crate) fn buckets(&self) -> &[f64] {
        &self.buckets
    }

    pub(crate) fn labels(&self) -> &[Box<str>] {
        &self.labels
    }

    pub(crate) fn expiry(&self) -> Option<Duration> {
        self.expiry
    }

    /// The names that the metric takes up in the text: a histogram has three.
    pub(crate) fn differs_in(&self, other: &Self) -> Option<&'static str> {
        [
            (self.kind != other.kind, "kind"),
            (self.labels != other.labels, "labels"),
            (self.buckets != other.buckets, "buckets"),
            (self.expiry != other.expiry, "expiry"),
            (self.help != other.help, "description"),
        ]
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
    }
}

impl MetricKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

fn is_word(text: &str, also: impl Fn(char) -> bool) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || also(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn define(
        name: &str,
        kind: MetricKind,
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<Definition, DefinitionError> {
        let labels: Vec<_> = labels.iter().map(|l| (*l).to_owned()).collect();
        Definition::new(name, "", kind, buckets, &labels, None)
    }

    #[test]
    fn names_that_prometheus_cannot_read_are_refused() {
        for name in ["", "1a", "a-b", "a b", "ä", "a\n"] {
            assert!(define(name, MetricKind::Gauge, &[], &[]).is_err(), "{name:?}");
        }
        define("a:b_1", MetricKind::Gauge, &[], &[]).unwrap();
    }

    #[test]
    fn labels_are_words_unique_and_not_reserved() {
        for labels in [&["__name__"][..], &["a:b"], &["a", "a"], &[""]] {
            assert!(define("m", MetricKind::Counter, &[], labels).is_err(), "{labels:?}");
        }
        assert!(define("m", MetricKind::Histogram, &[], &["le"]).is_err());
        define("m", MetricKind::Counter, &[], &["le"]).unwrap();
    }

    #[test]
    fn buckets_rise_and_belong_to_histograms() {
        for buckets in [&[1.0, 1.0][..], &[2.0, 1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert!(define("m", MetricKind::Histogram, buckets, &[]).is_err(), "{buckets:?}");
        }
        assert!(define("m", MetricKind::Counter, &[1.0], &[]).is_err());
        assert_eq!(define("m", MetricKind::Histogram, &[], &[]).unwrap().buckets().len(), 11);
    }
}
