//! How long calls take: each case file's calls over and over, with what they are made of put together
//! beforehand, as it is when Mixer's dispatcher comes to the handler.
//!
//! A call that fails measures how fast an adapter refuses, so it ends the run. For the same reason it
//! waits, with the clock stopped, while a back end or a file does not keep up.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_host::{Handler, HandlerSpec, Limits, Template};
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::case::{Answer, Call, Capture, Prepared, Suite};
use super::host::{cache, cases_of, component_of, load, stream_to};
use crate::output::Output;

/// Measures the calls of an adapter's cases.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// A component, or a project's folder, which is built first.
    #[arg(default_value = ".", value_name = "DIR|FILE.wasm")]
    target: PathBuf,

    /// The cases whose calls are made; `cases.yaml` of the project by default.
    #[arg(long, short, value_name = "FILE")]
    cases: Option<PathBuf>,

    /// Milliseconds for each measurement.
    #[arg(long, value_name = "MILLIS", default_value_t = 500)]
    millis: u64,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Output,
}

/// Reports are measured in batches of so many elements.
const BATCHES: [usize; 2] = [1, 100];
/// The clock is looked at after so many calls.
const STRIDE: u64 = 16;
/// Of a target's queue, so much may be in use when calls are made: a share of its bytes, and messages.
const QUEUE_SHARE: u64 = 4;
const QUEUED_MESSAGES: u64 = 16_384;
/// How often it is looked whether there is room again, and for how long.
const ROOM_POLL: Duration = Duration::from_millis(1);
const ROOM_LIMIT: Duration = Duration::from_secs(20);
/// A call that is interrupted by a busy machine is slow, and no failure.
const DEADLINE: Duration = Duration::from_secs(10);
/// A measurement that mostly waits ends before its calls have taken their time.
const MOST_WAITING: u32 = 4;

/// A figure.
struct Measured {
    what: String,
    template: Template,
    batch: usize,
    calls: u64,
    /// Of the calls alone.
    elapsed: Duration,
}

impl Bench {
    pub(crate) async fn run(&self) -> Result<ExitCode> {
        let suite = Suite::read(&cases_of(&self.target, self.cases.as_deref())?)?;
        let loaded = load(&component_of(&self.target)?, cache())?;
        let _capture = Capture::install();
        let scratch = tempfile::tempdir()?;
        let mut measured = Vec::new();
        let (mut number, mut instances, mut memory) = (0, 0, 0);
        for (case, calls) in suite.measurable() {
            number += 1;
            let (_servers, mut params) = suite.start_sinks(case).await?;
            stream_to(&loaded.component, &mut params, &scratch.path().join(number.to_string()));
            let limits = Limits {
                check_deadline: DEADLINE,
                report_deadline: DEADLINE,
                setup_deadline: DEADLINE,
                ..Limits::default()
            };
            let declared = suite.declared();
            let name = format!("bench-{number}.default");
            let spec = HandlerSpec { name, params, instances: declared, limits };
            let component = Arc::clone(&loaded.component);
            let handler = Handler::build(&loaded.host, component, spec)
                .await
                .map_err(|error| anyhow!("case `{}`: {error}", case.name))?;
            for call in calls {
                let batches: &[usize] = if call.is_report() { &BATCHES } else { &BATCHES[..1] };
                for batch in batches {
                    let figure = self.measure(&suite, &handler, call, *batch).await;
                    measured.push(figure.with_context(|| format!("case `{}`", case.name))?);
                }
            }
            let status = handler.status();
            instances = instances.max(status.instances_idle + status.instances_in_use);
            memory = memory.max(resident());
            handler.close().await;
        }
        ensure!(!measured.is_empty(), "the cases have no calls to measure that are to work");
        for figure in &measured {
            println!(
                "{}",
                if self.output == Output::Json { figure.json().to_string() } else { figure.text() }
            );
        }
        if self.output == Output::Text {
            println!("instances at once: {instances}; this process held {} MiB", memory >> 20);
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn measure(
        &self,
        suite: &Suite,
        handler: &Handler,
        call: &Call,
        batch: usize,
    ) -> Result<Measured> {
        let call = call.in_batches_of(batch);
        let instance = suite.instance_of(&call);
        let what = format!("{} {}", call.kind_name(), instance.name());
        let template = instance.template();
        let prepared = call.prepare(instance).with_context(|| call.told())?;
        let first = prepared.make(handler, prepared.values()).await;
        let differences = call.differences(&first);
        ensure!(differences.is_empty(), "{}: {}", call.told(), differences.join("; "));
        stride(handler, &call, &prepared).await?;
        let limit = Duration::from_millis(self.millis);
        let (started, mut elapsed, mut calls) = (Instant::now(), Duration::ZERO, 0);
        while elapsed < limit && started.elapsed() < limit * MOST_WAITING {
            elapsed += stride(handler, &call, &prepared).await?;
            calls += STRIDE;
        }
        Ok(Measured { what, template, batch, calls, elapsed })
    }
}

/// Makes some calls and returns how long they took, without the wait for room that goes before.
async fn stride(handler: &Handler, call: &Call, prepared: &Prepared) -> Result<Duration> {
    room(handler).await?;
    let values: Vec<_> = (0..STRIDE).map(|_| prepared.values()).collect();
    let mut answers = Vec::with_capacity(values.len());
    let started = Instant::now();
    for values in values {
        answers.push(prepared.make(handler, values).await);
    }
    let elapsed = started.elapsed();
    for answer in answers {
        match answer.with_context(|| call.told())? {
            Answer::Report(failed) => {
                if let Some(failed) = failed.first() {
                    bail!("{}: {failed}", call.told());
                }
            }
            Answer::Quota(grant) => {
                ensure!(grant.code == 0, "{}: nothing is granted: {}", call.told(), grant.message);
            }
            Answer::Check(_) | Answer::Generate(_) => {}
        }
    }
    Ok(elapsed)
}

/// Waits until what the handler has sent and written leaves room for more.
async fn room(handler: &Handler) -> Result<()> {
    let started = Instant::now();
    loop {
        let status = handler.status();
        let full = status.outbound.iter().find(|target| {
            target.queued_bytes > target.queue_limit_bytes / QUEUE_SHARE
                || target.queued_messages > QUEUED_MESSAGES
        });
        match full {
            None if status.log_bytes_queued == 0 => return Ok(()),
            // It is a matter of microseconds.
            None => tokio::task::yield_now().await,
            Some(_) => sleep(ROOM_POLL).await,
        }
        if started.elapsed() > ROOM_LIMIT {
            let place = full.map_or("its log stream", |target| &target.target);
            bail!("{place} takes nothing any more: {full:?}");
        }
    }
}

impl Measured {
    fn nanos_of_call(&self) -> f64 {
        self.elapsed.as_nanos() as f64 / self.calls.max(1) as f64
    }

    fn nanos_of_element(&self) -> f64 {
        self.nanos_of_call() / self.batch as f64
    }

    fn text(&self) -> String {
        let Self { what, batch, calls, .. } = self;
        let (call, element) = (self.nanos_of_call(), self.nanos_of_element());
        format!(
            "{what}, batch of {batch}: {call:.0} ns a call, {element:.0} ns an element ({calls} calls)"
        )
    }

    fn json(&self) -> Value {
        json!({
            "call": self.what,
            "template": self.template.name(),
            "batch": self.batch,
            "calls": self.calls,
            "ns_per_call": self.nanos_of_call(),
            "ns_per_element": self.nanos_of_element(),
        })
    }
}

/// The memory that this process holds, in bytes; 0 where that cannot be told.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes =
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}
