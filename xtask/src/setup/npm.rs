//! Programs of the npm registry, each in a folder of its own below `target/npm`. Node.js is the machine's,
//! or installed when that was asked for.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Layout, Part};

use crate::command::{answer, program_on_path, run_logged};
use crate::progress::{self, Step};
use crate::setup::apt;

/// What the packages below are written for.
const NODE: u32 = 18;
const PACKAGES: [&str; 2] = ["nodejs", "npm"];
const LIMIT: Duration = Duration::from_secs(600);

/// Installs `package@version` unless that is done; Node.js too, if `with_node`.
///
/// # Errors
/// When Node.js, npm or the package cannot be had.
pub(crate) fn ensure_installed(
    layout: &Layout,
    part: Part,
    package: &str,
    version: &str,
    with_node: bool,
) -> Result<()> {
    let name = part.name();
    if part.is_present(layout) {
        progress::already(&format!("{name} {version}"));
        return Ok(());
    }
    if with_node && !(node_runs() && program_on_path("npm").is_some()) {
        let mut step = Step::begin(format!("apt-get install {}", PACKAGES.join(" ")));
        apt::install(&mut step, &PACKAGES, &layout.setup().join("node.log"))?;
        step.done("");
    }
    ensure!(node_runs(), "there is no Node.js {NODE} or newer");
    program_on_path("npm").context("there is no npm")?;
    let mut step = Step::begin(format!("{name} {version}: npm install"));
    let folder = layout.npm(package);
    fs::create_dir_all(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
        .arg(&folder)
        .arg(format!("{package}@{version}"));
    let log = layout.setup().join(format!("{}.log", part.name()));
    run_logged(&mut step, &mut npm, LIMIT, &log)?;
    ensure!(part.is_present(layout), "npm left no {package} in {}", folder.display());
    step.done("");
    Ok(())
}

/// The first line is `v20.20.2`.
fn node_runs() -> bool {
    let version = answer(Command::new("node").arg("--version"));
    let major =
        version.as_deref().and_then(|text| text.trim().strip_prefix('v')?.split('.').next());
    major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= NODE)
}
