//! `bench NAME`: how fast the mesh is, and how much it allocates.
//!
//! For `cargo xtask bench` and CI. Each suite prints one table; a row answers a question that someone
//! who runs the mesh asks (`check_hit_l1`), and what it competes with stands beside it, measured in the
//! same run. With `--smoke` nothing is claimed about time: it proves that every bench runs and that
//! no promise about allocations is broken.

mod adapters;
mod cache;
mod edits;
mod effort;
mod expr;
mod figures;
mod loopback;
mod measure;
mod plot;
mod policy;
mod quota;
mod request;
mod service;
mod subject;
mod table;
mod zipf;

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use crate::effort::Effort;
use crate::figures::Figures;

#[derive(Parser)]
#[command(name = "bench", about = "Measure mixmesh", disable_help_subcommand = true)]
struct Options {
    /// What to measure
    suite: Suite,

    /// Also write the figures to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Run everything in a few seconds; the times then mean nothing
    #[arg(long)]
    smoke: bool,

    /// Where the page with the plots goes (bench cache)
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,

    /// The program `mixs` of Istio 1.4, to be measured in the same run (bench mixer)
    #[arg(long, value_name = "PATH")]
    peer_mixs: Option<PathBuf>,

    /// Where the bare server listens
    #[arg(long, value_name = "ADDR", hide = true, required_if_eq("suite", "bare"))]
    listen: Option<SocketAddr>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Suite {
    /// What a call of each adapter costs, and the start of a Mixer that uses all
    Adapters,
    /// What a check costs at each level of the cache
    Cache,
    /// What the cache still answers after an edit of policy
    Edits,
    /// What expressions cost: each function and operator, and a match as policies have it
    Expr,
    /// What a quota costs in memory and in Redis
    Quota,
    /// What Mixer costs as a service: processor time, latency, memory
    Mixer,
    /// Serves as the yardstick of the suite `mixer`
    #[value(hide = true)]
    Bare,
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
    match options.suite {
        Suite::Adapters => adapters::run(&effort, json),
        Suite::Cache => cache::run(&effort, options.page.clone(), json),
        Suite::Edits => edits::run(&effort, json),
        Suite::Expr => run_table(expr::run, &effort, json),
        Suite::Quota => run_table(quota::run, &effort, json),
        Suite::Mixer => service::run(&effort, options.peer_mixs.clone(), json),
        Suite::Bare => {
            service::serve_bare(options.listen.context("the bare server needs --listen")?)
        }
    }
}

/// Runs a suite whose figures stand in one table.
fn run_table(
    suite: fn(&Effort) -> Result<Vec<Figures>>,
    effort: &Effort,
    json: Option<File>,
) -> Result<()> {
    let figures = suite(effort)?;
    print!("{}", table::render(&figures, effort));
    if let Some(mut file) = json {
        serde_json::to_writer_pretty(&file, &figures).context("write the figures")?;
        file.write_all(b"\n").context("write the figures")?;
    }
    figures::check_promises(&figures)
}

fn create(file: &Path) -> Result<File> {
    File::create(file).with_context(|| format!("create {}", file.display()))
}
