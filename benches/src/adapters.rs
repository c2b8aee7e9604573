//! What a call of each adapter costs in the host, by the cases of its folder, and how long a Mixer that
//! uses all adapters takes to start when they are compiled already.
//!
//! Calls are measured by `meshctl adapter bench`, as an author would; aims are those of an adapter in
//! Rust. The first start fills the compile cache, the others are measured.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Layout, Mixer, MixerOptions, http};

use crate::effort::Effort;

/// Nanoseconds an element may cost in a batch of 100, or a check alone.
const METRIC: f64 = 600.0;
const LOG_ENTRY: f64 = 2_000.0;
const CHECK: f64 = 3_000.0;

/// Milliseconds until Mixer is ready with all adapters.
const START_MILLIS: f64 = 300.0;

/// A handler of every adapter, with the parameters that it cannot do without.
const HANDLERS: [(&str, &str); 14] = [
    ("authz", "{}"),
    ("denier", "{}"),
    ("fluentd", "{ address: '127.0.0.1:9' }"),
    ("keyval", "{}"),
    ("kubernetesenv", "{}"),
    ("listchecker", "{}"),
    ("memquota", "{}"),
    ("noop", "{}"),
    ("opa", "{ policy: ['package p\n\nallow = true'], checkMethod: data.p.allow }"),
    ("otlp", "{ endpoint: 'http://127.0.0.1:9' }"),
    ("prometheus", "{}"),
    ("statsd", "{ address: '127.0.0.1:9' }"),
    ("stdio", "{}"),
    ("zipkin", "{ url: 'http://127.0.0.1:9', sample_probability: 1 }"),
];

/// Measures and prints them; writes them to `json` as well.
///
/// # Errors
/// When an adapter has no component, one of its cases cannot be called, or Mixer does not start.
pub(crate) fn run(effort: &Effort, json: Option<fs::File>) -> Result<()> {
    let layout = Layout::of_checkout();
    let millis = if effort.is_believable { 1000 } else { 5 };
    let mut figures = Vec::new();
    println!("{:<14} {:<48} {:>5} {:>12} {:>8}", "adapter", "call", "batch", "ns each", "aim");
    for adapter in adapters_with_cases(&layout)? {
        for figure in calls_of(&layout, &adapter, millis)? {
            print(&adapter, &figure)?;
            figures.push(figure);
        }
    }
    let starts = if effort.is_believable { 5 } else { 1 };
    let start = start_of_mixer(&layout, starts)?.as_secs_f64() * 1e3;
    println!(
        "mixer ready with {} adapters compiled: {start:.0} ms (aim {START_MILLIS:.0})",
        HANDLERS.len()
    );
    figures.push(json!({ "adapter": "all", "call": "start of mixer", "ms": start }));
    if let Some(mut file) = json {
        serde_json::to_writer_pretty(&file, &figures).context("write the figures")?;
        file.write_all(b"\n").context("write the figures")?;
    }
    Ok(())
}

/// The folders of adapters that have cases, sorted.
fn adapters_with_cases(layout: &Layout) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(layout.root().join("adapters"))? {
        let folder = entry?.path();
        if folder.join("cases.yaml").exists() {
            let name = folder.file_name().context("a folder has a name")?;
            names.push(name.to_string_lossy().into_owned());
        }
    }
    ensure!(!names.is_empty(), "no adapter has cases");
    names.sort();
    Ok(names)
}

fn calls_of(layout: &Layout, adapter: &str, millis: u32) -> Result<Vec<Value>> {
    let output = Command::new(layout.binary("meshctl")?)
        .args(["adapter", "bench", "-o", "json", "--millis", &millis.to_string()])
        .arg(layout.adapters().join(format!("{adapter}.wasm")))
        .arg("--cases")
        .arg(layout.root().join("adapters").join(adapter).join("cases.yaml"))
        .output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "meshctl adapter bench {adapter}: {error}");
    let figure = |line: &str| -> Result<Value> {
        let mut figure: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        figure["adapter"] = adapter.into();
        Ok(figure)
    };
    String::from_utf8(output.stdout)?.lines().map(figure).collect()
}

fn print(adapter: &str, figure: &Value) -> Result<()> {
    let call = figure["call"].as_str().context("a figure says which call it is of")?;
    let each = figure["ns_per_element"].as_f64().context("a figure has a time")?;
    let batch = figure["batch"].as_u64().context("a figure says the batch")?;
    let template = figure["template"].as_str().context("a figure says the template")?;
    let aim = match aim(template, batch) {
        None => String::new(),
        Some(aim) if each <= aim => format!("{aim:.0} ✓"),
        Some(aim) => format!("{aim:.0} ✗"),
    };
    println!("{adapter:<14} {call:<48} {batch:>5} {each:>12.0} {aim:>8}");
    Ok(())
}

/// The aim of a call for this template.
fn aim(template: &str, batch: u64) -> Option<f64> {
    match (template, batch) {
        ("metric", 100) => Some(METRIC),
        ("logentry" | "tracespan", 100) => Some(LOG_ENTRY),
        ("checknothing" | "listentry" | "apikey" | "authorization" | "keyval", 1) => Some(CHECK),
        _ => None,
    }
}

/// The median time from starting the program to its being ready, over `starts` of them.
fn start_of_mixer(layout: &Layout, starts: usize) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config");
    fs::create_dir(&config)?;
    for (adapter, params) in HANDLERS {
        let handler = format!(
            "apiVersion: config.istio.io/v1alpha2\nkind: handler\nmetadata: {{ name: {adapter}, \
             namespace: default }}\nspec:\n  compiledAdapter: {adapter}\n  params: {}\n",
            params.replace('\n', "\\n").replace('\'', "\"")
        );
        fs::write(config.join(format!("{adapter}.yaml")), handler)?;
    }
    let options = MixerOptions::new(layout, &config, folder.path())?;
    let mut mixer = Mixer::start(layout, options)?;
    let page = http::get(&format!("{}/debug/handlers", mixer.http_url()))?.require_ok()?;
    let built = page.text().matches("\"built\"").count();
    ensure!(built == HANDLERS.len(), "only {built} handlers are built: {}", page.text());
    let mut times = Vec::new();
    for _ in 0..starts {
        mixer.kill()?;
        let started = Instant::now();
        mixer.restart()?;
        times.push(started.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}
