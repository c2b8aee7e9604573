use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testbed::{Layout, Mixer, MixerOptions, http};

/// A handler of every adapter: its name in the configuration, the parameters that it cannot do without,
/// and the template and parameters of the instance that a rule sends to it.
const HANDLERS: [(&str, &str, &str, &str); 14] = [
    ("authz", "{}", "authorization", "{ subject: { user: request.host }, action: {} }"),
    ("denier", "{}", "checknothing", "{}"),
    ("fluentd", "{ address: '127.0.0.1:9' }", "logentry", ENTRY),
    ("keyval", "{}", "keyval", "{ key: request.host }"),
    ("kubernetesenv", "{}", "kubernetes", "{ source_uid: source.uid }"),
    ("listchecker", "{}", "listentry", "{ value: request.host }"),
    (
        "memquota",
        "{ quotas: [{ name: of-memquota, max_amount: 1, valid_duration: 1s }] }",
        "quota",
        "{ dimensions: {} }",
    ),
    ("noop", "{}", "checknothing", "{}"),
    (
        "opa",
        r#"{ policy: ["package p\n\nallow = true"], checkMethod: data.p.allow }"#,
        "authorization",
        "{ subject: { user: request.host }, action: {} }",
    ),
    (
        "otlp",
        "{ endpoint: 'http://127.0.0.1:9', metrics: [{ instance_name: of-otlp.instance.default, kind: COUNTER }] }",
        "metric",
        METRIC,
    ),
    (
        "prometheus",
        "{ metrics: [{ name: requests, instance_name: of-prometheus.instance.default, kind: COUNTER, label_names: [host] }] }",
        "metric",
        METRIC,
    ),
    (
        "statsd",
        "{ address: '127.0.0.1:9', metrics: { of-statsd.instance.default: { name: requests, type: COUNTER } } }",
        "metric",
        METRIC,
    ),
    ("stdio", "{}", "logentry", ENTRY),
    ("zipkin", "{ url: 'http://127.0.0.1:9', sample_probability: 1 }", "tracespan", SPAN),
];
const ENTRY: &str =
    "{ severity: '\"info\"', timestamp: request.time, variables: { host: request.host } }";
const METRIC: &str = "{ value: request.size, dimensions: { host: request.host } }";
const SPAN: &str = "{ traceId: request.host, spanId: request.host, spanName: request.host, \
                    startTime: request.time, endTime: response.time }";

/// How many adapters Mixer starts with.
pub(super) const ADAPTERS: usize = HANDLERS.len();

/// The times from starting the program to its being ready, sorted: all adapters have a handler with an
/// instance and a rule, and are in the compile cache.
///
/// # Errors
/// When a handler is not built or Mixer does not become ready.
pub(super) fn measure(layout: &Layout, starts: usize) -> Result<Vec<Duration>> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config");
    fs::create_dir(&config)?;
    fs::write(config.join("all.yaml"), configuration())?;
    let options = MixerOptions::new(layout, &config, folder.path())?;
    // Fills the compile cache.
    let mut mixer = Mixer::start(layout, options)?;
    let page = http::get(&format!("{}/debug/handlers", mixer.http_url()))?.require_ok()?;
    let built = page.text().matches("\"built\"").count();
    ensure!(built == ADAPTERS, "only {built} handlers are built: {}", page.text());
    let mut times = Vec::new();
    for _ in 0..starts {
        mixer.kill()?;
        let started = Instant::now();
        mixer.restart()?;
        times.push(started.elapsed());
    }
    times.sort();
    Ok(times)
}

fn configuration() -> String {
    let mut text = String::new();
    let mut object = |kind: &str, name: &str, spec: &str| {
        let _ = write!(
            text,
            "---\napiVersion: config.istio.io/v1alpha2\nkind: {kind}\n\
             metadata: {{ name: {name}, namespace: default }}\nspec:\n{spec}"
        );
    };
    for (adapter, params, template, fields) in HANDLERS {
        object("handler", adapter, &format!("  compiledAdapter: {adapter}\n  params: {params}\n"));
        let instance = format!("of-{adapter}");
        let spec = format!("  compiledTemplate: {template}\n  params: {fields}\n");
        object("instance", &instance, &spec);
        let spec = format!("  actions:\n  - {{ handler: {adapter}, instances: [{instance}] }}\n");
        object("rule", &instance, &spec);
    }
    text
}
