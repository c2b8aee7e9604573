use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::progress::Step;

/// How often a running command is looked at.
const POLL: Duration = Duration::from_millis(50);
/// How much of a failed command's output is shown; the rest is in its log.
const SHOWN_LINES: usize = 20;
/// How long a question such as `--version` may take to be answered.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// What the host build has set for itself and must not reach a build for another target.
const HOST_BUILD_VARIABLES: [&str; 9] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "LLVM_PROFILE_FILE",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// Runs `command` with its output in the file `log`, for `limit` at most.
///
/// # Errors
/// When it cannot be started, fails or is stopped at its limit; the text has the end of its output.
pub(crate) fn run_logged(
    step: &mut Step,
    command: &mut Command,
    limit: Duration,
    log: &Path,
) -> Result<()> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let name = spelled(command);
    let mut child = command.spawn().with_context(|| format!("start `{name}`"))?;
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(
                status.success(),
                "`{name}` failed ({status}):\n{}\nall of it: {}",
                tail(log, SHOWN_LINES),
                log.display()
            );
            return Ok(());
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            bail!("`{name}` was stopped after {} s:\n{}", limit.as_secs(), tail(log, SHOWN_LINES));
        }
        step.still_running(|| Some(tail(log, 1)).filter(|line| !line.is_empty()));
        thread::sleep(POLL);
    }
}

/// Runs `command` with this program's own output.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run_shown(command: &mut Command) -> Result<()> {
    let name = spelled(command);
    let status = command.status().with_context(|| format!("start `{name}`"))?;
    ensure!(status.success(), "`{name}` failed ({status})");
    Ok(())
}

/// What `command` prints, trimmed; `None` when it cannot be started, fails or takes 20 s.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let end = Instant::now() + ANSWER_LIMIT;
    loop {
        match child.try_wait().ok()? {
            Some(status) if status.success() => break,
            Some(_) => return None,
            None if Instant::now() > end => {
                child.kill().ok()?;
                child.wait().ok()?;
                return None;
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
    let output = child.wait_with_output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A command that does not inherit what cargo set for building this program.
pub(crate) fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    for name in HOST_BUILD_VARIABLES {
        command.env_remove(name);
    }
    command
}

/// Where `PATH` has a program called `name`.
pub(crate) fn program_on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

fn spelled(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

fn tail(log: &Path, lines: usize) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let kept: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    kept[kept.len().saturating_sub(lines)..].join("\n")
}
