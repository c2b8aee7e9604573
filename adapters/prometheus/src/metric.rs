use std::collections::BTreeSet;
use std::time::Duration;

use adapter_sdk::host::metrics::{self, Definition, Options};
use adapter_sdk::{Instance, Problems, ValueType, nearest};

use crate::parameters::{Exemplars, Kind, MetricParameters};

/// With a value of 100 bytes it is within the 128 that the host shows.
const MAX_EXEMPLAR_LABEL: usize = 28;

/// A metric that the host knows.
#[derive(Debug, Clone)]
pub(crate) struct Metric {
    id: u32,
    exemplars: Option<ExemplarSource>,
}

/// Which dimension the exemplars of a metric come from.
#[derive(Debug, Clone)]
pub(crate) struct ExemplarSource {
    /// Its place among the instance's fields.
    pub(crate) dimension: usize,
    pub(crate) label: String,
}

impl Metric {
    /// Checks a metric and defines it. `field` is its place in the parameters; `instance` is missing
    /// when no rule uses it, and then its labels cannot be compared.
    pub(crate) fn define(
        parameters: &MetricParameters,
        instance: Option<&Instance>,
        expiry: Option<Duration>,
        field: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut problem = |name: &str, message: String| {
            let field = if name.is_empty() { field.to_owned() } else { format!("{field}.{name}") };
            problems.add(field, message);
        };
        if parameters.instance_name.is_empty() {
            problem("instance_name", "is missing".to_owned());
        }
        let kind = match parameters.kind {
            Kind::Gauge => metrics::Kind::Gauge,
            Kind::Counter => metrics::Kind::Counter,
            Kind::Distribution => metrics::Kind::Histogram,
            Kind::Unspecified => {
                problem("kind", "must be GAUGE, COUNTER or DISTRIBUTION".to_owned());
                return None;
            }
        };
        let buckets = match parameters.buckets.as_ref().map(|buckets| buckets.bounds()) {
            None => Vec::new(),
            Some(Ok(_)) if kind != metrics::Kind::Histogram => {
                problem("buckets", "are for DISTRIBUTION alone".to_owned());
                return None;
            }
            Some(Ok(bounds)) => bounds,
            Some(Err(message)) => {
                problem("buckets", message);
                return None;
            }
        };
        let native_histogram = match parameters.native_histogram.as_ref().map(|n| n.layout()) {
            None => None,
            Some(Ok(layout)) => Some(layout),
            Some(Err(message)) => {
                problem("native_histogram", message);
                return None;
            }
        };
        let exemplars = match &parameters.exemplars {
            None => None,
            Some(declared) => Some(exemplar_source(declared, kind, instance, &mut problem)?),
        };
        if let Some(instance) = instance {
            let labels_agree = check_labels(parameters, instance, &mut problem);
            let value_is_a_number = check_value(instance, &mut problem);
            if !(labels_agree && value_is_a_number) {
                return None;
            }
        }
        let labels = match instance {
            Some(instance) => labels_of(instance, parameters).collect(),
            None => sorted(&parameters.label_names).into_iter().collect(),
        };
        let definition = Definition {
            name: name(parameters),
            help: parameters.description.clone(),
            kind,
            buckets,
            labels,
            expiry: expiry.map(|span| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
        };
        let options = Options { native_histogram, exemplars: exemplars.is_some() };
        match metrics::define_with(&definition, options) {
            Ok(id) => Some(Self { id, exemplars }),
            Err(message) => {
                problem("", message);
                None
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn exemplars(&self) -> Option<&ExemplarSource> {
        self.exemplars.as_ref()
    }
}

/// `<namespace>_<name or instance name>`.
fn name(parameters: &MetricParameters) -> String {
    let MetricParameters { namespace, name, instance_name, .. } = parameters;
    let name = clean(if name.is_empty() { instance_name } else { name });
    if namespace.is_empty() { name } else { format!("{}_{name}", clean(namespace)) }
}

/// A name as Istio makes one fit for Prometheus.
fn clean(name: &str) -> String {
    let name = name.strip_prefix('/').unwrap_or(name);
    name.chars().filter(|c| *c != '-').map(|c| if "/. ".contains(c) { '_' } else { c }).collect()
}

fn sorted(names: &[String]) -> BTreeSet<String> {
    names.iter().map(|name| clean(name)).collect()
}

/// The labels of an instance's series: its dimensions but for the one of exemplars.
fn labels_of(instance: &Instance, parameters: &MetricParameters) -> impl Iterator<Item = String> {
    let apart = parameters.exemplars.as_ref().map(|exemplars| exemplars.dimension.as_str());
    let labels = instance.fields.iter().filter(move |field| Some(field.name.as_str()) != apart);
    labels.map(|field| clean(&field.name))
}

/// Where the exemplars come from. When no rule uses the metric, any place is as good as another.
fn exemplar_source(
    declared: &Exemplars,
    kind: metrics::Kind,
    instance: Option<&Instance>,
    problem: &mut impl FnMut(&str, String),
) -> Option<ExemplarSource> {
    if kind == metrics::Kind::Gauge {
        problem("exemplars", "are for COUNTER and DISTRIBUTION alone".to_owned());
        return None;
    }
    if declared.label.is_empty() || declared.label.len() > MAX_EXEMPLAR_LABEL {
        let message = format!("must have 1 to {MAX_EXEMPLAR_LABEL} bytes");
        problem("exemplars.label", message);
        return None;
    }
    let name = declared.dimension.as_str();
    let fields = instance.map_or(&[][..], |instance| &instance.fields);
    let dimension = fields.iter().position(|field| field.name == name);
    if let (Some(instance), None) = (instance, dimension) {
        let hint = nearest(name, fields.iter().map(|field| field.name.as_str()));
        let message = format!("instance {} has no dimension {name:?}{hint}", instance.name);
        problem("exemplars.dimension", message);
        return None;
    }
    Some(ExemplarSource { dimension: dimension.unwrap_or_default(), label: declared.label.clone() })
}

/// Labels that differ from the dimensions would fail each report.
fn check_labels(
    parameters: &MetricParameters,
    instance: &Instance,
    problem: &mut impl FnMut(&str, String),
) -> bool {
    let labels = sorted(&parameters.label_names);
    let dimensions: BTreeSet<String> = labels_of(instance, parameters).collect();
    let unknown: Vec<String> = labels
        .difference(&dimensions)
        .map(|label| format!("{label}{}", nearest(label, dimensions.iter().map(String::as_str))))
        .collect();
    let missing: Vec<&str> = dimensions.difference(&labels).map(String::as_str).collect();
    let instance = &instance.name;
    if !unknown.is_empty() {
        let unknown = unknown.join("; ");
        problem("label_names", format!("instance {instance} has no dimension {unknown}"));
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        problem("label_names", format!("lacks dimensions of instance {instance}: {missing}"));
    }
    unknown.is_empty() && missing.is_empty()
}

fn check_value(instance: &Instance, problem: &mut impl FnMut(&str, String)) -> bool {
    use ValueType as T;
    // Texts may read as numbers; that is seen with each value.
    let number = matches!(
        instance.value_type,
        None | Some(
            T::Int64 | T::Double | T::Duration | T::Text | T::EmailAddress | T::Uri | T::DnsName
        )
    );
    if !number {
        problem("instance_name", format!("the value of {} is no number", instance.name));
    }
    number
}
