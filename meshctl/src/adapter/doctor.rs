use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::lang::Language;
use crate::output::Output;

/// Says which languages' tools are there.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Only this language; then a missing tool is a failure.
    #[arg(long, short)]
    lang: Option<Language>,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Output,
}

impl Doctor {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut is_whole = true;
        for language in Language::all() {
            if self.lang.is_some_and(|only| only != *language) {
                continue;
            }
            let tools = language.tools();
            let is_ready = tools.iter().all(|tool| tool.found.is_some());
            is_whole &= is_ready;
            if self.output == Output::Json {
                println!("{}", json!({ "language": language, "ready": is_ready, "tools": tools }));
                continue;
            }
            println!("{} {}", if is_ready { "✓" } else { "✗" }, language.name());
            for tool in tools {
                match tool.found {
                    Some(found) => println!("    {}: {found}", tool.name),
                    None => println!("    {} is missing: {}", tool.name, tool.remedy),
                }
            }
        }
        let failed = self.lang.is_some() && !is_whole;
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
