use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::client::{Calls, Client, Heard};
use super::pace::Pace;
use super::server::{Kind, Server};

/// What was measured of one server in one contest.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    /// The bench's name.
    pub(super) name: &'static str,
    /// Who answered.
    pub(super) server: Kind,
    /// Calls under way at once.
    pub(super) clients: u32,
    /// Requests answered in a second, in the median turn.
    pub(super) per_s: f64,
    /// Half of the calls took at most so long.
    pub(super) p50_us: f64,
    /// All but one in a hundred took at most so long.
    pub(super) p99_us: f64,
    /// Processor time of the server for a thousand requests, in the median turn.
    pub(super) cpu_s_per_1000: f64,
    /// The same in the best turn.
    pub(super) least_cpu_s_per_1000: f64,
    /// Calls that were measured.
    pub(super) n: u64,
    /// Calls that the server refused for its load.
    pub(super) shed: u64,
    /// Instances that it took and lost.
    pub(super) lost: u64,
}

/// One of those that are compared.
pub(super) struct Contestant<'s> {
    pub(super) name: &'static str,
    pub(super) server: &'s Server,
    pub(super) calls: Calls,
}

/// Has the contestants take turns under so many clients.
///
/// # Errors
/// When a server fails or does not answer as expected.
pub(super) fn hold(contestants: &[Contestant<'_>], clients: u32, pace: &Pace) -> Result<Vec<Row>> {
    let mut runs = Vec::new();
    for contestant in contestants {
        let name = contestant.name;
        runs.push(
            Run::prepare(contestant, clients, pace).with_context(|| format!("bench {name}"))?,
        );
    }
    for _ in 0..pace.turns {
        for run in &mut runs {
            let name = run.contestant.name;
            run.turn(pace).with_context(|| format!("bench {name}"))?;
        }
    }
    runs.into_iter().map(Run::into_row).collect()
}

struct Run<'c, 's> {
    contestant: &'c Contestant<'s>,
    client: Client,
    clients: u32,
    lost_before: u64,
    heard: Option<Heard>,
    turns: Vec<Turn>,
}

struct Turn {
    requests: f64,
    elapsed: Duration,
    processor_time: Duration,
}

impl<'c, 's> Run<'c, 's> {
    fn prepare(contestant: &'c Contestant<'s>, clients: u32, pace: &Pace) -> Result<Self> {
        let client = Client::connect(contestant.server.address, clients)?;
        // Caches and connections warm up in an uncounted turn.
        client.call(&contestant.calls, clients, pace.turn, u64::MAX)?;
        std::thread::sleep(pace.settle);
        let lost_before = contestant.server.lost()?;
        Ok(Self { contestant, client, clients, lost_before, heard: None, turns: Vec::new() })
    }

    fn turn(&mut self, pace: &Pace) -> Result<()> {
        let Contestant { server, calls, .. } = self.contestant;
        let usage = server.usage()?;
        let before = usage.processor_time()?;
        let heard = self.client.call(calls, self.clients, pace.turn, u64::MAX)?;
        std::thread::sleep(pace.settle);
        let processor_time = usage.processor_time()?.saturating_sub(before);
        let requests = heard.times.len() as f64 * f64::from(calls.requests);
        self.turns.push(Turn { requests, elapsed: heard.elapsed, processor_time });
        match &mut self.heard {
            Some(all) => all.merge(&heard)?,
            None => self.heard = Some(heard),
        }
        Ok(())
    }

    fn into_row(self) -> Result<Row> {
        let heard = self.heard.context("no turn was taken")?;
        let per_s = self.turns.iter().map(|t| t.requests / t.elapsed.as_secs_f64());
        let cpu = self.turns.iter().map(|t| t.processor_time.as_secs_f64() * 1e3 / t.requests);
        let cpu = Sorted::new(cpu);
        Ok(Row {
            name: self.contestant.name,
            server: self.contestant.server.kind,
            clients: self.clients,
            per_s: Sorted::new(per_s).median(),
            p50_us: heard.times.value_at_quantile(0.5) as f64 / 1e3,
            p99_us: heard.times.value_at_quantile(0.99) as f64 / 1e3,
            cpu_s_per_1000: cpu.median(),
            least_cpu_s_per_1000: cpu.least(),
            n: heard.times.len(),
            shed: heard.shed,
            lost: self.contestant.server.lost()? - self.lost_before,
        })
    }
}

/// Figures of several turns.
pub(super) struct Sorted(Vec<f64>);

impl Sorted {
    pub(super) fn new(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        Self(figures)
    }

    pub(super) fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub(super) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }
}
