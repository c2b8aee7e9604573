use std::time::Duration;

use super::exemplar::EXEMPLAR_BYTES;
use super::native::NativeLayout;

/// Bounds on what a definition may hold; all are far above real use.
const MAX_NAME: usize = 256;
const MAX_HELP: usize = 4096;
const MAX_LABELS: usize = 64;
const MAX_BUCKETS: usize = 512;

/// What the names of a histogram's samples end in.
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

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
    native: Option<NativeLayout>,
    exemplars: bool,
}

/// A definition as an adapter gives it.
#[derive(Debug, Clone)]
pub(crate) struct Draft<'a> {
    pub(crate) name: &'a str,
    pub(crate) help: &'a str,
    pub(crate) kind: MetricKind,
    /// Empty: the usual ones.
    pub(crate) buckets: &'a [f64],
    pub(crate) labels: &'a [String],
    pub(crate) expiry: Option<Duration>,
    pub(crate) native: Option<NativeLayout>,
    pub(crate) exemplars: bool,
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
    #[error("metric {metric}: native_histogram: {what}")]
    Native { metric: String, what: &'static str },
    #[error("metric {metric}: a gauge has no exemplars")]
    ExemplarsOfGauge { metric: String },
}

impl Definition {
    pub(crate) fn new(draft: &Draft<'_>) -> Result<Self, DefinitionError> {
        let Draft { name, help, kind, buckets, labels, expiry, native, exemplars } = *draft;
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
            if !is_label_name(label) {
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
        let wrong_native = match (kind, native) {
            (MetricKind::Histogram, Some(native)) => native.mistake(),
            (_, Some(_)) => Some("is for histograms alone"),
            (_, None) => None,
        };
        if let Some(what) = wrong_native {
            return Err(DefinitionError::Native { metric: metric(), what });
        }
        if exemplars && kind == MetricKind::Gauge {
            return Err(DefinitionError::ExemplarsOfGauge { metric: metric() });
        }
        Ok(Self {
            name: name.into(),
            help: help.into(),
            kind,
            buckets: buckets.into(),
            labels: labels.iter().map(|label| label.as_str().into()).collect(),
            expiry,
            native,
            exemplars,
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

    pub(crate) fn native(&self) -> Option<NativeLayout> {
        self.native
    }

    pub(crate) fn exemplars(&self) -> bool {
        self.exemplars
    }

    /// What a series with these labels may take in memory at most, less what all series take.
    pub(crate) fn series_bytes(&self, labels: &str) -> usize {
        let buckets = match self.kind {
            MetricKind::Histogram => self.buckets.len() + 1,
            MetricKind::Counter | MetricKind::Gauge => 0,
        };
        let exemplars = if self.exemplars { buckets.max(1) * EXEMPLAR_BYTES } else { 0 };
        let native = self.native.map_or(0, NativeLayout::bytes);
        labels.len() + buckets * size_of::<u64>() + exemplars + native
    }

    /// The names that other metrics may have that take names of this one's samples, or the other way round;
    /// [`Self::overlaps`] tells.
    pub(crate) fn rivals(&self) -> impl Iterator<Item = String> {
        let longer = SUFFIXES.iter().map(|suffix| format!("{}{suffix}", self.name));
        let shorter = SUFFIXES.iter().filter_map(|suffix| self.name.strip_suffix(suffix));
        longer.chain(shorter.map(str::to_owned))
    }

    /// Whether one of two metrics is a histogram with samples that are named as the other.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let takes = |histogram: &Self, name: &str| {
            histogram.kind == MetricKind::Histogram
                && name.strip_prefix(&*histogram.name).is_some_and(|end| SUFFIXES.contains(&end))
        };
        takes(self, &other.name) || takes(other, &self.name)
    }

    /// In what two definitions of one name differ.
    pub(crate) fn differs_in(&self, other: &Self) -> Option<&'static str> {
        [
            (self.kind != other.kind, "kind"),
            (self.labels != other.labels, "labels"),
            (self.buckets != other.buckets, "buckets"),
            (self.expiry != other.expiry, "expiry"),
            (self.native != other.native, "native histogram"),
            (self.exemplars != other.exemplars, "choice about exemplars"),
            (self.help != other.help, "description"),
        ]
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
    }
}

/// Definitions for tests.
#[cfg(test)]
impl Definition {
    /// With a label `l` and all else as usual.
    pub(super) fn example(name: &str, kind: MetricKind) -> Self {
        let labels = ["l".to_owned()];
        let draft = Draft {
            name,
            help: "",
            kind,
            buckets: &[],
            labels: &labels,
            expiry: None,
            native: None,
            exemplars: false,
        };
        Self::new(&draft).expect("the name is good")
    }

    pub(super) fn with_help(mut self, help: &str) -> Self {
        self.help = help.into();
        self
    }

    pub(super) fn with_labels(mut self, labels: &[&str]) -> Self {
        self.labels = labels.iter().map(|label| (*label).into()).collect();
        self
    }

    pub(super) fn with_buckets(mut self, bounds: &[f64]) -> Self {
        self.buckets = bounds.into();
        self
    }

    pub(super) fn with_expiry(mut self, expiry: Option<Duration>) -> Self {
        self.expiry = expiry;
        self
    }

    pub(super) fn with_native(mut self, native: NativeLayout) -> Self {
        self.native = Some(native);
        self
    }

    pub(super) fn with_exemplars(mut self) -> Self {
        self.exemplars = true;
        self
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

/// Whether a label may have this name.
pub(super) fn is_label_name(name: &str) -> bool {
    name.len() <= MAX_NAME && !name.starts_with("__") && is_word(name, |_| false)
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
        let (native, exemplars) = (None, false);
        let (help, expiry, labels) = ("", None, &labels);
        Definition::new(&Draft { name, help, kind, buckets, labels, expiry, native, exemplars })
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

    #[test]
    fn native_buckets_and_exemplars_belong_to_what_can_show_them() {
        let native = NativeLayout { schema: 3, max_buckets: 160, zero_threshold: 0.0 };
        let with = |kind, native, exemplars| {
            let (name, help, buckets, labels, expiry) = ("m", "", &[], &[], None);
            let draft = Draft { name, help, kind, buckets, labels, expiry, native, exemplars };
            Definition::new(&draft).map_err(|error| error.to_string())
        };
        with(MetricKind::Histogram, Some(native), true).unwrap();
        let refusal = |text: &str| Err(format!("metric m: {text}"));
        assert_eq!(
            with(MetricKind::Counter, Some(native), false),
            refusal("native_histogram: is for histograms alone")
        );
        assert_eq!(with(MetricKind::Gauge, None, true), refusal("a gauge has no exemplars"));
        let too_fine = NativeLayout { schema: 9, ..native };
        assert_eq!(
            with(MetricKind::Histogram, Some(too_fine), false),
            refusal("native_histogram: the schema must be from -4 to 8")
        );
    }
}
