use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Launch, Layout, Process, free_address, http};

const READY: Duration = Duration::from_secs(20);

/// The service behind the sidecar, `examples/greeter`.
#[derive(Debug)]
pub struct Greeter {
    address: SocketAddr,
    _process: Process,
}

impl Greeter {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When it is not built or does not answer.
    pub fn start(layout: &Layout, version: &str, folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut process =
            Launch::new(&format!("greeter-{version}"), layout.binary("greeter")?, folder)
                .arg("--listen")
                .arg(address.to_string())
                .arg("--version")
                .arg(version)
                .start()?;
        process.wait_until("the greeter to answer", READY, || count_at(address))?;
        Ok(Self { address, _process: process })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests reached it, by its own count.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn count(&self) -> Result<u64> {
        count_at(self.address)
    }
}

fn count_at(address: SocketAddr) -> Result<u64> {
    let answer = http::get(&format!("http://{address}/__count"))?.require_ok()?;
    let counted: Value = serde_json::from_slice(&answer.body)?;
    counted["count"].as_u64().context("the greeter's answer has no count")
}
