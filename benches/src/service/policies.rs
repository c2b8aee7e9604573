//! The configurations that are measured, which Istio's Mixer takes as they are.

use std::fmt::Write;

/// A list that every request is looked up in, and a denial that few are for.
pub(super) const CHECK: &str = include_str!("../policy.yaml");

/// The attributes that metrics and log entries read, with their types.
const ATTRIBUTES: [(&str, &str); 25] = [
    ("connection.event", "STRING"),
    ("connection.mtls", "BOOL"),
    ("context.protocol", "STRING"),
    ("context.reporter.kind", "STRING"),
    ("destination.ip", "IP_ADDRESS"),
    ("destination.namespace", "STRING"),
    ("destination.principal", "STRING"),
    ("destination.service.host", "STRING"),
    ("destination.service.name", "STRING"),
    ("destination.service.namespace", "STRING"),
    ("destination.workload.name", "STRING"),
    ("request.headers", "STRING_MAP"),
    ("request.host", "STRING"),
    ("request.method", "STRING"),
    ("request.path", "STRING"),
    ("request.size", "INT64"),
    ("request.time", "TIMESTAMP"),
    ("request.useragent", "STRING"),
    ("response.code", "INT64"),
    ("response.duration", "DURATION"),
    ("response.size", "INT64"),
    ("source.ip", "IP_ADDRESS"),
    ("source.namespace", "STRING"),
    ("source.principal", "STRING"),
    ("source.workload.name", "STRING"),
];

