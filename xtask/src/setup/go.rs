//! Programs that are built from their Go modules, because nobody packages them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::Layout;

use crate::command::{answer, program_on_path, run_logged};
use crate::progress::Step;

const LIMIT: Duration = Duration::from_secs(3600);

/// What to build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program<'a> {
    /// The folder below `tests/backends` with its `go.mod`, which is also what the log is named for.
    pub(crate) name: &'a str,
    /// The package, as `go build` wants it.
    pub(crate) package: &'a str,
    /// Flags for the linker.
    pub(crate) ldflags: &'a str,
}

/// Builds a program, lets `check` look at it, and puts it in its place. What was downloaded and compiled
/// for it goes: that is gigabytes.
///
/// # Errors
/// When there is no Go, it does not build, or `check` refuses it.
pub(crate) fn build(
    layout: &Layout,
    step: &mut Step,
    program: Program<'_>,
    place: &Path,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let Program { name, package, ldflags } = program;
    program_on_path("go").context("there is no Go")?;
    let folder = layout.target().join("go").join(name);
    let binary = folder.join(name);
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-modcacherw", "-buildvcs=false", "-ldflags"])
        .arg(ldflags)
        .arg("-o")
        .arg(&binary)
        .arg(package)
        .current_dir(layout.root().join("tests/backends").join(name))
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", folder.join("build"))
        .env("GOMODCACHE", folder.join("modules"));
    // A module that the proxy does not have would be waited for at its origin.
    if let Some(proxy) = answer(Command::new("go").args(["env", "GOPROXY"])) {
        go.env("GOPROXY", proxy.strip_suffix(",direct").unwrap_or(&proxy));
    }
    run_logged(step, &mut go, LIMIT, &layout.setup().join(name).with_extension("log"))?;
    check(&binary)?;
    fs::rename(&binary, place)?;
    fs::remove_dir_all(&folder)?;
    Ok(())
}
