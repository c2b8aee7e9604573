use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{wait_until, watchdog};

/// How much of a log an error shows.
const SHOWN_BYTES: usize = 4_000;

/// A program to start.
#[derive(Debug, Clone)]
pub struct Launch {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(String, OsString)>,
    log: PathBuf,
    output: Option<PathBuf>,
}

impl Launch {
    /// `program`, called `name` in errors, with its log (standard error, and standard output unless that
    /// goes elsewhere) in `folder/name.log`.
    pub fn new(name: &str, program: impl Into<PathBuf>, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            log: folder.join(format!("{name}.log")),
            output: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Sends standard output to `file`.
    #[must_use]
    pub fn output_to(mut self, file: PathBuf) -> Self {
        self.output = Some(file);
        self
    }

    /// The program and its arguments.
    pub fn argv(&self) -> Vec<String> {
        let program = self.program.as_os_str();
        let words = std::iter::once(program).chain(self.arguments.iter().map(OsString::as_os_str));
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// Starts it. Files it logs to are continued, so that a restart does not hide why it was needed.
    ///
    /// # Errors
    /// When the program or a log file cannot be opened.
    pub fn start(&self) -> Result<Process> {
        if !self.program.exists() && self.program.components().count() > 1 {
            bail!("{} is not there: {}", self.name, self.program.display());
        }
        let log = append(&self.log)?;
        let output = match &self.output {
            Some(file) => append(file)?,
            None => log.try_clone()?,
        };
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log)
            .process_group(0);
        let child = spawn_from_lasting_thread(command)
            .with_context(|| format!("start {} ({})", self.name, self.program.display()))?;
        watchdog::started(child.id()).context("start the watchdog")?;
        Ok(Process { name: self.name.clone(), child, log: self.log.clone() })
    }
}

/// What a process holds in memory, in bytes.
///
/// # Errors
/// When there is no such process.
pub fn resident_bytes(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kilobytes.context("no VmRSS")? << 10)
}

/// A running program that does not outlive this value: dropping it kills the program and reaps it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it logs.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Succeeds while the program runs.
    ///
    /// # Errors
    /// When it ended; the text has the end of its log.
    pub fn require_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}):\n{}", self.name, tail(&self.log)),
        }
    }

    /// As [`wait_until`], but ends at once when the program does.
    ///
    /// # Errors
    /// When the program ended or the condition was not met within `limit`; the text has the end of its
    /// log.
    pub fn wait_until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        let seen = wait_until(what, limit, || match look() {
            Ok(seen) => Ok(Some(seen)),
            Err(_) if self.child.try_wait()?.is_some() => Ok(None),
            Err(cause) => Err(cause),
        });
        match seen {
            Ok(Some(seen)) => Ok(seen),
            Ok(None) => self.require_running().and_then(|()| bail!("{} ended", self.name)),
            Err(cause) => Err(cause.context(format!("log of {}:\n{}", self.name, tail(&self.log)))),
        }
    }

    /// Asks the program to end (SIGTERM) and kills it after `grace`.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn terminate(mut self, grace: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM);
        let end = Instant::now() + grace;
        loop {
            // Not reaped by this look: an ended process keeps its id until `drop` has told the watchdog.
            if has_ended(self.child.id()) || Instant::now() > end {
                return self.reap().with_context(|| format!("wait for {}", self.name));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the program ends by itself.
    ///
    /// # Errors
    /// When it has not ended within `limit`: it is killed then.
    pub fn wait_to_end(mut self, limit: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + limit;
        while !has_ended(self.child.id()) {
            if Instant::now() > end {
                let limit = limit.as_secs();
                bail!("{} did not end within {limit} s:\n{}", self.name, tail(&self.log));
            }
            thread::sleep(Duration::from_millis(5));
        }
        watchdog::ended(self.child.id());
        self.child.wait().with_context(|| format!("wait for {}", self.name))
    }

    /// Kills the program (SIGKILL) and reaps it.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.reap().with_context(|| format!("wait for {}", self.name))
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // Failing means that it ended already, which is what was wanted.
        let _already_ended = id.map(|id| kill_process(id, signal));
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        watchdog::ended(self.child.id());
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing is left to do when the program cannot be waited for.
        drop(self.reap());
    }
}

/// The end of a log file.
pub(crate) fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(SHOWN_BYTES)..]).into_owned()
}

fn append(file: &Path) -> Result<File> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let opened = File::options().create(true).append(true).open(file);
    opened.with_context(|| format!("open {}", file.display()))
}

/// Whether a child of ours has ended; true as well when it was reaped.
fn has_ended(id: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{id}/stat"));
    // The name in brackets may hold anything; what follows the last bracket starts with the state.
    state.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

/// Envoy asks Linux to be stopped when the *thread* that started it ends, and tests start programs from
/// threads that end with the test. So all programs are started by one thread that lasts.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<SyncSender<(Command, SyncSender<io::Result<Child>>)>> =
        OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, taken) = sync_channel(16);
        let taken: Receiver<(Command, SyncSender<io::Result<Child>>)> = taken;
        thread::spawn(move || {
            for (mut command, answer) in taken {
                // The caller waits for the answer, so it is taken.
                drop(answer.send(command.spawn()));
            }
        });
        orders
    });
    let (answer, started) = sync_channel(1);
    spawner.send((command, answer)).map_err(|_| io::Error::other("the spawning thread ended"))?;
    started.recv().map_err(|_| io::Error::other("the spawning thread ended"))?
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn sleeper(folder: &Path) -> Process {
        Launch::new("sleeper", "sleep", folder).arg("600").start().unwrap()
    }

    #[test]
    fn a_dropped_process_is_killed_and_reaped() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(folder.path());
        let id = process.id();
        assert!(Path::new(&format!("/proc/{id}")).exists());
        drop(process);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn a_panic_takes_the_process_along() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(folder.path());
        let id = process.id();
        let panicked = catch_unwind(move || {
            let _owned = process;
            panic!("a test fails");
        });
        assert!(panicked.is_err());
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn a_process_outlives_the_thread_that_asked_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mut process = thread::spawn(move || sleeper(&path)).join().unwrap();
        process.require_running().unwrap();
    }

    #[test]
    fn an_early_end_is_told_with_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let launch =
            Launch::new("failing", "sh", folder.path()).arg("-c").arg("echo no config >&2; exit 3");
        let mut process = launch.start().unwrap();
        let waited: Result<()> =
            process.wait_until("what never comes", Duration::from_secs(20), || bail!("not yet"));
        let text = format!("{:#}", waited.unwrap_err());
        assert!(text.contains("exit status: 3") && text.contains("no config"), "{text}");
    }

    #[test]
    fn a_process_that_ignores_the_request_to_end_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch::new("stubborn", "sh", folder.path())
            .arg("-c")
            .arg("trap '' TERM; echo ready; while :; do sleep 0.01; done");
        let mut process = launch.start().unwrap();
        let log = process.log().to_owned();
        process
            .wait_until("the trap", Duration::from_secs(20), || {
                anyhow::ensure!(tail(&log).contains("ready"));
                Ok(())
            })
            .unwrap();
        let status = process.terminate(Duration::from_millis(50)).unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    }
}
