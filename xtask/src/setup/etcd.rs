//! etcd: that of the machine, else Debian's package unpacked below `target/`.

use std::process::Command;

use anyhow::{Result, ensure};
use testbed::{Layout, Part};

use crate::command::{answer, program_on_path};
use crate::progress;
use crate::setup::{link, package};

/// Finds or unpacks etcd.
///
/// # Errors
/// When there is no way to it.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    if Part::Etcd.is_present(layout) {
        progress::already("etcd");
        return Ok(());
    }
    let program = match program_on_path("etcd") {
        Some(program) => program,
        None => package::unpack(layout, "etcd-server", "8 MB")?.join("usr/bin/etcd"),
    };
    ensure!(
        answer(Command::new(&program).arg("--version")).is_some(),
        "{} does not run",
        program.display()
    );
    link(&program, &layout.etcd())?;
    progress::already(&format!("etcd: {}", program.display()));
    Ok(())
}
