use std::time::{Duration, Instant};

use anyhow::Result;
use mixer::{CacheLevel, Caller, Mixer};
use tokio::runtime::Runtime;

use crate::effort::Effort;
use crate::request::{self, NAMESPACE};
use crate::zipf::Zipf;

/// How long an edit is looked at.
pub(super) const SECONDS: usize = 10;

/// A steady, uneven stream of checks.
pub(super) struct Load {
    numbers: Zipf,
    /// Checks in each second.
    rate: u32,
    second: Duration,
}

impl Load {
    pub(super) fn new(effort: &Effort) -> Self {
        let (requests, rate, second) = if effort.is_believable {
            (200_000, 2000, Duration::from_secs(1))
        } else {
            (10_000, 100, Duration::from_millis(100))
        };
        Self { numbers: Zipf::new(requests, 1.0), rate, second }
    }

    /// How many different ones there are.
    pub(super) fn requests(&self) -> usize {
        self.numbers.numbers()
    }

    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    pub(super) fn second(&self) -> Duration {
        self.second
    }

    /// Asks for one; true when the cache answered.
    pub(super) fn ask(&self, runtime: &Runtime, mixer: &Mixer, number: usize) -> Result<bool> {
        let caller = Caller { is_our_filter: true, ..Caller::default() };
        let request = request::check_request(number, NAMESPACE);
        Ok(runtime.block_on(mixer.check(&request, &caller))?.cache == CacheLevel::L2)
    }

    /// Asks for [`SECONDS`]; in each, the part of a hundred that the cache answered.
    pub(super) fn run(&mut self, runtime: &Runtime, mixer: &Mixer) -> Result<[f64; SECONDS]> {
        let start = Instant::now();
        let interval = self.second / self.rate;
        let mut sent = 0;
        let mut percent = [0.0; SECONDS];
        for percent in &mut percent {
            let mut hits = 0;
            for _ in 0..self.rate {
                // Late ones catch up: an open loop does not wait for its answers.
                let due = start + interval * sent;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                sent += 1;
                let number = self.numbers.draw();
                hits += u32::from(self.ask(runtime, mixer, number)?);
            }
            *percent = 100.0 * f64::from(hits) / f64::from(self.rate);
        }
        Ok(percent)
    }
}
