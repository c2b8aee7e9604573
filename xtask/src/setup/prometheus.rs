//! Prometheus: that of the machine, else Debian's package unpacked below `target/`. Nothing is
//! installed, so nothing runs as a service afterwards and no rights are needed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use testbed::{Layout, Part};

use crate::command::{answer, program_on_path};
use crate::progress::{self, Step};
use crate::setup::{apt, link};

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
    let folder = layout.target().join("prometheus");
    let mut step = Step::begin("Prometheus: apt-get download (19 MB)");
    apt::unpack(&mut step, &["prometheus"], &folder, &layout.setup().join("prometheus.log"))?;
    step.done("");
    Ok(folder.join("usr/bin/prometheus"))
}
