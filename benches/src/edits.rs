//! What an edit does to a full cache: the part of checks that the second level answers in each of the
//! ten seconds after it, beside what flushing everything would do, and what a cached answer takes in
//! memory.
//!
//! Then how long an edit takes from the save of the file to the first answer through Envoy that obeys it.
//!
//! One client asks at a steady rate and as unevenly as the world does: request number n is asked for in
//! proportion to 1/n.

mod enforcement;
mod load;

use std::fs::File;
use std::io::Write;

use adapter_host::{AdapterHost, HostOptions};
use anyhow::{Context, Result, ensure};
use mesh_config::{ConfigSet, Revision, parse};
use mixer::{DEFAULT_CACHE_BYTES, DEFAULT_ROOT_NAMESPACE, Metrics, Mixer, PolicyBuilder};
use serde::Serialize;
use testbed::Layout;
use tokio::runtime::Runtime;

use self::enforcement::Enforcement;
use self::load::{Load, SECONDS};
use crate::effort::Effort;
use crate::policy;

/// Rules of a namespace that nobody asks for.
pub(crate) const OTHER_NAMESPACE: &str = include_str!("edits/other_namespace.yaml");

/// Metrics of the namespace that is asked for.
const METRICS: &str = include_str!("edits/metrics.yaml");

/// What came of one edit.
#[derive(Debug, Serialize)]
struct Outcome {
    name: &'static str,
    /// Parts of a hundred, one for each second.
    hit_percent: [f64; SECONDS],
}

/// All that was measured, as `--json` writes it.
#[derive(Debug, Serialize)]
struct Measured {
    outcomes: Vec<Outcome>,
    /// Nothing where Envoy is not installed.
    enforcement: Option<Enforcement>,
}

/// What a cached answer takes, in bytes.
#[derive(Debug)]
struct Weights {
    answers: u64,
    /// As the bound counts.
    counted: f64,
    /// As the allocator counts.
    allocated: f64,
    /// As the kernel counts.
    resident: f64,
}

/// Prints the table, and writes it to `json`.
///
/// # Errors
/// When a part is missing or an operation fails.
pub(crate) fn run(effort: &Effort, json: Option<File>) -> Result<()> {
    policy::adapters()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let base = include_str!("policy.yaml");
    let edited = base.replace("\"/admin\"", "\"/administration\"");
    let mut editor = Editor::new()?;
    let first = editor.policy(&runtime, &[base])?;
    let mixer = Mixer::new(first, DEFAULT_CACHE_BYTES, editor.metrics.clone(), None);
    let mut load = Load::new(effort);
    let weights = fill(&runtime, &mixer, &mut load)?;
    let mut outcomes = vec![outcome("no edit", load.run(&runtime, &mixer)?)];
    for (name, documents) in [
        ("a metrics rule", vec![base, METRICS]),
        ("a check rule of another namespace", vec![base, METRICS, OTHER_NAMESPACE]),
        ("a check rule of the namespace", vec![&edited, METRICS, OTHER_NAMESPACE]),
    ] {
        mixer.install(editor.policy(&runtime, &documents)?);
        outcomes.push(outcome(name, load.run(&runtime, &mixer)?));
    }
    drop(mixer);
    let again = editor.policy(&runtime, &[base])?;
    let flushed = Mixer::new(again, DEFAULT_CACHE_BYTES, Metrics::new(), None);
    outcomes.push(outcome("any, if edits flushed everything", load.run(&runtime, &flushed)?));
    print(&outcomes, &weights, &load, effort);
    let has_envoy = Layout::of_checkout().envoy().exists();
    let enforcement = has_envoy.then(|| enforcement::run(effort)).transpose()?;
    print_enforcement(enforcement.as_ref());
    let measured = Measured { outcomes, enforcement };
    if let Some(mut file) = json {
        serde_json::to_writer_pretty(&file, &measured).context("write the figures")?;
        file.write_all(b"\n").context("write the figures")?;
    }
    check(&measured.outcomes)
}

/// Builds one policy after the other.
pub(crate) struct Editor {
    builder: PolicyBuilder,
    metrics: Metrics,
    revision: u64,
}

