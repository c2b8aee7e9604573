//! Packages of Debian unpacked below `target/`. Nothing is installed, so nothing runs as a service
//! afterwards and no rights are needed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::Layout;

use crate::command::{answer, run_logged};
use crate::progress::Step;
use crate::setup::apt;

const LIMIT: Duration = Duration::from_secs(300);

/// Downloads `package`, which has about `size`, and unpacks it into a folder of its name.
///
/// # Errors
/// When there is no `apt-get`, or no such package for it.
pub(crate) fn unpack(layout: &Layout, package: &str, size: &str) -> Result<PathBuf> {
    answer(Command::new("apt-get").arg("--version")).context("there is no apt-get")?;
    let folder = layout.target().join(package);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let log = layout.setup().join(format!("{package}.log"));
    let mut step = Step::begin(format!("{package}: apt-get download ({size})"));
    let mut download = || {
        let mut apt = Command::new("apt-get");
        apt.args(["download", "-qq", package]).current_dir(&folder);
        run_logged(&mut step, &mut apt, LIMIT, &log)
    };
    if let Err(cause) = download() {
        // A fresh machine has no package lists.
        apt::update(&mut Step::begin("apt-get update"), &log).map_err(|_| cause)?;
        download()?;
    }
    let downloaded =
        fs::read_dir(&folder)?.flatten().next().context("apt-get downloaded nothing")?.path();
    run_logged(
        &mut step,
        Command::new("dpkg-deb").arg("-x").arg(&downloaded).arg(&folder),
        LIMIT,
        &log,
    )?;
    step.done("");
    Ok(folder)
}
