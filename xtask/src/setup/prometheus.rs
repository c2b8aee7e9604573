//! Prometheus: that of the machine, else Debian's package unpacked below `target/`. Nothing is
//! installed, so nothing runs as a service afterwards and no rights are needed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Layout, Part};

use crate::command::{answer, program_on_path, run_logged};
use crate::progress::{self, Step};
use crate::setup::{apt, link};

const LIMIT: Duration = Duration::from_secs(300);

/// Finds or unpacks Prometheus.
///
/// # Errors
/// When there is no way to it.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    if Part::Prometheus.is_present(layout) {
        progress::already("Prometheus");
        return Ok(());
    }
    let program = match program_on_path("prometheus") {
        Some(program) => program,
        None => unpack(layout)?,
    };
    ensure!(
        answer(Command::new(&program).arg("--version")).is_some(),
        "{} does not run",
        program.display()
    );
    link(&program, &layout.prometheus())?;
    progress::already(&format!("Prometheus: {}", program.display()));
    Ok(())
}

fn unpack(layout: &Layout) -> Result<PathBuf> {
    answer(Command::new("apt-get").arg("--version")).context("there is no apt-get")?;
    let folder = layout.target().join("prometheus");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let log = layout.setup().join("prometheus.log");
    let mut step = Step::begin("Prometheus: apt-get download (19 MB)");
    let mut download = || {
        let mut apt = Command::new("apt-get");
        apt.args(["download", "-qq", "prometheus"]).current_dir(&folder);
        run_logged(&mut step, &mut apt, LIMIT, &log)
    };
    if let Err(cause) = download() {
        // A fresh machine has no package lists.
        apt::update(&mut Step::begin("apt-get update"), &log).map_err(|_| cause)?;
        download()?;
    }
    let package =
        fs::read_dir(&folder)?.flatten().next().context("apt-get downloaded nothing")?.path();
    run_logged(
        &mut step,
        Command::new("dpkg-deb").arg("-x").arg(&package).arg(&folder),
        LIMIT,
        &log,
    )?;
    step.done("");
    Ok(folder.join("usr/bin/prometheus"))
}
