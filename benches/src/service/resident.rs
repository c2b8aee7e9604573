use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mesh_attributes::wire::encode_check_request;
use serde::Serialize;
use testbed::wait_until;

use super::client::{Calls, Client, Expected, Method};
use super::contest::Sorted;
use super::pace::Pace;
use super::policies;
use super::server::{Running, Server, Servers};
use crate::request::{self, NAMESPACE};

pub(super) const MEBIBYTE: f64 = 1_048_576.0;

/// Clients that fill the cache.
const CLIENTS: u32 = 64;

/// Filling the cache takes a minute or two.
const FILL_LIMIT: Duration = Duration::from_secs(900);

/// The cache counts what was put into it a little later.
const COUNT_LIMIT: Duration = Duration::from_secs(30);

/// A figure of the process.
#[derive(Debug, Serialize)]
pub(super) struct Quantity {
    pub(super) name: &'static str,
    /// Unit and circumstances.
    pub(super) of: &'static str,
    pub(super) value: f64,
}

impl Quantity {
    pub(super) fn new(name: &'static str, of: &'static str, value: f64) -> Self {
        Self { name, of, value }
    }
}

/// How long Mixer takes to listen, and its memory idle and with a full cache.
pub(super) fn run(servers: &Servers, pace: &Pace) -> Result<Vec<Quantity>> {
    let config = format!("{}---\n{}", policies::CHECK, policies::reports(true));
    // Room for all answers: by default there is some for a third of them.
    let mut server = servers.mixer(&config, &["--check-cache-bytes", "2147483648"])?;
    let mut starts = Vec::new();
    for _ in 0..pace.starts {
        starts.push(start(&mut server)?.as_secs_f64());
    }
    let starts = Sorted::new(starts.into_iter());
    ready(&server)?;
    let mut quantities = vec![
        Quantity::new("start_to_listening", "s, adapters compiled before", starts.median()),
        Quantity::new("rss_idle", "MiB", server.usage()?.resident()? as f64 / MEBIBYTE),
    ];
    if let Some(peer) = servers.peer(&config)? {
        let resident = peer.usage()?.resident()? as f64 / MEBIBYTE;
        quantities.push(Quantity::new("rss_idle_peer", "MiB, Istio's Mixer", resident));
    }
    let (answers, weight) = fill(&server, pace.answers)?;
    let resident = server.usage()?.resident()? as f64 / MEBIBYTE;
    quantities.extend([
        Quantity::new("rss_full_cache", "MiB, with the answers below", resident),
        Quantity::new("full_cache_answers", "answers in the cache", answers),
        Quantity::new("full_cache_bytes", "MiB by the cache's own account", weight / MEBIBYTE),
    ]);
    Ok(quantities)
}

/// From the start of the process until its gRPC port takes a connection.
fn start(server: &mut Server) -> Result<Duration> {
    let address = server.address;
    let Running::Mixer(mixer) = &mut server.running else { anyhow::bail!("not our Mixer") };
    mixer.kill()?;
    let begun = Instant::now();
    mixer.spawn()?;
    while TcpStream::connect(address).is_err() {
        ensure!(begun.elapsed() < COUNT_LIMIT, "Mixer does not listen");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(begun.elapsed())
}

fn ready(server: &Server) -> Result<()> {
    let Running::Mixer(mixer) = &server.running else { anyhow::bail!("not our Mixer") };
    let url = format!("{}/readyz", mixer.http_url());
    wait_until("Mixer to be ready", COUNT_LIMIT, || testbed::http::get(&url)?.require_ok())?;
    Ok(())
}

/// Asks about so many different users; returns the answers in the cache and their weight in bytes.
fn fill(server: &Server, answers: u64) -> Result<(f64, f64)> {
    let Running::Mixer(mixer) = &server.running else { anyhow::bail!("not our Mixer") };
    let calls = Calls {
        method: Method::Check(Expected { code: 0, level: Some("miss") }),
        messages: Arc::new(|user| {
            let mut headers = request::headers(user as usize);
            headers[11].1 = format!("user-{user}");
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            let bag =
                request::attributes(user as usize, NAMESPACE).with("request.headers", headers);
            let mut message = Vec::new();
            encode_check_request(&bag, "", &[], &mut message);
            message.into()
        }),
        requests: 1,
    };
    let heard =
        Client::connect(server.address, CLIENTS)?.call(&calls, CLIENTS, FILL_LIMIT, answers)?;
    ensure!(heard.times.len() == answers, "{} answers, {} refused", heard.times.len(), heard.shed);
    let counted = wait_until("the cache to have counted", COUNT_LIMIT, || {
        let metrics = mixer.metrics()?;
        let entries = metrics.sum("mixer_checkcache_entries", &[]);
        ensure!(entries >= answers as f64 * 0.99, "{entries} answers of {answers} are cached");
        Ok((entries, metrics.sum("mixer_checkcache_bytes", &[])))
    });
    // The table shows how many there are when some had to go.
    counted.or_else(|_| {
        let metrics = mixer.metrics()?;
        let of = |name| metrics.sum(name, &[]);
        Ok((of("mixer_checkcache_entries"), of("mixer_checkcache_bytes")))
    })
}
