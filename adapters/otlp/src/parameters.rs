use std::collections::BTreeMap;
use std::time::Duration;

use adapter_sdk::Problems;
use adapter_sdk::parameters::Interval;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::outlet::Signal;

/// What a handler of this adapter is configured with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// Where the collector takes OTLP over HTTP: an URL without a path, such as `http://collector:4318`.
    /// Data goes to `/v1/metrics`, `/v1/logs` and `/v1/traces` there.
    pub(crate) endpoint: String,
    /// Where metrics go instead: an URL with its path.
    metrics_endpoint: String,
    /// Where log entries go instead: an URL with its path.
    logs_endpoint: String,
    /// Where spans go instead: an URL with its path.
    traces_endpoint: String,
    /// The authorities to trust with `https://`, as a PEM file, instead of the system's.
    ca_file: String,
    /// Headers of each request, such as one with a key.
    pub(crate) headers: BTreeMap<String, String>,
    /// Whether requests are compressed. GZIP by default.
    compression: Compression,
    /// Data waits at most so long for more to go with it. 1s by default.
    pub(crate) flush_duration: Interval,
    /// Requests are no longer than this, in bytes before compression. 4 MiB by default, 16 MiB at most.
    pub(crate) max_request_bytes: u32,
    /// The resource's `service.name`. For spans it is only used when the instance does not name the
    /// service. `mixer` by default.
    pub(crate) service_name: String,
    /// Other attributes of the resource, such as `deployment.environment.name`.
    pub(crate) resource_attributes: BTreeMap<String, String>,
    /// What dimensions, variables and tags are called as attributes, where that is not their own name:
    /// `response_code: http.response.status_code`.
    pub(crate) attribute_names: BTreeMap<String, String>,
    /// The metrics, one for each instance.
    pub(crate) metrics: Vec<MetricParameters>,
    /// How log entries are made, by instance. Without an entry here all variables are attributes.
    pub(crate) logs: Vec<LogParameters>,
    /// What severities mean, by their name. The usual English words by default; others are left open.
    severity_levels: BTreeMap<String, Severity>,
}

/// A metric.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct MetricParameters {
    /// The instance that it shows, as `name.instance.namespace`.
    pub(crate) instance_name: String,
    /// Its name. The instance's name up to the first point by default.
    pub(crate) name: String,
    /// What it measures, in words.
    pub(crate) description: String,
    /// Its unit by UCUM. `s` for durations and none for others by default.
    pub(crate) unit: String,
    /// What its samples mean.
    pub(crate) kind: Kind,
    /// The upper bounds of a distribution's buckets, rising. Those that OpenTelemetry has for seconds,
    /// .005 to 10, by default.
    pub(crate) bounds: Vec<f64>,
}

/// How the entries of an instance are made.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct LogParameters {
    /// The instance, as `name.instance.namespace`.
    pub(crate) instance_name: String,
    /// The variable that is the entry's body. The instance's name up to the first point by default.
    pub(crate) body: String,
    /// The variable with the trace's id, or a header `b3` or `traceparent`.
    pub(crate) trace_id: String,
    /// The variable with the span's id, or such a header.
    pub(crate) span_id: String,
}

/// As in the adapter for Prometheus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Kind {
    #[default]
    Unspecified,
    Gauge,
    Counter,
    Distribution,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Compression {
    None,
    #[default]
    Gzip,
}

/// OpenTelemetry's ranges of severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Severity {
    #[default]
    Unspecified,
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

const FLUSH: Duration = Duration::from_secs(1);
const MAX_REQUEST: u32 = 4 << 20;
/// The collector takes 20 MiB.
const LARGEST_REQUEST: u32 = 16 << 20;
/// A data point with many attributes fits.
const SMALLEST_REQUEST: u32 = 64 << 10;
const SERVICE: &str = "mixer";

/// Headers that say what the body is, which is not for the parameters to say.
const OWN_HEADERS: [&str; 4] = ["content-type", "content-encoding", "content-length", "host"];

/// Severities that mean a level when the parameters name none, compared without case.
const USUAL_SEVERITIES: [(&str, Severity); 14] = [
    ("TRACE", Severity::Trace),
    ("DEBUG", Severity::Debug),
    ("INFORMATIONAL", Severity::Info),
    ("INFO", Severity::Info),
    ("DEFAULT", Severity::Info),
    ("NOTICE", Severity::Info),
    ("WARNING", Severity::Warn),
    ("WARN", Severity::Warn),
    ("ERROR", Severity::Error),
    ("ERR", Severity::Error),
    ("CRITICAL", Severity::Fatal),
    ("ALERT", Severity::Fatal),
    ("EMERGENCY", Severity::Fatal),
    ("FATAL", Severity::Fatal),
];

impl Default for Parameters {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            metrics_endpoint: String::new(),
            logs_endpoint: String::new(),
            traces_endpoint: String::new(),
            ca_file: String::new(),
            headers: BTreeMap::new(),
            compression: Compression::default(),
            flush_duration: Interval(FLUSH),
            max_request_bytes: MAX_REQUEST,
            service_name: SERVICE.to_owned(),
            resource_attributes: BTreeMap::new(),
            attribute_names: BTreeMap::new(),
            metrics: Vec::new(),
            logs: Vec::new(),
            severity_levels: BTreeMap::new(),
        }
    }
}

impl Parameters {
    pub(crate) fn check(&self, problems: &mut Problems) {
        if has_path(&self.endpoint) {
            let message = "must have no path: data goes to /v1/metrics, /v1/logs and /v1/traces; \
                           name other paths with metrics_endpoint, logs_endpoint, traces_endpoint";
            problems.add("endpoint", message);
        }
        for name in self.headers.keys() {
            if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                problems.add(format!("headers[{name}]"), "is set by the adapter");
            }
        }
        if !(SMALLEST_REQUEST..=LARGEST_REQUEST).contains(&self.max_request_bytes) {
            let message = format!("must be {SMALLEST_REQUEST} to {LARGEST_REQUEST}");
            problems.add("max_request_bytes", message);
        }
        if self.service_name.is_empty() {
            problems.add("service_name", "must not be empty");
        }
        if self.resource_attributes.contains_key("service.name") {
            problems.add("resource_attributes[service.name]", "is the parameter service_name");
        }
    }

    pub(crate) fn endpoint_of(&self, signal: Signal) -> &str {
        match signal {
            Signal::Metrics => &self.metrics_endpoint,
            Signal::Logs => &self.logs_endpoint,
            Signal::Traces => &self.traces_endpoint,
        }
    }

    pub(crate) fn gzips(&self) -> bool {
        self.compression == Compression::Gzip
    }

    /// The level of a severity.
    pub(crate) fn severity(&self, name: &str) -> Severity {
        if !self.severity_levels.is_empty() {
            return self.severity_levels.get(name).copied().unwrap_or_default();
        }
        let usual = USUAL_SEVERITIES.iter().find(|(usual, _)| usual.eq_ignore_ascii_case(name));
        usual.map_or(Severity::default(), |(_, level)| *level)
    }
}

impl Severity {
    /// The lowest number of its range.
    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Unspecified => 0,
            Self::Trace => 1,
            Self::Debug => 5,
            Self::Info => 9,
            Self::Warn => 13,
            Self::Error => 17,
            Self::Fatal => 21,
        }
    }
}

fn has_path(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').is_some_and(|(_, path)| !path.is_empty())
}
