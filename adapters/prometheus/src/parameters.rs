use std::time::Duration;

use adapter_sdk::Problems;
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
    /// The names of all its labels: the instance's dimensions, in any order.
    pub(crate) label_names: Vec<String>,
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
