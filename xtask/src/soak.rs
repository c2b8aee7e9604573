use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::{Layout, SoakOptions, run_soak};

use crate::preflight::{self, Purpose};
use crate::{build, setup};

/// How long to soak.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// For how many minutes faults are injected
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Give the oracle one wrong answer: the run must fail
    #[arg(long)]
    inject_wrong: bool,
}

/// `cargo xtask soak`: the mesh under load and faults, each answer judged.
///
/// # Errors
/// When a part is missing, or a promise was broken; the text has the summary.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    ensure!(
        options.minutes > 0.0 && options.minutes < 7.0 * 24.0 * 60.0,
        "--minutes must be above 0 and below a week"
    );
    preflight::check(layout, Purpose::Tests)?;
    setup::mesh(layout)?;
    build::development(layout)?;
    let duration = Duration::from_secs_f64(options.minutes * 60.0);
    let summary = run_soak(&SoakOptions { duration, inject_wrong: options.inject_wrong })?;
    print!("{summary}");
    Ok(())
}
