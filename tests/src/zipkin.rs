use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Launch, Layout, Process, free_address, http, wait_until};

/// A Java program on a busy machine.
const READY: Duration = Duration::from_secs(90);
/// Envoy and Mixer hand over their spans every few seconds, and to a Zipkin that was away no later than
/// half a minute after it is back.
const FIRST_SPANS: Duration = Duration::from_secs(90);

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
        Self::spawn_at(free_address()?, layout, folder)
    }

    /// As [`Self::spawn`], at an address that somebody knows already. It begins with no spans.
    ///
    /// # Errors
    /// As there.
    pub fn spawn_at(address: SocketAddr, layout: &Layout, folder: &Path) -> Result<Self> {
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

    /// Waits for `count` spans of this name, and returns them.
    ///
    /// # Errors
    /// When they do not appear.
    pub fn wait_for_spans(&self, name: &str, count: usize) -> Result<Vec<Value>> {
        wait_until(&format!("{count} spans called {name}"), FIRST_SPANS, || {
            let traces = self.ask("traces?limit=100")?;
            let traces = traces.as_array().context("Zipkin's answer is no list")?;
            let spans = traces.iter().filter_map(Value::as_array).flatten();
            let spans: Vec<Value> = spans.filter(|span| span["name"] == name).cloned().collect();
            ensure!(spans.len() >= count, "{} of {} traces", spans.len(), traces.len());
            Ok(spans)
        })
    }

    /// The spans of a trace.
    ///
    /// # Errors
    /// When there is no such trace.
    pub fn trace(&self, id: &str) -> Result<Vec<Value>> {
        let spans = self.ask(&format!("trace/{id}"))?;
        spans.as_array().cloned().context("Zipkin's answer is no list")
    }

    fn ask(&self, question: &str) -> Result<Value> {
        let url = format!("{}/api/v2/{question}", self.url());
        Ok(serde_json::from_slice(&http::get(&url)?.require_ok()?.body)?)
    }

    /// Waits for a trace that is as it should be, and returns its id.
    ///
    /// # Errors
    /// When none appears.
    pub fn wait_for_trace(
        &self,
        what: &str,
        is_right: impl Fn(&[Value]) -> bool,
    ) -> Result<String> {
        wait_until(what, FIRST_SPANS, || {
            let traces = self.ask("traces?limit=1000")?;
            let traces = traces.as_array().context("Zipkin's answer is no list")?;
            let mut spans = traces.iter().filter_map(Value::as_array);
            let right = spans.find(|spans| is_right(spans));
            let right = right.with_context(|| format!("none of {} traces", traces.len()))?;
            right[0]["traceId"].as_str().map(str::to_owned).context("a span has no trace id")
        })
    }

    /// Waits for a trace that has spans of both services, and returns its id.
    ///
    /// # Errors
    /// When none appears.
    pub fn wait_for_trace_of(&self, services: [&str; 2]) -> Result<String> {
        let what = format!("a trace with spans of {}", services.join(" and "));
        wait_until(&what, FIRST_SPANS, || {
            let traces = self.ask(&format!("traces?serviceName={}&limit=100", services[1]))?;
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
