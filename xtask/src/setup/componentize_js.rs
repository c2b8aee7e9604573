//! componentize-js, from npm into a folder below `target/`, in the version that our example pins.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Layout, Part};

use crate::command::{program_on_path, run_logged};
use crate::progress::{self, Step};

const LIMIT: Duration = Duration::from_secs(900);

/// Installs it unless that is done.
///
/// # Errors
/// When there is no npm or it fails.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    if Part::ComponentizeJs.is_present(layout) {
        progress::already("componentize-js");
        return Ok(());
    }
    program_on_path("npm").context("there is no npm")?;
    let mut step = Step::begin("componentize-js: npm install (385 MB unpacked)");
    let folder = layout.componentize_js();
    fs::create_dir_all(&folder)?;
    let pin = layout.root().join("examples/adapters/js/package.json");
    fs::copy(&pin, folder.join("package.json"))
        .with_context(|| format!("copy {}", pin.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund"]).current_dir(&folder);
    run_logged(&mut step, &mut npm, LIMIT, &layout.setup().join("componentize-js.log"))?;
    ensure!(Part::ComponentizeJs.is_present(layout), "npm left no componentize-js");
    step.done("");
    Ok(())
}
