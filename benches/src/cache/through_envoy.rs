//! What a request takes through Envoy: with our filter at each level of the cache, with Envoy's external
//! authorization, and with neither.
//!
//! Istio's own recipe, but for TLS: answers of 1 kB, 1000 requests a second on 16 connections, two
//! workers. All Envoys run at once and take turns, so that a machine which changes its speed changes it
//! for all; of each figure the median turn counts, and the spread of p99 over turns is shown.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use testbed::{Layout, Mixer, MixerOptions, wait_until};

use super::open_loop::{self, Heard, Load, latencies};
use super::proxies::{Proxy, Variant};
use super::servers::Servers;
use crate::effort::Effort;
use crate::policy;
use crate::service::Usage;

const CONNECTIONS: u32 = 16;
const WATCH_LIMIT: Duration = Duration::from_secs(30);

/// Places of the curve, as parts of all requests.
const QUANTILES: [f64; 14] =
    [0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995];

/// What was measured of one Envoy.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) p50_ms: f64,
    pub(super) p90_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    /// Of the best and the worst turn.
    pub(super) p99_spread_ms: [f64; 2],
    /// Processors that Envoy takes at 1000 requests a second.
    pub(super) envoy_cpu: f64,
    /// And Mixer; the trivial server's are not counted.
    pub(super) mixer_cpu: f64,
    pub(super) resident_mib: f64,
    /// Parts of a hundred that the filter's own level answered.
    pub(super) l1_percent: f64,
    /// And Mixer's level.
    pub(super) l2_percent: f64,
    /// Requests that were let through, of all turns.
    pub(super) requests: u64,
    /// Requests that were not.
    pub(super) refused: u64,
    /// Parts of all requests, and milliseconds that so many took at most.
    pub(super) curve: Vec<(f64, f64)>,
}

/// One turn of one Envoy.
struct Turn {
    latencies: Histogram<u64>,
    refused: u64,
    envoy_cpu: f64,
    mixer_cpu: f64,
    l1: f64,
    l2: f64,
}

/// Measures all.
///
/// # Errors
/// When Envoy is not installed, a part does not start or a request fails.
pub(super) fn run(effort: &Effort) -> Result<Vec<Row>> {
    let (turns, rate, time) = if effort.is_believable {
        (7, 1000, Duration::from_secs(5))
    } else {
        (1, 200, Duration::from_millis(500))
    };
    let load = Load { rate, connections: CONNECTIONS, time };
    let layout = Layout::of_checkout();
    let folder = tempfile::tempdir()?;
    let servers = Servers::start()?;
    let config = policy::config()?;
    let mut options = MixerOptions::new(&layout, config.path(), folder.path())?;
    options.adapters = policy::adapters()?;
    options.flags = ["--log-level", "error"].map(str::to_owned).to_vec();
    let mixer = Mixer::start(&layout, options)?;
    let start = |variant| Proxy::start(&layout, folder.path(), variant, mixer.grpc(), &servers);
    let proxies = Variant::ALL.into_iter().map(start).collect::<Result<Vec<_>>>()?;
    for proxy in &proxies {
        warm_up(proxy, &load)?;
    }
    let mut measured: Vec<Vec<Turn>> = proxies.iter().map(|_| Vec::new()).collect();
    for turn in 0..turns {
        for (proxy, measured) in proxies.iter().zip(&mut measured) {
            measured.push(take(proxy, &mixer, &load, turn + 1)?);
        }
    }
    proxies.iter().zip(measured).map(|(proxy, turns)| row(proxy, &turns)).collect()
}

/// Waits until the filter trusts its caches, and fills them.
fn warm_up(proxy: &Proxy, load: &Load) -> Result<()> {
    if proxy.variant.is_ours() {
        wait_until("the filter's watch", WATCH_LIMIT, || {
            ensure!(proxy.stats()?.value("mixmesh.watch_connected") == 1, "it is not connected");
            Ok(())
        })?;
    }
    open_loop::run(proxy.address, load, &|n| proxy.variant.user(0, n))
        .map(drop)
        .with_context(|| format!("the first requests through {}", proxy.variant.name()))
}

fn take(proxy: &Proxy, mixer: &Mixer, load: &Load, turn: u32) -> Result<Turn> {
    let usages = [Usage::of(proxy.id()), Usage::of(mixer.id().context("mixer ended")?)];
    let read = || -> Result<([f64; 2], [u64; 2])> {
        let times = [usages[0].processor_time()?, usages[1].processor_time()?];
        let l1 = proxy.stats()?.value("mixmesh.check_l1_hits");
        let l2 = mixer.metrics()?.count("mixer_checkcache_cache_hits_total", &[]);
        Ok((times.map(|time| time.as_secs_f64()), [l1, l2]))
    };
    let (times, hits) = read()?;
    let user = |n| proxy.variant.user(turn, n);
    let heard = open_loop::run(proxy.address, load, &user)
        .with_context(|| format!("through {}", proxy.variant.name()))?;
    let (times_after, hits_after) = read()?;
    let Heard { latencies, refused } = heard;
    ensure!(!latencies.is_empty(), "{} let nothing through", proxy.variant.name());
    let requests = (latencies.len() + refused) as f64;
    let cpu = |i: usize| 1000.0 * (times_after[i] - times[i]) / requests;
    let percent = |i: usize| 100.0 * (hits_after[i] - hits[i]) as f64 / requests;
    let (envoy_cpu, mixer_cpu) = (cpu(0), cpu(1));
    let (l1, l2) = (percent(0), percent(1));
    Ok(Turn { latencies, refused, envoy_cpu, mixer_cpu, l1, l2 })
}

fn row(proxy: &Proxy, turns: &[Turn]) -> Result<Row> {
    let of = |figure: &dyn Fn(&Turn) -> f64| {
        let mut figures: Vec<f64> = turns.iter().map(figure).collect();
        figures.sort_unstable_by(f64::total_cmp);
        figures
    };
    let median = |figure: &dyn Fn(&Turn) -> f64| of(figure).get(turns.len() / 2).copied();
    let at = |quantile: f64| move |turn: &Turn| millis(&turn.latencies, quantile);
    let median = |figure: &dyn Fn(&Turn) -> f64| median(figure).context("there was no turn");
    let p99 = of(&at(0.99));
    let mut all = latencies()?;
    for turn in turns {
        all.add(&turn.latencies)?;
    }
    Ok(Row {
        name: proxy.variant.name(),
        p50_ms: median(&at(0.5))?,
        p90_ms: median(&at(0.9))?,
        p99_ms: median(&at(0.99))?,
        p999_ms: median(&at(0.999))?,
        p99_spread_ms: [p99.first(), p99.last()].map(|p99| p99.copied().unwrap_or_default()),
        envoy_cpu: median(&|turn| turn.envoy_cpu)?,
        mixer_cpu: median(&|turn| turn.mixer_cpu)?,
        resident_mib: Usage::of(proxy.id()).resident()? as f64 / f64::from(1 << 20),
        l1_percent: median(&|turn| turn.l1)?,
        l2_percent: median(&|turn| turn.l2)?,
        requests: all.len(),
        refused: turns.iter().map(|turn| turn.refused).sum(),
        curve: QUANTILES.map(|quantile| (quantile, millis(&all, quantile))).to_vec(),
    })
}

fn millis(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1000.0
}
