use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Launch, Layout, Process, free_address};

const READY: Duration = Duration::from_secs(30);

/// What a Redis remembers over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing.
    None,
    /// Everything: each write is in a file before it is answered.
    EachWrite,
}

/// A real Redis.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    launch: Launch,
    /// Missing while it is killed.
    process: Option<Process>,
}

impl Redis {
    /// Starts it on an address of its own and waits until it answers. What it remembers is in `folder`.
    ///
    /// # Errors
    /// When it is not there or does not become ready.
    pub fn start(layout: &Layout, persistence: Persistence, folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let append = if persistence == Persistence::EachWrite { "yes" } else { "no" };
        let mut launch = Launch::new("redis", layout.redis(), folder);
        for (name, value) in [
            ("bind", address.ip().to_string()),
            ("port", address.port().to_string()),
            ("save", String::new()),
            ("appendonly", append.to_owned()),
            ("appendfsync", "always".to_owned()),
            ("dir", folder.display().to_string()),
        ] {
            launch = launch.arg(format!("--{name}")).arg(value);
        }
        let mut redis = Self { address, launch, process: None };
        redis.start_again()?;
        Ok(redis)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Kills it, if it runs, and starts it at the same address. Waits until it answers.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_again(&mut self) -> Result<()> {
        self.kill()?;
        let mut process = self.launch.start()?;
        process.wait_until("Redis to be ready", READY, || {
            let answer = self.ask("PING")?;
            ensure!(answer.starts_with("+PONG"), "it answers {answer:?}");
            Ok(())
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills it.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |process| process.kill().map(drop))
    }

    /// Stops it as a debugger would: connections stay open and are not answered.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Its answer to a command of one line, as it comes over the wire.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn ask(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, READY)?;
        stream.set_read_timeout(Some(READY))?;
        // Having said QUIT, the server closes after its last answer.
        write!(stream, "{command}\r\nQUIT\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.strip_suffix("+OK\r\n").unwrap_or(&answer).to_owned())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let process = self.process.as_ref().context("Redis does not run")?;
        let id = Pid::from_raw(i32::try_from(process.id())?).context("a process has an id")?;
        kill_process(id, signal).context("signal Redis")
    }
}
