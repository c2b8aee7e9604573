use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// What `command` prints on standard output, trimmed, its first line; `None` when it cannot be started or
/// fails. Waits for it.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    output.status.success().then_some(line)
}

/// Where `PATH` has a program called `name`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The file or link `path` in `folder` or the nearest folder above it that has it, as a whole path.
pub(crate) fn above(folder: &Path, path: &str) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    folder.ancestors().map(|folder| folder.join(path)).find(|path| path.exists())
}

/// Runs `command`, with its output on standard error.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    feed(command, "")
}

/// As [`run`], with a text for its standard input.
///
/// # Errors
/// As there.
pub(crate) fn feed(command: &mut Command, input: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(io::stderr())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        // Who does not read to the end says why by its status.
        drop(pipe.write_all(input.as_bytes()));
    }
    let status = child.wait()?;
    ensure!(status.success(), "{program} failed ({status})");
    Ok(())
}
