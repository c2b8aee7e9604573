//! The names of Istio's configuration: which are read, and which are known but refused.
//!
//! One place to extend: an adapter or template that becomes available moves from the refused names
//! into its enum. Names and fields are those of Istio 1.4.

/// An adapter that `compiledAdapter` of a handler can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompiledAdapter {
    /// Answers every check with a fixed status.
    Denier,
    /// Checks a value against a list.
    ListChecker,
    /// Exposes metrics to Prometheus.
    Prometheus,
    /// Writes log entries and metrics to the process's output.
    Stdio,
}

/// A template that `compiledTemplate` of an instance can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompiledTemplate {
    /// A check without input.
    CheckNothing,
    /// A check of one value.
    ListEntry,
    /// An entry of a log.
    LogEntry,
    /// A measured value with dimensions.
    Metric,
}

/// The parameters' field names of an adapter, as far as reading YAML must know them.
pub(crate) struct ParamNames {
    /// Fields with a `_` in their name: users may also write them in camel case.
    pub(crate) compound: &'static [&'static str],
    /// Fields that take a boolean: there, `yes` and `on` mean true.
    pub(crate) booleans: &'static [&'static str],
}

/// Adapters of Istio 1.4 that are not available.
const OTHER_ADAPTERS: &[&str] = &[
    "bypass",
    "circonus",
    "cloudwatch",
    "dogstatsd",
    "fluentd",
    "kubernetesenv",
    "memquota",
    "noop",
    "opa",
    "rbac",
    "redisquota",
    "solarwinds",
    "stackdriver",
    "statsd",
    "zipkin",
];

/// Templates of Istio 1.4 that are not available.
const OTHER_TEMPLATES: &[&str] =
    &["apikey", "authorization", "edge", "kubernetes", "quota", "reportnothing", "tracespan"];

/// Kinds of Istio 1.4 that are not available; adapters and templates are kinds too.
const OTHER_KINDS: &[&str] =
    &["adapter", "template", "QuotaSpec", "QuotaSpecBinding", "HTTPAPISpec", "HTTPAPISpecBinding"];

impl CompiledAdapter {
    /// All adapters, by name.
    pub const ALL: [Self; 4] = [Self::Denier, Self::ListChecker, Self::Prometheus, Self::Stdio];

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Denier => "denier",
            Self::ListChecker => "listchecker",
            Self::Prometheus => "prometheus",
            Self::Stdio => "stdio",
        }
    }

    /// The adapter with this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|adapter| adapter.name() == name)
    }

    pub(crate) const fn param_names(self) -> ParamNames {
        match self {
            Self::Denier => {
                ParamNames { compound: &["valid_duration", "valid_use_count"], booleans: &[] }
            }
            Self::ListChecker => ParamNames {
                compound: &[
                    "provider_url",
                    "refresh_interval",
                    "caching_interval",
                    "caching_use_count",
                    "entry_type",
                ],
                booleans: &["blacklist"],
            },
            Self::Prometheus => ParamNames {
                compound: &[
                    "metrics_expiration_policy",
                    "metrics_expiry_duration",
                    "expiry_check_interval_duration",
                    "instance_name",
                    "label_names",
                    "linear_buckets",
                    "exponential_buckets",
                    "explicit_buckets",
                    "num_finite_buckets",
                    "growth_factor",
                ],
                booleans: &[],
            },
            Self::Stdio => ParamNames {
                compound: &[
                    "log_stream",
                    "severity_levels",
                    "metric_level",
                    "output_as_json",
                    "output_level",
                    "output_path",
                    "max_megabytes_before_rotation",
                    "max_days_before_rotation",
                    "max_rotated_files",
                ],
                booleans: &["output_as_json"],
            },
        }
    }
}

impl CompiledTemplate {
    /// All templates, by name.
    pub const ALL: [Self; 4] = [Self::CheckNothing, Self::ListEntry, Self::LogEntry, Self::Metric];

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CheckNothing => "checknothing",
            Self::ListEntry => "listentry",
            Self::LogEntry => "logentry",
            Self::Metric => "metric",
        }
    }

    /// The template with this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.name() == name)
    }
}

/// What is wrong with `name` as a compiled adapter.
pub(crate) fn refuse_adapter(name: &str) -> String {
    let available = CompiledAdapter::ALL.map(CompiledAdapter::name);
    refuse("compiled adapter", name, OTHER_ADAPTERS, &available)
}

/// What is wrong with `name` as a compiled template.
pub(crate) fn refuse_template(name: &str) -> String {
    let available = CompiledTemplate::ALL.map(CompiledTemplate::name);
    refuse("compiled template", name, OTHER_TEMPLATES, &available)
}

/// Whether `name` is a kind of Istio that is not available, so no kind of ours mistyped.
pub(crate) fn is_other_kind(name: &str) -> bool {
    [OTHER_KINDS, OTHER_ADAPTERS, OTHER_TEMPLATES].concat().contains(&name)
}

/// What is wrong with `name` as the kind of a resource.
pub(crate) fn refuse_kind(name: &str) -> String {
    let others = [OTHER_KINDS, OTHER_ADAPTERS, OTHER_TEMPLATES].concat();
    let available: Vec<_> = crate::Kind::all().map(crate::Kind::name).collect();
    refuse("kind", name, &others, &available)
}

fn refuse(what: &str, name: &str, others: &[&str], available: &[&str]) -> String {
    if others.contains(&name) {
        return format!(
            "{what} `{name}` of Istio is not available here; available are {}",
            available.join(", ")
        );
    }
    let hint = crate::nearest::hint(name, available.iter().copied());
    format!("unknown {what} `{name}`, {hint}")
}
