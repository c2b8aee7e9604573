use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::{self, Connection};
use crate::{Launch, Layout, Process, free_address};

const READY: Duration = Duration::from_secs(30);

/// A real etcd of one member, written to by its HTTP gateway.
#[derive(Debug)]
pub struct Etcd {
    address: SocketAddr,
    launch: Launch,
    process: Option<Process>,
}

/// A write within a transaction.
#[derive(Debug, Clone, Copy)]
pub enum EtcdWrite<'a> {
    /// Gives a key a value.
    Put(&'a str, &'a str),
    /// Deletes a key.
    Delete(&'a str),
}

impl Etcd {
    /// Starts it with its data in `folder/etcd` and waits until it answers.
    ///
    /// # Errors
    /// When it is not there or does not become ready.
    pub fn start(layout: &Layout, folder: &Path) -> Result<Self> {
        Self::start_with(layout, folder, &[], &[])
    }

    /// As [`Etcd::start`], with clients also served at the URLs `also_at`, and further arguments.
    ///
    /// # Errors
    /// As [`Etcd::start`].
    pub fn start_with(
        layout: &Layout,
        folder: &Path,
        also_at: &[String],
        arguments: &[String],
    ) -> Result<Self> {
        let (address, peers) = (free_address()?, format!("http://{}", free_address()?));
        let mut clients = vec![format!("http://{address}")];
        clients.extend(also_at.iter().cloned());
        let mut launch = Launch::new("etcd", layout.etcd(), folder)
            .arg(format!("--data-dir={}", folder.join("etcd").display()))
            // Written to disk or not: these tests kill the program, not the machine.
            .arg("--unsafe-no-fsync")
            .arg(format!("--listen-client-urls={}", clients.join(",")))
            .arg(format!("--advertise-client-urls={}", clients.join(",")))
            .arg(format!("--listen-peer-urls={peers}"))
            .arg(format!("--initial-advertise-peer-urls={peers}"))
            .arg(format!("--initial-cluster=default={peers}"));
        for argument in arguments {
            launch = launch.arg(argument);
        }
        let mut etcd = Self { address, launch, process: None };
        etcd.restart()?;
        Ok(etcd)
    }

    /// Starts it again with the same data, and waits until it answers.
    ///
    /// # Errors
    /// When it ends or does not become ready.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let process = self.process.insert(self.launch.start()?);
        let health = format!("http://{}/health", self.address);
        process.wait_until("etcd to be ready", READY, || http::get(&health)?.require_ok())?;
        Ok(())
    }

    /// Kills it (SIGKILL), if it runs.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |process| process.kill().map(drop))
    }

    /// Where its clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives `key` a value. Returns the revision.
    ///
    /// # Errors
    /// When etcd does not answer or refuses.
    pub fn put(&self, key: &str, value: &str) -> Result<u64> {
        self.put_bytes(key.as_bytes(), value.as_bytes())
    }

    /// As [`Etcd::put`], for what need not be text.
    ///
    /// # Errors
    /// As [`Etcd::put`].
    pub fn put_bytes(&self, key: &[u8], value: &[u8]) -> Result<u64> {
        let put = json!({ "key": STANDARD.encode(key), "value": STANDARD.encode(value) });
        revision(&self.call("kv/put", &put)?)
    }

    /// Deletes `key`. Returns the revision.
    ///
    /// # Errors
    /// When etcd does not answer or refuses.
    pub fn delete(&self, key: &str) -> Result<u64> {
        revision(&self.call("kv/deleterange", &json!({ "key": STANDARD.encode(key) }))?)
    }

    /// Does up to 128 writes at once. Returns the revision.
    ///
    /// # Errors
    /// When etcd does not answer or refuses.
    pub fn transaction(&self, writes: &[EtcdWrite<'_>]) -> Result<u64> {
        let operations: Vec<Value> = writes
            .iter()
            .map(|write| match write {
                EtcdWrite::Put(key, value) => json!({ "requestPut": {
                    "key": STANDARD.encode(key), "value": STANDARD.encode(value) } }),
                EtcdWrite::Delete(key) => {
                    json!({ "requestDeleteRange": { "key": STANDARD.encode(key) } })
                }
            })
            .collect();
        revision(&self.call("kv/txn", &json!({ "success": operations }))?)
    }

    /// Forgets all revisions before `revision`.
    ///
    /// # Errors
    /// When etcd does not answer or refuses.
    pub fn compact(&self, revision: u64) -> Result<()> {
        self.call("kv/compaction", &json!({ "revision": revision, "physical": true })).map(drop)
    }

    /// Calls a method of its API by its path, such as `auth/user/add`.
    ///
    /// # Errors
    /// When etcd does not answer or refuses.
    pub fn call(&self, method: &str, request: &Value) -> Result<Value> {
        let headers = [("content-type", "application/json"), ("connection", "close")];
        let body = serde_json::to_vec(request)?;
        let path = format!("/v3/{method}");
        let answer = Connection::open(self.address)?.request("POST", &path, &headers, &body)?;
        Ok(serde_json::from_slice(&answer.require_ok()?.body)?)
    }
}

/// The gateway writes 64-bit numbers as text.
fn revision(answer: &Value) -> Result<u64> {
    let revision = answer["header"]["revision"].as_str().context("the answer has no revision")?;
    Ok(revision.parse()?)
}
