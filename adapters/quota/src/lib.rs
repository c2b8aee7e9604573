//! Limits how much of something requests may use.
//!
//! Istio's `memquota` and `redisquota`. The adapter knows the limits; the host counts, in memory or in
//! Redis, so that all instances of this component share what was granted.

mod dimension;
mod limit;
mod parameters;

use std::time::Duration;

use adapter_sdk::host::counters::{self, Deduplication, Failure, Request};
use adapter_sdk::{
    Adapter, CallError, Code, Fault, Grant, Instance, InstanceIndex, Instances, Problems, Quota,
    QuotaRequest, Template, Value, nearest,
};

use crate::dimension::Wanted;
use crate::limit::Limit;
pub use crate::parameters::Parameters;
use crate::parameters::{Override, QuotaLimit};

adapter_sdk::export!(Quotas: quota);

/// The adapter: the limits of each instance.
#[derive(Debug)]
pub struct Quotas {
    instances: Instances,
    /// By the instance's index; `None` for those of other templates.
    limits: Vec<Option<Limits>>,
}

/// The limits of an instance.
#[derive(Debug)]
struct Limits {
    /// The first that fits counts. Dimensions by their place.
    overrides: Vec<(Vec<(usize, Wanted)>, Limit)>,
    base: Limit,
}

impl Adapter for Quotas {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        if parameters.min_deduplication_duration.is_some_and(|keep| keep.is_zero()) {
            problems.add("min_deduplication_duration", "must be longer than 0s");
        }
        if parameters.connection_pool_size < 0 {
            problems.add("connection_pool_size", "must not be negative");
        }
        // Those that no instance uses yet are judged as well.
        let bases: Vec<Limit> = (0..)
            .zip(&parameters.quotas)
            .map(|(at, quota)| base(&parameters, at, quota, &mut problems))
            .collect();
        let mut limits: Vec<Option<Limits>> = instances.iter().map(|_| None).collect();
        for (index, instance) in instances.of(Template::Quota) {
            let Some(at) = entry(&parameters.quotas, instance, &mut problems) else { continue };
            let quota = &parameters.quotas[at];
            let overrides = (0..)
                .zip(&quota.overrides)
                .map(|(nth, other)| {
                    let field = format!("quotas[{at}].overrides[{nth}]");
                    let wanted = wanted(instance, other, &field, &mut problems);
                    let length = other.valid_duration.unwrap_or(quota.valid_duration);
                    let amount = (other.max_amount, *length);
                    (wanted, Limit::new(&parameters, quota, amount, &field, &mut problems))
                })
                .collect();
            limits[index.get()] = Some(Limits { overrides, base: bases[at] });
        }
        problems.none_or(Self { instances, limits })
    }
}

impl Quota for Quotas {
    fn allocate(
        &mut self,
        index: InstanceIndex,
        dimensions: &[Value<'_>],
        request: &QuotaRequest,
    ) -> Result<Grant, CallError> {
        let instance = &self.instances[index];
        let Some(limits) = &self.limits[index.get()] else {
            let message = format!("{} has no limit", instance.name);
            return Err(CallError { fault: Fault::Caller, retry: false, message });
        };
        if request.amount == 0 {
            return Ok(Grant::of(0, Duration::ZERO));
        }
        let limit = limits.of(dimensions);
        let names = instance.fields.iter().map(|field| field.name.clone());
        let deduplication = Deduplication {
            id: request.deduplication_id.clone(),
            keep: u64::try_from(limit.keep.as_nanos()).unwrap_or(u64::MAX),
        };
        let taken = counters::take(&Request {
            quota: instance.name.clone(),
            dimensions: names.zip(dimensions.iter().map(ToString::to_string)).collect(),
            max_amount: limit.max_amount,
            window: limit.window,
            amount: request.amount,
            best_effort: request.best_effort,
            deduplication: Some(deduplication),
        });
        let grant = taken.map_err(|failure| undecided(&instance.name, failure))?;
        if grant.amount == 0 && request.amount > 0 {
            let message = format!("quota {} is exhausted", instance.name);
            let code = Code::RESOURCE_EXHAUSTED;
            return Ok(Grant { code, message, amount: 0, valid_duration: Duration::ZERO });
        }
        Ok(Grant::of(grant.amount, Duration::from_nanos(grant.valid_for)))
    }
}

impl Limits {
    fn of(&self, dimensions: &[Value<'_>]) -> Limit {
        let fits = |wanted: &[(usize, Wanted)]| {
            wanted.iter().all(|(at, value)| dimensions.get(*at).is_some_and(|d| value.fits(d)))
        };
        let found = self.overrides.iter().find(|(wanted, _)| fits(wanted));
        found.map_or(self.base, |(_, limit)| *limit)
    }
}

/// The limit without overrides.
fn base(parameters: &Parameters, at: usize, quota: &QuotaLimit, problems: &mut Problems) -> Limit {
    let field = format!("quotas[{at}]");
    if quota.name.is_empty() {
        problems.add(format!("{field}.name"), "is empty; name an instance of template quota");
    }
    if parameters.quotas[..at].iter().any(|other| other.name == quota.name) {
        problems.add(format!("{field}.name"), format!("{} has a limit already", quota.name));
    }
    for (nth, other) in (0..).zip(&quota.overrides) {
        if other.dimensions.is_empty() {
            let field = format!("{field}.overrides[{nth}].dimensions");
            problems.add(field, "is empty; an override is for some values of dimensions");
        }
    }
    let amount = (quota.max_amount, *quota.valid_duration);
    Limit::new(parameters, quota, amount, &field, problems)
}

/// The place of the instance's entry: by its full name, or else by its name alone.
fn entry(quotas: &[QuotaLimit], instance: &Instance, problems: &mut Problems) -> Option<usize> {
    let full = &instance.name;
    let short = full.split('.').next().unwrap_or(full);
    let named = |name: &str| quotas.iter().position(|quota| quota.name == name);
    let at = named(full).or_else(|| named(short));
    if at.is_none() {
        let hint = nearest(full, quotas.iter().map(|quota| quota.name.as_str()));
        problems.add("quotas", format!("instance {full} has no limit here{hint}"));
    }
    at
}

fn wanted(
    instance: &Instance,
    other: &Override,
    field: &str,
    problems: &mut Problems,
) -> Vec<(usize, Wanted)> {
    let mut wanted = Vec::new();
    for (name, text) in &other.dimensions {
        let field = format!("{field}.dimensions.{name}");
        let Some(at) = instance.fields.iter().position(|known| known.name == *name) else {
            let hint = nearest(name, instance.fields.iter().map(|known| known.name.as_str()));
            problems.add(field, format!("is no dimension of {}{hint}", instance.name));
            continue;
        };
        match Wanted::parse(instance.fields[at].value_type, text) {
            Ok(value) => wanted.push((at, value)),
            Err(message) => problems.add(field, message),
        }
    }
    wanted
}

fn undecided(quota: &str, failure: Failure) -> CallError {
    let (fault, retry, cause) = match failure {
        Failure::Invalid(cause) => (Fault::Caller, false, cause),
        Failure::Full(cause) => (Fault::Adapter, true, cause),
        Failure::Unavailable(cause) | Failure::Unknown(cause) => (Fault::Backend, true, cause),
    };
    CallError { fault, retry, message: format!("quota {quota}: {cause}") }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
