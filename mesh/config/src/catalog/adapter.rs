/// An adapter that `compiledAdapter` of a handler can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompiledAdapter {
    /// Lets requests pass by roles and their bindings.
    Authz,
    /// Answers every check with a fixed status.
    Denier,
    /// Sends metrics to a DogStatsD server.
    DogStatsD,
    /// Sends log entries to a Fluentd server.
    Fluentd,
    /// Answers a key with its value in a table.
    KeyVal,
    /// Knows the pods behind addresses.
    KubernetesEnv,
    /// Checks a value against a list.
    ListChecker,
    /// Counts quotas in memory.
    MemQuota,
    /// Passes everything.
    Noop,
    /// Lets requests pass by policies in Rego.
    Opa,
    /// Sends metrics, log entries and spans to an OpenTelemetry collector.
    Otlp,
    /// Exposes metrics to Prometheus.
    Prometheus,
    /// Lets requests pass by roles and their bindings; the name of Istio up to 1.2.
    Rbac,
    /// Counts quotas in Redis.
    RedisQuota,
    /// Sends metrics to a StatsD server.
    StatsD,
    /// Writes log entries and metrics to the process's output.
    Stdio,
    /// Sends spans to Zipkin.
    Zipkin,
}

/// The parameters' field names of an adapter, as far as reading YAML must know them.
pub(crate) struct ParamNames {
    /// Fields with a `_` in their name: users may also write them in camel case.
    pub(crate) compound: &'static [&'static str],
    /// Fields that take a boolean: there, `yes` and `on` mean true.
    pub(crate) booleans: &'static [&'static str],
    /// Fields that take text, lists of texts, or maps from names of the user's choice to texts: there,
    /// `yes` and `010` are what is written.
    pub(crate) texts: &'static [&'static str],
}

