use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Launch, Layout, Process, free_address, wait_until};

const READY: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(30);

/// A real server of the Fluent forward protocol, of the Fluent organisation's library for Node.js.
#[derive(Debug)]
pub struct FluentServer {
    address: SocketAddr,
    output: PathBuf,
    launch: Launch,
    /// Missing while it is killed.
    process: Option<Process>,
}

/// What a server asks of its clients.
#[derive(Debug, Clone)]
pub struct FluentLogin {
    /// The key that both sides have.
    pub shared_key: String,
    /// Who may log in.
    pub username: String,
    /// With which password.
    pub password: String,
}

/// An entry as it was received.
#[derive(Debug, Clone, PartialEq)]
pub struct FluentEntry {
    /// Its tag.
    pub tag: String,
    /// Its time, in nanoseconds since the Unix epoch.
    pub nanos: i64,
    /// Its record.
    pub record: Value,
}

impl FluentServer {
    /// Starts it on an address of its own and waits until it listens.
    ///
    /// # Errors
    /// When it is not there or does not become ready.
    pub fn start(layout: &Layout, login: Option<&FluentLogin>, folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let output = folder.join("fluent.jsonl");
        let mut options = json!({ "port": address.port(), "output": output });
        if let Some(FluentLogin { shared_key, username, password }) = login {
            options["security"] = json!({
                "serverHostname": "fluent-server",
                "sharedKey": shared_key,
                "authorize": true,
                "userDict": { username: password },
            });
        }
        let launch = Launch::new("fluent-server", "node", folder)
            .env("NODE_PATH", layout.npm("@fluent-org/logger").join("node_modules"))
            .arg(layout.root().join("tests/backends/fluent-server/server.js"))
            .arg(options.to_string());
        let mut server = Self { address, output, launch, process: None };
        server.start_again()?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it at the same address, after it was killed. What it has received stays.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_again(&mut self) -> Result<()> {
        self.kill()?;
        let mut process = self.launch.start()?;
        process.wait_until("the Fluent server to listen", READY, || {
            Ok(TcpStream::connect(self.address)?)
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

    /// What it has received so far.
    ///
    /// # Errors
    /// When what it wrote is not what it should be.
    pub fn entries(&self) -> Result<Vec<FluentEntry>> {
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        // A line that is being written has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        whole.lines().map(entry).collect()
    }

    /// Waits until it has received `count` entries or more.
    ///
    /// # Errors
    /// When that does not happen.
    pub fn wait_for(&self, count: usize) -> Result<Vec<FluentEntry>> {
        wait_until(&format!("the Fluent server to have {count} entries"), LIMIT, || {
            let entries = self.entries()?;
            ensure!(entries.len() >= count, "it has {}", entries.len());
            Ok(entries)
        })
    }
}

fn entry(line: &str) -> Result<FluentEntry> {
    let value: Value = serde_json::from_str(line)?;
    let number = |field: &str| value[field].as_i64().with_context(|| format!("{field}: {value}"));
    Ok(FluentEntry {
        tag: value["tag"].as_str().context("an entry has a tag")?.to_owned(),
        nanos: number("seconds")? * 1_000_000_000 + number("nanoseconds")?,
        record: value["record"].clone(),
    })
}
