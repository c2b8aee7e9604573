//! Prometheus: that of the machine, else Debian's package unpacked below `target/`.

use std::process::Command;

use anyhow::{Result, ensure};
use testbed::{Layout, Part};

use crate::command::{answer, program_on_path};
use crate::progress;
use crate::setup::{link, package};

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
        None => package::unpack(layout, "prometheus", "19 MB")?.join("usr/bin/prometheus"),
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