impl CompiledAdapter {
    /// All adapters, by name.
    pub const ALL: [Self; 17] = [
        Self::Authz,
        Self::Denier,
        Self::DogStatsD,
        Self::Fluentd,
        Self::KeyVal,
        Self::KubernetesEnv,
        Self::ListChecker,
        Self::MemQuota,
        Self::Noop,
        Self::Opa,
        Self::Otlp,
        Self::Prometheus,
        Self::Rbac,
        Self::RedisQuota,
        Self::StatsD,
        Self::Stdio,
        Self::Zipkin,
    ];

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authz => "authz",
            Self::Denier => "denier",
            Self::DogStatsD => "dogstatsd",
            Self::Fluentd => "fluentd",
            Self::KeyVal => "keyval",
            Self::KubernetesEnv => "kubernetesenv",
            Self::ListChecker => "listchecker",
            Self::MemQuota => "memquota",
            Self::Noop => "noop",
            Self::Opa => "opa",
            Self::Otlp => "otlp",
            Self::Prometheus => "prometheus",
            Self::Rbac => "rbac",
            Self::RedisQuota => "redisquota",
            Self::StatsD => "statsd",
            Self::Stdio => "stdio",
            Self::Zipkin => "zipkin",
        }
    }

    /// The component that does its work: its file without `.wasm`. Adapters may share one.
    pub const fn component(self) -> &'static str {
        match self {
            Self::DogStatsD => "statsd",
            Self::ListChecker => "list",
            Self::MemQuota | Self::RedisQuota => "quota",
            Self::Rbac => "authz",
            other => other.name(),
        }
    }

    /// The adapter with this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|adapter| adapter.name() == name)
    }

    /// Whether the older spelling has a kind of this name. Istio ran `keyval` in a process of its own,
    /// and `authz` and `otlp` are ours, so there was none.
    pub(crate) const fn is_kind(self) -> bool {
        !matches!(self, Self::Authz | Self::KeyVal | Self::Otlp)
    }

    /// Parameters that have a value under this name when they are not set: what tells adapters apart that
    /// share a component, and the addresses that Istio's have.
    pub const fn presets(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::DogStatsD => &[("address", "localhost:8125"), ("dialect", "DOGSTATSD")],
            Self::Fluentd => &[("address", "localhost:24224")],
            Self::RedisQuota => &[("redis_server_url", "localhost:6379")],
            Self::StatsD => &[("address", "localhost:8125")],
            _ => &[],
        }
    }

    pub(crate) const fn param_names(self) -> ParamNames {
        match self {
            Self::Authz | Self::Rbac => ParamNames {
                compound: &["config_store_url", "cache_duration", "list_claims", "role_ref"],
                booleans: &[],
                texts: &[
                    "config_store_url",
                    "name",
                    "namespace",
                    "role",
                    "services",
                    "methods",
                    "paths",
                    "key",
                    "values",
                    "user",
                    "group",
                    "groups",
                    "properties",
                    "list_claims",
                ],
            },
            Self::Denier => ParamNames {
                compound: &["valid_duration", "valid_use_count"],
                booleans: &[],
                texts: &["message"],
            },
            Self::DogStatsD | Self::StatsD => ParamNames {
                compound: &[
                    "flush_duration",
                    "flush_bytes",
                    "sampling_rate",
                    "sample_rate",
                    "buffer_length",
                    "global_tags",
                    "name_template",
                ],
                booleans: &[],
                texts: &["address", "prefix", "name", "name_template", "tags", "global_tags"],
            },
            Self::Fluentd => ParamNames {
                compound: &[
                    "integer_duration",
                    "instance_buffer_size",
                    "max_batch_size_bytes",
                    "push_interval_duration",
                    "push_timeout_duration",
                    "shared_key",
                    "ca_file",
                ],
                booleans: &["integer_duration", "ack", "gzip"],
                texts: &["address", "shared_key", "username", "password", "hostname", "ca_file"],
            },
            Self::KeyVal => ParamNames { compound: &[], booleans: &[], texts: &["table"] },
            Self::KubernetesEnv => ParamNames {
                compound: &[
                    "kubeconfig_path",
                    "cache_refresh_duration",
                    "cluster_registries_namespace",
                ],
                booleans: &[],
                texts: &["kubeconfig_path", "cluster_registries_namespace"],
            },
            Self::ListChecker => ParamNames {
                compound: &[
                    "provider_url",
                    "refresh_interval",
                    "caching_interval",
                    "caching_use_count",
                    "entry_type",
                ],
                booleans: &["blacklist"],
                texts: &["provider_url", "overrides"],
            },
            Self::MemQuota => ParamNames {
                compound: &["max_amount", "valid_duration", "min_deduplication_duration"],
                booleans: &[],
                texts: &["name", "dimensions"],
            },
            Self::Noop => ParamNames { compound: &[], booleans: &[], texts: &[] },
            Self::Opa => ParamNames {
                compound: &[
                    "check_method",
                    "fail_close",
                    "data_url",
                    "data_refresh_interval",
                    "data_ttl",
                    "caching_interval",
                    "caching_use_count",
                ],
                booleans: &["fail_close"],
                texts: &["policy", "check_method", "data_url"],
            },
            Self::Otlp => ParamNames {
                compound: &[
                    "metrics_endpoint",
                    "logs_endpoint",
                    "traces_endpoint",
                    "ca_file",
                    "flush_duration",
                    "max_request_bytes",
                    "service_name",
                    "resource_attributes",
                    "attribute_names",
                    "instance_name",
                    "trace_id",
                    "span_id",
                    "severity_levels",
                ],
                booleans: &[],
                texts: &[
                    "endpoint",
                    "metrics_endpoint",
                    "logs_endpoint",
                    "traces_endpoint",
                    "ca_file",
                    "headers",
                    "service_name",
                    "resource_attributes",
                    "attribute_names",
                    "instance_name",
                    "name",
                    "description",
                    "unit",
                    "body",
                    "trace_id",
                    "span_id",
                ],
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
                    "native_histogram",
                    "bucket_factor",
                    "max_buckets",
                    "zero_threshold",
                ],
                booleans: &[],
                texts: &[
                    "name",
                    "namespace",
                    "instance_name",
                    "description",
                    "label_names",
                    "dimension",
                    "label",
                ],
            },
            Self::RedisQuota => ParamNames {
                compound: &[
                    "max_amount",
                    "valid_duration",
                    "bucket_duration",
                    "rate_limit_algorithm",
                    "redis_server_url",
                    "connection_pool_size",
                ],
                booleans: &[],
                texts: &["name", "dimensions", "redis_server_url"],
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
                texts: &["output_path"],
            },
            Self::Zipkin => ParamNames {
                compound: &["sample_probability", "ca_file"],
                booleans: &["gzip"],
                texts: &["url", "ca_file"],
            },
        }
    }
}
