//! `bench NAME`: how fast the mesh is, and how much it allocates.
//!
//! For `cargo xtask bench` and CI. Each suite prints one table; a row answers a question that someone
//! who runs the mesh asks (`check_hit_l1`), and what it competes with stands beside it, measured in the
//! same run. With `--smoke` nothing is claimed about time: it proves that every bench runs and that
//! no promise about allocations is broken.

mod cache;
mod edits;
mod effort;
mod expr;
mod figures;
mod loopback;
mod measure;
mod policy;
mod quota;
mod raw_codec;
mod request;
mod subject;
mod table;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use crate::effort::Effort;

#[derive(Parser)]
#[command(name = "bench", about = "Measure mixmesh", disable_help_subcommand = true)]
struct Options {
    /// What to measure
    suite: Suite,

    /// Also write the figures to FILE, as `[{"name","p50_ns","p99_ns","allocs","n"}]`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Run everything in a few seconds; the times then mean nothing
    #[arg(long)]
    smoke: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Suite {
    /// What a check costs at each level of the cache
    Cache,
    /// What the cache still answers after an edit of policy
    Edits,
    /// What expressions cost: each function and operator, and a match as policies have it
    Expr,
    /// What a quota costs in memory and in Redis
    Quota,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let effort = if options.smoke { Effort::smoke() } else { Effort::full() };
    // Better to be told before the first minute of measuring than after the last.
    let json = options.json.as_deref().map(create).transpose()?;
    let figures = match options.suite {
        Suite::Cache => cache::run(&effort)?,
        Suite::Edits => return edits::run(&effort, json),
        Suite::Expr => expr::run(&effort)?,
        Suite::Quota => quota::run(&effort)?,
    };
    print!("{}", table::render(&figures, &effort));
    if let Some(mut file) = json {
        serde_json::to_writer_pretty(&file, &figures).context("write the figures")?;
        file.write_all(b"\n").context("write the figures")?;
    }
    figures::check_promises(&figures)
}

fn create(file: &Path) -> Result<File> {
    File::create(file).with_context(|| format!("create {}", file.display()))
}
