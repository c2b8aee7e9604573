use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{Launch, Layout, Process, free_address, wait_until};

const READY: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(30);
/// Nothing is flushed while a test runs: the management port shows what has come.
const FLUSH_MILLIS: u32 = 600_000;

/// The real StatsD, the original for Node.js.
#[derive(Debug)]
pub struct StatsD {
    address: SocketAddr,
    management: SocketAddr,
    launch: Launch,
    /// Missing while it is killed.
    process: Option<Process>,
}

impl StatsD {
    /// Starts it on an address of its own, over UDP or TCP, and waits until it answers.
    ///
    /// # Errors
    /// When it is not there or does not become ready.
    pub fn start(layout: &Layout, over_tcp: bool, folder: &Path) -> Result<Self> {
        let (address, management) = (free_address()?, free_address()?);
        let server = if over_tcp { "./servers/tcp" } else { "./servers/udp" };
        let config = json!({
            "servers": [{
                "server": server, "address": address.ip(), "port": address.port(),
            }],
            "mgmt_address": management.ip(),
            "mgmt_port": management.port(),
            "flushInterval": FLUSH_MILLIS,
            "backends": ["./backends/console"],
        });
        let file = folder.join("statsd.js");
        fs::write(&file, config.to_string())?;
        let program = layout.npm_package("statsd").join("stats.js");
        let launch = Launch::new("statsd", "node", folder).arg(program).arg(file);
        let mut statsd = Self { address, management, launch, process: None };
        statsd.start_again()?;
        Ok(statsd)
    }

    /// Where it takes metrics.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it at the same address, after it was killed; it then knows nothing.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_again(&mut self) -> Result<()> {
        self.kill()?;
        let mut process = self.launch.start()?;
        process.wait_until("StatsD to be ready", READY, || {
            let health = self.ask("health")?;
            ensure!(health.contains("up"), "it answers {health}");
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

    /// What its management port answers to a command, such as `counters`: up to a line END.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn ask(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.management, READY)?;
        stream.set_read_timeout(Some(READY))?;
        writeln!(stream, "{command}")?;
        let mut answer = String::new();
        for line in BufReader::new(stream).lines() {
            let line = line?;
            if line == "END" || line.starts_with("health") {
                answer.push_str(&line);
                return Ok(answer);
            }
            answer.push_str(&line);
            answer.push('\n');
        }
        Err(anyhow::anyhow!("the answer has no end: {answer}")).context(command.to_owned())
    }

    /// Waits until the answer to `command` contains `expected`, and returns it.
    ///
    /// # Errors
    /// When that does not happen; the text has the last answer.
    pub fn wait_for(&self, command: &str, expected: &str) -> Result<String> {
        wait_until(&format!("StatsD to say {expected} to {command}"), LIMIT, || {
            let answer = self.ask(command)?;
            ensure!(answer.contains(expected), "it says {answer}");
            Ok(answer)
        })
    }
}
