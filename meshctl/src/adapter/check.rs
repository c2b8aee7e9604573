use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::case::{Capture, Suite};
use super::contract::{Force, LOADS};
use super::host::{cache, component_of, load};
use super::probe::{Probe, Verdict};
use crate::output::Output;

/// Holds a component against the contract of adapters, `docs/adapters.md`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A component, or a project's folder, which is built first.
    #[arg(value_name = "DIR|FILE.wasm")]
    target: PathBuf,

    /// Cases, for a configuration and values that the adapter knows; those of the project by default.
    #[arg(long, short, value_name = "FILE")]
    cases: Option<PathBuf>,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Output,
}

impl Check {
    pub(crate) async fn run(&self) -> Result<ExitCode> {
        let of_project = || Some(self.target.join("cases.yaml")).filter(|file| file.is_file());
        let suite = self.cases.clone().or_else(of_project).map(|file| Suite::read(&file));
        let suite = suite.transpose()?;
        let file = component_of(&self.target)?;
        // What an adapter says meanwhile is of no interest here.
        let _capture = Capture::install();
        let verdicts = match load(&file, cache()) {
            Err(error) => vec![Verdict::broken(LOADS, format!("{error:#}"))],
            Ok(loaded) => Probe::new(loaded, suite)?.verdicts().await?,
        };
        let mut breaks = false;
        for Verdict { rule, outcome } in &verdicts {
            breaks |= rule.force == Force::Must && outcome.is_broken();
            if self.output == Output::Json {
                let outcome = outcome.json();
                let rule = json!({ "id": rule.id, "force": rule.force, "rule": rule.text });
                println!("{}", json!({ "rule": rule, "outcome": outcome }));
            } else {
                println!("{outcome} {} {}", rule.id, rule.text);
                if let Some(why) = outcome.why() {
                    println!("    {why}");
                }
            }
        }
        Ok(if breaks { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
