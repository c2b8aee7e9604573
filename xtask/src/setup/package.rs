//! Programs that Debian has: that of the machine, else the package unpacked below `target/`. Nothing is
//! installed, so nothing runs as a service afterwards and no rights are needed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use testbed::{Layout, Part};

use crate::command::{answer, program_on_path};
use crate::progress::{self, Step};
use crate::setup::{apt, link};

/// Finds `program` on the machine or else takes what `unpack` returns, sees that it runs, and links
/// `place` to it.
///
/// # Errors
/// When there is no way to it.
pub(crate) fn ensure_installed(
    layout: &Layout,
    part: Part,
    program: &str,
    place: &Path,
    unpack: impl FnOnce() -> Result<PathBuf>,
) -> Result<()> {
    let name = part.name();
    if part.is_present(layout) {
        progress::already(name);
        return Ok(());
    }
    let program = program_on_path(program).map_or_else(unpack, Ok)?;
    ensure!(
        answer(Command::new(&program).arg("--version")).is_some(),
        "{} does not run",
        program.display()
    );
    link(&program, place)?;
    progress::already(&format!("{name}: {}", program.display()));
    Ok(())
}

/// Downloads `package`, which has about `size`, and unpacks it into a folder of its name.
///
/// # Errors
/// When there is no `apt-get`, or no such package for it.
pub(crate) fn unpack(layout: &Layout, package: &str, size: &str) -> Result<PathBuf> {
    let folder = layout.target().join(package);
    let log = layout.setup().join(format!("{package}.log"));
    let mut step = Step::begin(format!("{package}: apt-get download ({size})"));
    apt::unpack(&mut step, &[package], &folder, &log)?;
    step.done("");
    Ok(folder)
}
