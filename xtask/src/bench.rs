use std::path::PathBuf;

use anyhow::Result;
use testbed::Layout;

use crate::command::run_shown;
use crate::preflight::{self, Purpose};
use crate::{adapters, build};

/// Which benchmark to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Its name, such as `cache`
    name: String,
    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Run everything in a few seconds; the times then mean nothing
    #[arg(long)]
    smoke: bool,
}

/// `cargo xtask bench NAME`: in release, but a smoke run takes what the tests have built.
///
/// # Errors
/// When there is no benchmark of that name, or it fails.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    preflight::check(layout, Purpose::Tests)?;
    adapters::run(layout)?;
    let mut cargo = build::cargo(layout, "run");
    if !options.smoke {
        cargo.arg("--release");
    }
    cargo.args(["--quiet", "--package", "benches", "--", &options.name]);
    if let Some(file) = &options.json {
        cargo.arg("--json").arg(std::path::absolute(file)?);
    }
    if options.smoke {
        cargo.arg("--smoke");
    }
    run_shown(&mut cargo)
}
