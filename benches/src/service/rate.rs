use anyhow::Result;
use serde::Serialize;

use super::checks::{checks, messages};
use super::client::Client;
use super::pace::Pace;
use super::policies;
use super::report_request::Encoding;
use super::reports::reports;
use super::resident::{MEBIBYTE, Quantity};
use super::server::{Server, Servers};
use crate::request::{self, NAMESPACE};

/// Requests that users make in a second.
const RATE: u32 = 1000;

/// Of these, sidecars ask about so many: their own caches answer nineteen of twenty.
const ASKED: u32 = 50;

/// Elements of a report.
const BATCH: u32 = 100;

/// How a mesh asks.
#[derive(Debug, Clone, Copy, Serialize)]
enum Sidecars {
    /// Each request is a Check, as from proxies without a cache.
    AskAlways,
    /// Their caches answer most.
    Cache,
}

/// What a Mixer takes while users make a thousand requests a second: checks that its cache answers, and
/// reports of a hundred, to Prometheus and to a log.
pub(super) fn run(servers: &Servers, pace: &Pace) -> Result<Vec<Quantity>> {
    let config = format!("{}---\n{}", policies::CHECK, policies::reports(true));
    let mixer = servers.mixer(&config, &[])?;
    let [always, _] = at_rate(&mixer, pace, Sidecars::AskAlways)?;
    let [caching, resident] = at_rate(&mixer, pace, Sidecars::Cache)?;
    let mut quantities = vec![
        Quantity::new("cpu_at_rate", "vCPU at 1000 requests/s, each a Check", always),
        Quantity::new("cpu_at_rate_l1", "vCPU at 1000 requests/s, one in 20 a Check", caching),
        Quantity::new("rss_at_rate", "MiB at 1000 requests/s", resident / MEBIBYTE),
    ];
    if let Some(peer) = servers.peer(&config)? {
        let [always, resident] = at_rate(&peer, pace, Sidecars::AskAlways)?;
        let name = "vCPU of Istio's Mixer at 1000 requests/s, each a Check";
        quantities.push(Quantity::new("cpu_at_rate_peer", name, always));
        let name = "MiB of Istio's Mixer at 1000 requests/s";
        quantities.push(Quantity::new("rss_at_rate_peer", name, resident / MEBIBYTE));
    }
    Ok(quantities)
}

/// The processors that `server` takes, and its memory.
fn at_rate(server: &Server, pace: &Pace, sidecars: Sidecars) -> Result<[f64; 2]> {
    let per_second = match sidecars {
        Sidecars::AskAlways => RATE,
        Sidecars::Cache => ASKED,
    };
    let checks = checks(&messages(|i| request::attributes(i, NAMESPACE)), 0, None);
    let reports = reports(BATCH as usize, Encoding::Independent);
    let client = Client::connect(server.address, 1)?;
    let rates = [(checks, per_second), (reports, RATE / BATCH)];
    client.call_at_rates(&rates, pace.turn)?;
    let usage = server.usage()?;
    let before = usage.processor_time()?;
    let heard = client.call_at_rates(&rates, pace.at_rate)?;
    let taken = usage.processor_time()?.saturating_sub(before);
    anyhow::ensure!(heard.shed == 0, "{} calls were refused at {RATE} requests/s", heard.shed);
    Ok([taken.as_secs_f64() / heard.elapsed.as_secs_f64(), usage.resident()? as f64])
}
