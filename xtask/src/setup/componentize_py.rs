//! componentize-py, from PyPI into a virtual environment below `target/`, in the version that our example
//! pins.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Layout, Part};

use crate::command::{program_on_path, run_logged};
use crate::progress::{self, Step};

const LIMIT: Duration = Duration::from_secs(600);

/// Installs it unless that is done.
///
/// # Errors
/// When there is no Python with venv and pip, or one of them fails.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    if Part::ComponentizePy.is_present(layout) {
        progress::already("componentize-py");
        return Ok(());
    }
    program_on_path("python3").context("there is no Python 3")?;
    let mut step = Step::begin("componentize-py: pip install (17 MB)");
    let log = layout.setup().join("componentize-py.log");
    let folder = layout.componentize_py();
    fs::create_dir_all(&folder)?;
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder.join(".venv"));
    run_logged(&mut step, &mut venv, LIMIT, &log)?;
    let pin = layout.root().join("examples/adapters/python/requirements.txt");
    let mut pip = Command::new(folder.join(".venv/bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(pin);
    run_logged(&mut step, &mut pip, LIMIT, &log)?;
    ensure!(Part::ComponentizePy.is_present(layout), "pip left no componentize-py");
    step.done("");
    Ok(())
}
