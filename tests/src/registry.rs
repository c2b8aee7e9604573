use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::http::Connection;
use crate::{Launch, Layout, Process, http};

const READY: Duration = Duration::from_secs(30);

/// A real registry of OCI artefacts, which keeps what it has in memory.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    _process: Process,
}

impl Registry {
    /// Starts it on this address of the loopback interface and waits until it answers.
    ///
    /// # Errors
    /// When it is not there or does not become ready.
    pub fn start(layout: &Layout, address: SocketAddr, folder: &Path) -> Result<Self> {
        let program = layout.registry();
        ensure!(program.exists(), "the registry is not built");
        let launch = Launch::new("registry", program, folder);
        let mut process = launch.arg("-port").arg(address.port().to_string()).start()?;
        let url = format!("http://{address}/v2/");
        process.wait_until("the registry to answer", READY, || http::get(&url)?.require_ok())?;
        Ok(Self { address, _process: process })
    }

    /// Puts a component there and returns how a handler names it.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub fn push(&self, repository: &str, component: &[u8]) -> Result<String> {
        let config = b"{}";
        let described = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described("application/vnd.wasm.config.v0+json", config),
            "layers": [described("application/wasm", component)],
        });
        let manifest = manifest.to_string().into_bytes();
        for blob in [&config[..], component] {
            let path = format!("/v2/{repository}/blobs/uploads/?digest={}", digest(blob));
            self.send("POST", &path, "application/octet-stream", blob)?;
        }
        let digest = digest(&manifest);
        self.send("PUT", &format!("/v2/{repository}/manifests/{digest}"), MANIFEST, &manifest)?;
        Ok(format!("oci://{}/{repository}@{digest}", self.address))
    }

    fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Result<()> {
        let headers = [("content-type", media_type), ("connection", "close")];
        let answer = Connection::open(self.address)?.request(method, path, &headers, body)?;
        ensure!(answer.status == 201, "{method} {path}: {}: {}", answer.status, answer.text());
        Ok(())
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
