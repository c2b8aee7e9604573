//! Chromium: that of the machine, else Debian's package unpacked below `target/` with the libraries that
//! this machine lacks.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::{Layout, Part};

use crate::command::answer;
use crate::progress::Step;
use crate::setup::{apt, package};

const PACKAGE: &str = "chromium";

/// Finds Chromium; unpacks it if `download`, which is some 120 MB.
///
/// # Errors
/// When there is no way to it.
pub(crate) fn ensure_installed(layout: &Layout, download: bool) -> Result<()> {
    package::ensure_installed(layout, Part::Chromium, PACKAGE, &layout.chromium(), || {
        ensure!(download, "it is not on this machine, and nobody asked for its 120 MB");
        unpack(layout)
    })
}

fn unpack(layout: &Layout) -> Result<PathBuf> {
    let folder = layout.target().join(PACKAGE);
    let log = layout.setup().join("chromium.log");
    let mut step = Step::begin("Chromium: apt-get download (120 MB)");
    let lacking = apt::lacking(PACKAGE).or_else(|cause| {
        // A fresh machine has no package lists.
        apt::update(&mut Step::begin("apt-get update"), &log).map_err(|_| cause)?;
        apt::lacking(PACKAGE)
    })?;
    let packages: Vec<&str> = lacking.iter().map(String::as_str).collect();
    apt::unpack(&mut step, &packages, &folder, &log)?;
    let start = folder.join("start-chromium");
    fs::write(&start, script(&folder)?)?;
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755))?;
    ensure!(
        answer(Command::new(&start).arg("--version")).is_some(),
        "what was unpacked does not run"
    );
    step.done("");
    Ok(start)
}

/// Starts the browser with the unpacked libraries, in the place of the shell.
fn script(folder: &Path) -> Result<String> {
    let mut libraries = Vec::new();
    for parent in ["usr/lib", "lib"] {
        for entry in fs::read_dir(folder.join(parent)).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().ends_with("-linux-gnu") {
                libraries.push(entry.path());
                // Some libraries have a folder of their own for what only they use.
                libraries.push(entry.path().join("pulseaudio"));
            }
        }
    }
    ensure!(!libraries.is_empty(), "no libraries in {}", folder.display());
    let path = std::env::join_paths(&libraries).context("a folder has a colon in its name")?;
    let browser = folder.join("usr/lib/chromium/chromium");
    let path: &OsStr = &path;
    Ok(format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        path.display(),
        browser.display()
    ))
}