/// The 19 labels of each metric, as those of Istio 1.4 were.
const LABELS: [(&str, &str); 19] = [
    (
        "reporter",
        r#"conditional((context.reporter.kind | "inbound") == "outbound", "source", "destination")"#,
    ),
    ("source_workload", r#"source.workload.name | "unknown""#),
    ("source_workload_namespace", r#"source.namespace | "unknown""#),
    ("source_principal", r#"source.principal | "unknown""#),
    ("source_app", r#"request.headers["x-app"] | "unknown""#),
    ("source_version", r#"request.headers["x-version"] | "unknown""#),
    ("destination_workload", r#"destination.workload.name | "unknown""#),
    ("destination_workload_namespace", r#"destination.namespace | "unknown""#),
    ("destination_principal", r#"destination.principal | "unknown""#),
    ("destination_app", r#"request.headers["x-to-app"] | "unknown""#),
    ("destination_version", r#"request.headers["x-to-version"] | "unknown""#),
    (
        "destination_service",
        r#"destination.service.host | conditional((destination.service.name | "unknown") == "unknown", "unknown", request.host)"#,
    ),
    ("destination_service_name", r#"destination.service.name | "unknown""#),
    ("destination_service_namespace", r#"destination.service.namespace | "unknown""#),
    ("request_protocol", r#"context.protocol | "unknown""#),
    ("response_code", "response.code | 200"),
    ("response_flags", r#"connection.event | "-""#),
    ("method", r#"request.method | "unknown""#),
    (
        "connection_security_policy",
        r#"conditional((context.reporter.kind | "inbound") == "outbound", "unknown", conditional(connection.mtls | false, "mutual_tls", "none"))"#,
    ),
];

/// The metrics: instance, value, kind and, for histograms, the buckets.
const METRICS: [(&str, &str, &str, &str); 4] = [
    ("requestcount", "\"1\"", "COUNTER", ""),
    ("requestduration", "response.duration | \"0ms\"", "DISTRIBUTION", DURATIONS),
    ("requestsize", "request.size | 0", "DISTRIBUTION", SIZES),
    ("responsesize", "response.size | 0", "DISTRIBUTION", SIZES),
];

const DURATIONS: &str =
    "explicit_buckets: { bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] }";
const SIZES: &str = "exponentialBuckets: { numFiniteBuckets: 8, scale: 1, growthFactor: 10 }";

/// The fields of a log entry.
const VARIABLES: [(&str, &str); 16] = [
    ("sourceIp", r#"source.ip | ip("0.0.0.0")"#),
    ("sourceWorkload", r#"source.workload.name | """#),
    ("sourcePrincipal", r#"source.principal | """#),
    ("destinationIp", r#"destination.ip | ip("0.0.0.0")"#),
    ("destinationServiceHost", r#"destination.service.host | request.host | """#),
    ("destinationWorkload", r#"destination.workload.name | """#),
    ("protocol", r#"context.protocol | "http""#),
    ("method", r#"request.method | """#),
    ("url", r#"request.path | """#),
    ("responseCode", "response.code | 0"),
    ("responseSize", "response.size | 0"),
    ("requestSize", "request.size | 0"),
    ("requestId", r#"request.headers["x-request-id"] | """#),
    ("latency", r#"response.duration | "0ms""#),
    ("userAgent", r#"request.useragent | """#),
    ("xForwardedFor", r#"request.headers["x-forwarded-for"] | "0.0.0.0""#),
];

/// The name by which clients ask for the quota.
pub(super) const QUOTA: &str = "requests";

/// A limit that no bench reaches, for each user, counted in memory or in the Redis at an address.
pub(super) fn quota(redis: Option<&str>) -> String {
    let limit = "    quotas:\n    - name: requests.instance.istio-system\n      \
                 maxAmount: 1000000000\n      validDuration: 10s\n";
    let (adapter, params) = match redis {
        None => ("memquota", limit.to_owned()),
        Some(address) => ("redisquota", format!("{limit}    redisServerUrl: {address}\n")),
    };
    let user = fields(&[("user", r#"request.headers["x-user"] | """#)]);
    [
        manifest(),
        document("handler", "quota", &format!("  compiledAdapter: {adapter}\n  params:\n{params}")),
        document(
            "instance",
            QUOTA,
            &format!("  compiledTemplate: quota\n  params:\n    dimensions:\n{user}"),
        ),
        rule("quota", "quota", &[QUOTA]),
    ]
    .join("---\n")
}

/// Four metrics of 19 labels to the adapter `prometheus`; with `log` also an entry to `stdio`.
pub(super) fn reports(log: bool) -> String {
    let mut documents = vec![manifest(), prometheus()];
    documents.extend(METRICS.map(|(name, value, ..)| {
        let params = format!("    value: {}\n    dimensions:\n{}", quoted(value), fields(&LABELS))
            + "    monitored_resource_type: '\"UNSPECIFIED\"'\n";
        document("instance", name, &format!("  compiledTemplate: metric\n  params:\n{params}"))
    }));
    documents.push(rule("promhttp", "prometheus", &METRICS.map(|(name, ..)| name)));
    if log {
        let params = "  compiledAdapter: stdio\n  params:\n    outputAsJson: true\n";
        documents.push(document("handler", "stdio", params));
        let params = format!(
            "    severity: '\"Info\"'\n    timestamp: request.time\n    variables:\n{}    \
             monitored_resource_type: '\"global\"'\n",
            fields(&VARIABLES)
        );
        let spec = format!("  compiledTemplate: logentry\n  params:\n{params}");
        documents.push(document("instance", "accesslog", &spec));
        documents.push(rule("stdio", "stdio", &["accesslog"]));
    }
    documents.join("---\n")
}

fn manifest() -> String {
    let mut spec = "  attributes:\n".to_owned();
    for (name, value_type) in ATTRIBUTES {
        put(&mut spec, format_args!("    {name}:\n      valueType: {value_type}\n"));
    }
    document("attributemanifest", "telemetry", &spec)
}

fn prometheus() -> String {
    let mut spec = "  compiledAdapter: prometheus\n  params:\n    metrics:\n".to_owned();
    let labels = LABELS.map(|(name, _)| name).join(", ");
    for (name, _, kind, buckets) in METRICS {
        put(
            &mut spec,
            format_args!(
                "    - name: {name}\n      instance_name: {name}.instance.istio-system\n      \
                 kind: {kind}\n      label_names: [{labels}]\n"
            ),
        );
        if !buckets.is_empty() {
            put(&mut spec, format_args!("      buckets:\n        {buckets}\n"));
        }
    }
    document("handler", "prometheus", &spec)
}

fn rule(name: &str, handler: &str, instances: &[&str]) -> String {
    let spec = format!(
        "  match: context.protocol == \"http\"\n  actions:\n  - handler: {handler}\n    instances: [{}]\n",
        instances.join(", ")
    );
    document("rule", name, &spec)
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: config.istio.io/v1alpha2\nkind: {kind}\nmetadata:\n  name: {name}\n  \
         namespace: istio-system\nspec:\n{spec}"
    )
}

fn fields(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, expression) in fields {
        put(&mut text, format_args!("      {name}: {}\n", quoted(expression)));
    }
    text
}

/// An expression as YAML takes it, whatever is in it.
fn quoted(expression: &str) -> String {
    format!("'{}'", expression.replace('\'', "''"))
}

fn put(text: &mut String, more: std::fmt::Arguments<'_>) {
    let _never_fails = text.write_fmt(more);
}
