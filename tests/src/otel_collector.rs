use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{Launch, Layout, Process, free_address};

const READY: Duration = Duration::from_secs(30);

/// A real OpenTelemetry Collector that takes OTLP over HTTP and writes down what it got.
#[derive(Debug)]
pub struct OtelCollector {
    address: SocketAddr,
    output: PathBuf,
    _process: Process,
}

impl OtelCollector {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it is not there or does not become ready.
    pub fn start(layout: &Layout, folder: &Path) -> Result<Self> {
        let program = layout.otel_collector();
        ensure!(program.exists(), "the OpenTelemetry Collector is not built");
        let address = free_address()?;
        let pipeline = json!({ "receivers": ["otlp"], "exporters": ["output"] });
        let config = json!({
            "receivers": { "otlp": { "protocols": { "http": { "endpoint": address.to_string() } } } },
            "exporters": { "output": {} },
            "service": {
                "telemetry": { "metrics": { "level": "none" } },
                "pipelines": { "metrics": pipeline, "logs": pipeline, "traces": pipeline },
            },
        });
        // JSON is YAML.
        let path = folder.join("otel-collector.json");
        fs::write(&path, serde_json::to_vec_pretty(&config)?)?;
        let output = folder.join("otel-collector.jsonl");
        let mut process = Launch::new("otel-collector", program, folder)
            .arg(format!("--config={}", path.display()))
            .env("OUTPUT", &output)
            .start()?;
        process.wait_until("the collector to listen", READY, || {
            TcpStream::connect(address).context("connect to the collector")
        })?;
        Ok(Self { address, output, _process: process })
    }

    /// Its URL, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The file with what it received: a line of OTLP's JSON for each request.
    pub fn output(&self) -> &Path {
        &self.output
    }
}