impl Editor {
    pub(crate) fn new() -> Result<Self> {
        let metrics = Metrics::new();
        let host = AdapterHost::new(HostOptions::default())?;
        let adapters = policy::adapters()?;
        let builder = PolicyBuilder::new(host, adapters, DEFAULT_ROOT_NAMESPACE, metrics.clone());
        Ok(Self { builder, metrics, revision: 0 })
    }

    pub(crate) fn policy(
        &mut self,
        runtime: &Runtime,
        documents: &[&str],
    ) -> Result<mixer::Policy> {
        let parsed = parse("bench.yaml", &documents.join("\n---\n"));
        ensure!(parsed.problems.is_empty(), "the benches' policy: {:?}", parsed.problems);
        self.revision += 1;
        let config = ConfigSet {
            resources: parsed.resources.into_iter().map(|r| (r.key.clone(), r)).collect(),
            problems: Vec::new(),
            revision: Revision(self.revision),
        };
        let policy = runtime.block_on(self.builder.build(&config));
        ensure!(policy.problems().is_empty(), "the benches' policy: {:?}", policy.problems());
        Ok(policy)
    }
}

/// Has an answer to every request in the cache, and weighs them.
fn fill(runtime: &Runtime, mixer: &Mixer, load: &mut Load) -> Result<Weights> {
    // What is allocated once is not the answers'.
    load.ask(runtime, mixer, 0)?;
    mixer.refresh_metrics();
    let (resident, counted) = (resident()?, cache_bytes(mixer));
    let mut filled = Ok(());
    let allocated = allocation_counter::measure(|| {
        filled = (1..load.requests()).try_for_each(|n| load.ask(runtime, mixer, n).map(drop));
        mixer.refresh_metrics();
    });
    filled?;
    let answers = load.requests() as u64 - 1;
    let each = |bytes: f64| bytes / answers as f64;
    Ok(Weights {
        answers,
        counted: each(cache_bytes(mixer) - counted),
        allocated: each(allocated.bytes_current as f64),
        resident: each(self::resident()? - resident),
    })
}

/// Of this process, in bytes.
fn resident() -> Result<f64> {
    Ok(testbed::resident_bytes(std::process::id())? as f64)
}

fn cache_bytes(mixer: &Mixer) -> f64 {
    let families = mixer.metrics().registry().gather();
    let bytes = families.iter().find(|family| family.name() == "mixer_checkcache_bytes");
    bytes.and_then(|family| family.get_metric().first()).map_or(0.0, |m| m.get_gauge().get_value())
}

fn outcome(name: &'static str, hit_percent: [f64; SECONDS]) -> Outcome {
    Outcome { name, hit_percent }
}

fn print(outcomes: &[Outcome], weights: &Weights, load: &Load, effort: &Effort) {
    println!("hit ratio of level 2 in each second after an edit of");
    for Outcome { name, hit_percent } in outcomes {
        let seconds: Vec<String> = hit_percent.iter().map(|p| format!("{p:5.1}")).collect();
        println!("{name:34} {} %", seconds.join(" "));
    }
    println!("{} answers, {} checks in each {:?}", load.requests(), load.rate(), load.second());
    let Weights { answers, counted, allocated, resident } = weights;
    println!(
        "one of {answers} answers: {counted:.0} bytes by the bound, {allocated:.0} allocated, {resident:.0} resident"
    );
    if !effort.is_believable {
        println!("A smoke run: the seconds are short and the figures mean nothing.");
    }
}

fn print_enforcement(enforcement: Option<&Enforcement>) {
    let Some(Enforcement { edits, p50_ms, p99_ms, worst_ms, load }) = enforcement else {
        println!("Envoy is not installed: how soon edits are enforced was not measured.");
        return;
    };
    println!(
        "from the save of a file to the first answer through Envoy that obeys it, {edits} edits: \
         p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms, worst {worst_ms:.0} ms; {load} other requests meanwhile"
    );
}

/// Holds the ratios against what is promised: edits that cannot change an answer cost none.
fn check(outcomes: &[Outcome]) -> Result<()> {
    let [before, metrics, other, ..] = outcomes else { return Ok(()) };
    for unconcerned in [metrics, other] {
        let worst = unconcerned.hit_percent.iter().copied().fold(100.0, f64::min);
        let usual = before.hit_percent.iter().copied().fold(100.0, f64::min);
        ensure!(worst > usual - 5.0, "an edit of {} cost answers: {worst} %", unconcerned.name);
    }
    Ok(())
}
