//! Stops what this process started when this process dies without a chance to: a `kill -9` of the demo
//! must not leave a mesh behind.
//!
//! A shell waits on a pipe that only this process holds open. It is told of each process that starts
//! and ends; when the pipe closes, it kills what is left. The parent-death signal of Linux would need
//! unsafe code here, and is bound to a thread rather than to the process.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

const SCRIPT: &str = r#"
trap '' INT TERM HUP
alive=' '
while read -r event id; do
    case $event in
        started) alive="$alive$id " ;;
        ended) case $alive in *" $id "*) alive="${alive%% $id *} ${alive#* $id }" ;; esac ;;
    esac
done
for id in $alive; do kill -KILL "$id" 2>/dev/null; done
"#;

static WATCHDOG: Mutex<Option<Child>> = Mutex::new(None);

/// Puts the process `id` under watch.
///
/// # Errors
/// When the watching shell cannot be started or is gone.
pub(crate) fn started(id: u32) -> io::Result<()> {
    tell("started", id)
}

/// Ends the watch of `id`; call it before the process is reaped, so that its id cannot be another's.
pub(crate) fn ended(id: u32) {
    // When the shell is gone there is nobody left who could kill the wrong process.
    drop(tell("ended", id));
}

fn tell(event: &str, id: u32) -> io::Result<()> {
    let mut watchdog = WATCHDOG.lock().unwrap_or_else(PoisonError::into_inner);
    let shell = match &mut *watchdog {
        Some(shell) => shell,
        none => none.insert(start()?),
    };
    let pipe = shell.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
    writeln!(pipe, "{event} {id}")
}

fn start() -> io::Result<Child> {
    // A group of its own: Ctrl-C in the terminal is for this process, which then stops the rest in order.
    Command::new("sh").args(["-c", SCRIPT]).stdin(Stdio::piped()).process_group(0).spawn()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use anyhow::ensure;

    use super::*;
    use crate::wait_until;

    #[test]
    fn kills_what_still_runs_when_its_owner_is_gone() {
        let mut sleepers: Vec<Child> = (0..3)
            .map(|_| Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
            .collect();
        let mut shell = start().unwrap();
        let mut pipe = shell.stdin.take().unwrap();
        for sleeper in &sleepers {
            writeln!(pipe, "started {}", sleeper.id()).unwrap();
        }
        // Told again and again: what is not on the list must not make it longer.
        for _ in 0..100 {
            writeln!(pipe, "ended {}", sleepers[1].id()).unwrap();
        }
        drop(pipe);
        shell.wait().unwrap();
        for (index, sleeper) in sleepers.iter_mut().enumerate() {
            if index == 1 {
                assert!(Path::new(&format!("/proc/{}", sleeper.id())).exists());
                sleeper.kill().unwrap();
            }
            wait_until("the sleeper to end", Duration::from_secs(20), || {
                ensure!(sleeper.try_wait()?.is_some());
                Ok(())
            })
            .unwrap();
        }
    }
}
