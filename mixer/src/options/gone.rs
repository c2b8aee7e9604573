//! The flags of Istio's `mixs server` that do not exist here, with what takes their place.
//!
//! Users come with start scripts and charts. A flag that is silently ignored would leave them believing
//! that it holds, so each is refused with what to write instead.

/// What to write in place of `name`, a flag of Istio without its dashes.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    let at = GONE.iter().position(|(gone, _)| *gone == name)?;
    Some(GONE[at].1)
}

const GONE: &[(&str, &str)] = &[
    ("port", "use --grpc ADDR"),
    ("address", "use --grpc ADDR, which also takes unix:///path"),
    ("monitoringPort", "use --http ADDR; /metrics and /version are there"),
    ("ctrlz_port", "the pages below /debug on the port of --http take its place"),
    ("ctrlz_address", "the pages below /debug on the port of --http take its place"),
    ("profile", "there are no profile pages; use perf or another sampling profiler"),
    ("maxMessageSize", "use --max-message-bytes"),
    ("maxConcurrentStreams", "use --max-concurrent-streams"),
    (
        "apiWorkerPoolSize",
        "there are no worker pools; use --worker-threads and --max-concurrent-checks",
    ),
    (
        "adapterWorkerPoolSize",
        "there are no worker pools; use --worker-threads and --max-concurrent-checks",
    ),
    ("singleThreaded", "use --worker-threads 1"),
    ("numCheckCacheEntries", "the cache is bounded in bytes: use --check-cache-bytes"),
    ("configStoreURL", "use --config; `fs:///dir` is --config /dir"),
    ("configDefaultNamespace", "use --root-namespace"),
    ("configWaitTimeout", "use --config-wait-timeout"),
    ("configIdentityAttribute", "it is set in configuration, by an attributemanifest"),
    ("configIdentityAttributeDomain", "it is set in configuration, by an attributemanifest"),
    ("livenessProbePath", "use `mixer probe --liveness`, or /healthz on the port of --http"),
    ("livenessProbeInterval", "use `mixer probe --liveness`, or /healthz on the port of --http"),
    ("readinessProbePath", "use `mixer probe`, or /readyz on the port of --http"),
    ("readinessProbeInterval", "use `mixer probe`, or /readyz on the port of --http"),
    ("useAdapterCRDs", "remove it; resources of the older kinds are always read"),
    ("useTemplateCRDs", "remove it; resources of the older kinds are always read"),
    ("loadsheddingMode", "use --shedding"),
    (
        "averageLatencyThreshold",
        "load is not shed by mean latency, which one slow back end raises for all; use --max-concurrent-checks and --max-waiting-checks",
    ),
    ("latencySamplesPerSecond", "load is not shed by mean latency; remove it"),
    ("latencySampleHalflife", "load is not shed by mean latency; remove it"),
    ("latencyEnforcementThreshold", "load is not shed by mean latency; remove it"),
    ("maxRequestsPerSecond", "use --max-requests-per-second"),
    ("burstSize", "use --burst-size"),
    ("trace_zipkin_url", "use --spans zipkin=URL"),
    ("trace_jaeger_url", "use --spans otlp=URL, which Jaeger takes at its port 4318"),
    ("trace_log_spans", "use --spans with a collector"),
    ("log_output_level", "use --log-level"),
    ("log_as_json", "use --log-format json"),
    ("log_target", "the log goes to standard error; redirect it"),
    ("log_rotate", "the log goes to standard error; redirect it"),
    ("log_stacktrace_level", "remove it; the log has no stack traces"),
    ("log_caller", "remove it; use --log-format json for a line's module"),
];
