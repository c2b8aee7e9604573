use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_host::{CallError, Handler, HandlerSpec, Limits, Template};
use anyhow::{Result, anyhow, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::case::{Call, Capture, Suite};
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

/// A figure.
struct Measured {
    what: String,
    template: Template,
    batch: usize,
    calls: u64,
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
            let (_servers, mut params) = suite.start(case).await?;
            stream_to(&loaded.component, &mut params, &scratch.path().join(number.to_string()));
            let limits = Limits::default();
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
                    measured.push(self.measure(&suite, &handler, call, *batch).await?);
                }
            }
            let status = handler.status();
            instances = instances.max(status.instances_idle + status.instances_in_use);
            memory = memory.max(resident());
            handler.close().await;
        }
        ensure!(!measured.is_empty(), "the cases have no calls to measure");
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
        let once = async || match call.make(handler, instance).await {
            // The adapter's word that it cannot is an answer like others.
            Ok(_) | Err(CallError::Refused { .. }) => Ok(()),
            Err(error) => Err(anyhow!("{}: {error}", call.told())),
        };
        for _ in 0..STRIDE {
            once().await?;
        }
        let limit = Duration::from_millis(self.millis);
        let (started, mut calls) = (Instant::now(), 0);
        while started.elapsed() < limit {
            for _ in 0..STRIDE {
                once().await?;
            }
            calls += STRIDE;
        }
        Ok(Measured { what, template, batch, calls, elapsed: started.elapsed() })
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
