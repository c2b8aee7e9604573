use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Launch, Layout, Process, free_address, http, wait_until};

/// A Java program on a busy machine.
const READY: Duration = Duration::from_secs(90);
/// Envoy and Mixer hand over their spans every few seconds.
const FIRST_SPANS: Duration = Duration::from_secs(30);

/// A real Zipkin.
#[derive(Debug)]
pub struct Zipkin {
    address: SocketAddr,
    process: Process,
}

impl Zipkin {
    /// Starts it, without waiting: it needs some seconds, in which the rest can start.
    ///
    /// # Errors
    /// When it is not there.
    pub fn spawn(layout: &Layout, folder: &Path) -> Result<Self> {
        let address = free_address()?;
        ensure!(layout.zipkin_jar().exists(), "Zipkin is not installed");
        let process = Launch::new("zipkin", "java", folder)
            .arg("-XX:TieredStopAtLevel=1")
            .arg("-XX:+UseSerialGC")
            .arg("-Xmx192m")
            .arg("-jar")
            .arg(layout.zipkin_jar())
            .env("QUERY_PORT", address.port().to_string())
            .env("SERVER_ADDRESS", address.ip().to_string())
            .start()?;
        Ok(Self { address, process })
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// When it ends or does not answer.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let health = format!("{}/health", self.url());
        self.process
            .wait_until("Zipkin to be ready", READY, || http::get(&health)?.require_ok())?;
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for a trace that has spans of both services, and returns its id.
    ///
    /// # Errors
    /// When none appears.
    pub fn wait_for_trace_of(&self, services: [&str; 2]) -> Result<String> {
        let what = format!("a trace with spans of {}", services.join(" and "));
        wait_until(&what, FIRST_SPANS, || {
            let url = format!("{}/api/v2/traces?serviceName={}&limit=100", self.url(), services[1]);
            let traces: Value = serde_json::from_slice(&http::get(&url)?.require_ok()?.body)?;
            let traces = traces.as_array().context("Zipkin's answer is no list")?;
            let joined = traces.iter().find(|trace| {
                let present = services_of(trace);
                services.iter().all(|service| present.contains(service))
            });
            let seen: BTreeSet<&str> = traces.iter().flat_map(services_of).collect();
            let joined = joined
                .with_context(|| format!("{} traces, with spans of {seen:?}", traces.len()))?;
            joined[0]["traceId"].as_str().map(str::to_owned).context("a span has no trace id")
        })
    }
}

fn services_of(trace: &Value) -> BTreeSet<&str> {
    let spans = trace.as_array().into_iter().flatten();
    spans.filter_map(|span| span["localEndpoint"]["serviceName"].as_str()).collect()
}
