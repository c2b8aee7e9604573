use std::time::Duration;

use adapter_sdk::Problems;
use adapter_sdk::host::metrics;
use adapter_sdk::parameters::Interval;
use schemars::JsonSchema;
use serde::Deserialize;

/// The beginning of metric names unless the parameters say otherwise.
const NAMESPACE: &str = "istio";

/// What a handler of this adapter is configured with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// The metrics, one for each instance.
    pub(crate) metrics: Vec<MetricParameters>,
    /// When series without new samples go. Never, by default.
    metrics_expiration_policy: Option<Expiration>,
}

/// A metric.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct MetricParameters {
    /// The beginning of its name. `istio` by default.
    pub(crate) namespace: String,
    /// The rest of its name. The instance's name by default.
    pub(crate) name: String,
    /// The instance that it shows, as `name.instance.namespace`.
    pub(crate) instance_name: String,
    /// What it measures, in words.
    pub(crate) description: String,
    /// What its samples mean.
    pub(crate) kind: Kind,
    /// The buckets of a distribution. Those of Prometheus' libraries, .005 to 10, by default.
    pub(crate) buckets: Option<Buckets>,
    /// The names of all its labels: the instance's dimensions, in any order, but for the one of
    /// `exemplars`.
    pub(crate) label_names: Vec<String>,
    /// Has a distribution keep native buckets besides, which need no bounds. A Prometheus that has them
    /// enabled scrapes these. None by default.
    pub(crate) native_histogram: Option<NativeHistogram>,
    /// Has a counter or distribution show traces as examples of its samples, to scrapes by OpenMetrics
    /// and protobuf. None by default.
    pub(crate) exemplars: Option<Exemplars>,
}

/// How fine native buckets are, and how many.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct NativeHistogram {
    /// A bucket is at most this factor wide: more than 1. 1.1 by default, which has eight buckets for
    /// each power of two.
    bucket_factor: f64,
    /// The same said as Prometheus does, from -4 (a factor of 65,536) to 8 (1.0027). Counts instead of
    /// `bucket_factor` when it is set.
    schema: Option<i32>,
    /// A series that would have more buckets joins them in pairs. 1 to 1000, 160 by default. Room for all
    /// of them counts against the handler's bytes for series.
    max_buckets: u32,
    /// Samples no further from zero than this share a bucket. 2^-128 by default.
    zero_threshold: f64,
}

/// Where exemplars come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Exemplars {
    /// The dimension that has the trace, which is kept out of the labels: an id, or a header `b3` or
    /// `traceparent`, of which the id is taken. A sample where it is empty or longer than 100 bytes has
    /// no exemplar.
    pub(crate) dimension: String,
    /// The exemplar's label. `trace_id` by default.
    pub(crate) label: String,
}

/// The order is that of the numbers in Istio's API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Kind {
    #[default]
    Unspecified,
    Gauge,
    Counter,
    Distribution,
}

/// Exactly one of these.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Buckets {
    linear_buckets: Option<Linear>,
    exponential_buckets: Option<Exponential>,
    explicit_buckets: Option<Explicit>,
}

/// Bounds at `offset`, `offset + width`, and so on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Linear {
    num_finite_buckets: u32,
    width: f64,
    offset: f64,
}

/// Bounds at `scale`, `scale * growth_factor`, and so on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Exponential {
    num_finite_buckets: u32,
    growth_factor: f64,
    scale: f64,
}

/// Bounds as given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Explicit {
    bounds: Vec<f64>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Expiration {
    /// A series goes when it had no sample for so long.
    metrics_expiry_duration: Interval,
    /// Has no effect: series are looked at whenever they are read.
    expiry_check_interval_duration: Interval,
}

/// More buckets than anybody reads; each is a series.
const MAX_BUCKETS: u32 = 500;

/// As in Prometheus' library for Go.
const MAX_NATIVE_BUCKETS: u32 = 160;
/// 2^-128, as there.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;
const BUCKET_FACTOR: f64 = 1.1;

const EXEMPLAR_LABEL: &str = "trace_id";

impl Default for NativeHistogram {
    fn default() -> Self {
        Self {
            bucket_factor: BUCKET_FACTOR,
            schema: None,
            max_buckets: MAX_NATIVE_BUCKETS,
            zero_threshold: ZERO_THRESHOLD,
        }
    }
}

impl Default for Exemplars {
    fn default() -> Self {
        Self { dimension: String::new(), label: EXEMPLAR_LABEL.to_owned() }
    }
}

impl Default for MetricParameters {
    fn default() -> Self {
        Self {
            namespace: NAMESPACE.to_owned(),
            name: String::new(),
            instance_name: String::new(),
            description: String::new(),
            kind: Kind::default(),
            buckets: None,
            label_names: Vec::new(),
            native_histogram: None,
            exemplars: None,
        }
    }
}

impl Parameters {
    pub(crate) fn expiry(&self, problems: &mut Problems) -> Option<Duration> {
        let policy = self.metrics_expiration_policy.as_ref()?;
        if policy.metrics_expiry_duration.is_zero() {
            let field = "metrics_expiration_policy.metrics_expiry_duration";
            problems.add(field, "must be more than 0s");
        }
        Some(*policy.metrics_expiry_duration)
    }
}

impl NativeHistogram {
    /// The coarsest schema whose buckets are no wider than the factor says.
    pub(crate) fn layout(&self) -> Result<metrics::NativeHistogram, String> {
        let schema = match self.schema {
            Some(schema) => schema,
            None if self.bucket_factor > 1.0 => {
                // A bucket of schema n is 2^(2^-n) wide. The range is that of schemas, so it fits.
                (-self.bucket_factor.log2().log2().floor()).clamp(-4.0, 8.0) as i32
            }
            None => return Err("bucket_factor must be more than 1".to_owned()),
        };
        Ok(metrics::NativeHistogram {
            schema,
            max_buckets: self.max_buckets,
            zero_threshold: self.zero_threshold,
        })
    }
}

impl Buckets {
    /// The upper bounds, without infinity.
    pub(crate) fn bounds(&self) -> Result<Vec<f64>, String> {
        let count = |buckets: u32| match buckets {
            1..=MAX_BUCKETS => Ok(buckets),
            _ => Err(format!("num_finite_buckets must be from 1 to {MAX_BUCKETS}")),
        };
        match (&self.linear_buckets, &self.exponential_buckets, &self.explicit_buckets) {
            (Some(linear), None, None) => {
                if linear.width <= 0.0 {
                    return Err("width must be more than 0".to_owned());
                }
                let bound = |n: u32| f64::from(n).mul_add(linear.width, linear.offset);
                Ok((0..=count(linear.num_finite_buckets)?).map(bound).collect())
            }
            (None, Some(exponential), None) => {
                if exponential.growth_factor <= 1.0 || exponential.scale <= 0.0 {
                    return Err("growth_factor must be more than 1, scale more than 0".to_owned());
                }
                let Exponential { num_finite_buckets, growth_factor, scale } = exponential;
                let mut bound = *scale;
                let bounds = (0..=count(*num_finite_buckets)?).map(|_| {
                    let this = bound;
                    bound *= growth_factor;
                    this
                });
                Ok(bounds.collect())
            }
            (None, None, Some(explicit)) if !explicit.bounds.is_empty() => {
                Ok(explicit.bounds.clone())
            }
            (None, None, Some(_)) => Err("explicit_buckets has no bounds".to_owned()),
            _ => {
                Err("needs one of linear_buckets, exponential_buckets, explicit_buckets".to_owned())
            }
        }
    }
}
