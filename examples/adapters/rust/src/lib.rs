//! Lets known tenants in, and counts what they use by the plan that they pay for.
//!
//! One list of tenants serves both: `authorization` refuses whoever is not on it, `metric` adds up usage by
//! plan, so that the number of series does not grow with the number of tenants.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use adapter_sdk::host::metrics::{self, Definition, Kind};
use adapter_sdk::{
    Action, Adapter, Authorization, CallError, CheckResult, Code, FailedElement, InstanceIndex,
    Instances, MetricSeries, NewSeries, Problems, Sample, Subject, Template, Value,
};
use schemars::JsonSchema;
use serde::Deserialize;

adapter_sdk::export!(Tenants: authorization, metric);

/// The property of the subject, and the dimension of the metric, that names the tenant.
const TENANT: &str = "tenant";

/// A new tenant waits no longer than this for what the sidecars remember.
const VALID_DURATION: Duration = Duration::from_secs(10);

/// The label of usage by nobody who is known.
const NO_PLAN: &str = "none";

/// What a handler of this adapter is configured with.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Parameters {
    /// The plans, each with its tenants. A tenant has one plan.
    plans: BTreeMap<String, Vec<String>>,
    /// Tenants that are refused for now, though they have a plan.
    #[serde(default)]
    suspended: Vec<String>,
}

/// The adapter with its configuration.
#[derive(Debug)]
pub struct Tenants {
    /// The plan of each tenant.
    plans: HashMap<String, String>,
    suspended: Vec<String>,
    /// The host's metric, and where the tenant is among the dimensions, by the index of the instance.
    usage: Vec<Option<(u32, usize)>>,
}

impl Adapter for Tenants {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let mut plans = HashMap::new();
        for (plan, tenants) in &parameters.plans {
            for (at, tenant) in tenants.iter().enumerate() {
                if let Some(other) = plans.insert(tenant.clone(), plan.clone()) {
                    let message = format!("{tenant} has the plan {other} already");
                    problems.add(format!("plans.{plan}[{at}]"), message);
                }
            }
        }
        for (at, tenant) in parameters.suspended.iter().enumerate() {
            if !plans.contains_key(tenant) {
                problems.add(format!("suspended[{at}]"), format!("{tenant} is in no plan"));
            }
        }
        let mut usage = vec![None; instances.len()];
        for (instance, usage) in instances.iter().zip(&mut usage) {
            if instance.template != Template::Metric {
                continue;
            }
            let (name, _) = instance.name.split_once('.').unwrap_or((&instance.name, ""));
            let Some(tenant) = instance.fields.iter().position(|field| field.name == TENANT) else {
                problems.add("", format!("{} has no dimension `{TENANT}`", instance.name));
                continue;
            };
            let definition = Definition {
                name: format!("tenants_{}_total", name.replace('-', "_")),
                help: format!("{} by plan.", instance.name),
                kind: Kind::Counter,
                buckets: Vec::new(),
                labels: vec!["plan".to_owned()],
                expiry: None,
            };
            match metrics::define(&definition) {
                Ok(metric) => *usage = Some((metric, tenant)),
                Err(message) => problems.add("", message),
            }
        }
        problems.none_or(Self { plans, suspended: parameters.suspended, usage })
    }
}

impl Authorization for Tenants {
    fn authorize(
        &mut self,
        _instance: InstanceIndex,
        subject: &Subject,
        _action: &Action,
    ) -> Result<CheckResult, CallError> {
        let property = subject.properties.iter().find(|property| property.name == TENANT);
        let Some(Value::Text(tenant)) = property.map(|property| property.value()) else {
            return Err(CallError::caller(format!("the subject has no text property `{TENANT}`")));
        };
        let (code, message) = if self.suspended.iter().any(|suspended| suspended == tenant) {
            (Code::PERMISSION_DENIED, format!("{tenant} is suspended"))
        } else if self.plans.contains_key(tenant) {
            (Code::OK, String::new())
        } else {
            (Code::PERMISSION_DENIED, format!("{tenant:?} is no tenant"))
        };
        Ok(CheckResult {
            code,
            message,
            valid_duration: VALID_DURATION,
            valid_use_count: None,
            direct_response: None,
        })
    }
}

impl MetricSeries for Tenants {
    /// The host's number; several tenants have one plan and so one series.
    type Series = Option<u32>;

    fn introduce(&mut self, series: &[NewSeries<'_>]) -> Vec<Self::Series> {
        let host_series = |new: &NewSeries<'_>| {
            let (metric, tenant) = (*self.usage.get(new.instance.get())?)?;
            let plan = match new.dimensions().nth(tenant)? {
                Value::Text(tenant) => self.plans.get(tenant).map_or(NO_PLAN, String::as_str),
                _ => NO_PLAN,
            };
            metrics::intern(metric, &[vec![plan.to_owned()]]).first().copied()
        };
        series.iter().map(host_series).collect()
    }

    fn report(&mut self, samples: &[Sample<'_, Self::Series>]) -> Vec<FailedElement> {
        let mut failed = Vec::new();
        let mut updates = Vec::with_capacity(samples.len());
        for (element, sample) in (0..).zip(samples) {
            let value = match sample.value {
                Value::Int64(number) => number as f64,
                Value::Double(number) => number,
                _ => f64::NAN,
            };
            match sample.series {
                Some(series) if value >= 0.0 => {
                    updates.push(metrics::Sample { series: *series, value });
                }
                _ => {
                    let message = format!("{} is no amount", sample.value);
                    failed.push(FailedElement { element, message });
                }
            }
        }
        metrics::update(&updates);
        failed
    }

    fn forget(&mut self, series: Vec<Self::Series>) {
        metrics::forget(&series.into_iter().flatten().collect::<Vec<_>>());
    }
}
