use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Calls at once; more needs a load generator on several machines.
const MAX_CONCURRENCY: i64 = 1024;

/// How often, how many at once and how fast calls are made.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Load {
    /// Calls in all.
    #[arg(long, short, value_name = "COUNT", default_value = "1")]
    pub(crate) repeat: NonZeroU32,

    /// Calls at once, over one connection.
    #[arg(long, short, value_name = "COUNT", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=MAX_CONCURRENCY))]
    concurrency: u32,

    /// Calls begun in a second, all together; without it as fast as they are answered.
    #[arg(long, value_name = "COUNT")]
    rate: Option<NonZeroU32>,
}

/// What became of all calls.
#[derive(Debug)]
pub(crate) struct Summary {
    /// Calls by outcome, such as `OK` or `PERMISSION_DENIED`.
    outcomes: BTreeMap<String, u64>,
    /// Microseconds from sending to the answer.
    micros: Histogram<u64>,
    elapsed: Duration,
}

impl Load {
    /// Whether a summary says more than the answers.
    pub(crate) fn is_single(&self) -> bool {
        self.repeat.get() == 1
    }

    /// Makes all calls; `call` is given the number of each, from 0, and returns its outcome's name.
    ///
    /// # Errors
    /// When a call ends in a way that leaves no outcome.
    pub(crate) async fn run<C, F>(&self, call: C) -> Result<Summary>
    where
        C: Fn(u32) -> F + Send + Sync + 'static,
        F: Future<Output = Result<String>> + Send + 'static,
    {
        let call = Arc::new(call);
        let next = Arc::new(AtomicU32::new(0));
        let started = Instant::now();
        let mut workers = JoinSet::new();
        for _ in 0..self.concurrency.min(self.repeat.get()) {
            workers.spawn(work(*self, started, Arc::clone(&next), Arc::clone(&call)));
        }
        let mut summary =
            Summary { outcomes: BTreeMap::new(), micros: histogram()?, elapsed: Duration::ZERO };
        while let Some(worked) = workers.join_next().await {
            let (outcomes, micros) = worked??;
            summary.micros.add(micros)?;
            for (outcome, count) in outcomes {
                *summary.outcomes.entry(outcome).or_default() += count;
            }
        }
        summary.elapsed = started.elapsed();
        Ok(summary)
    }
}

type Worked = (BTreeMap<String, u64>, Histogram<u64>);

async fn work<C, F>(
    load: Load,
    started: Instant,
    next: Arc<AtomicU32>,
    call: Arc<C>,
) -> Result<Worked>
where
    C: Fn(u32) -> F,
    F: Future<Output = Result<String>>,
{
    let mut outcomes = BTreeMap::new();
    let mut micros = histogram()?;
    loop {
        let number = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| {
            (number < load.repeat.get()).then_some(number + 1)
        });
        let Ok(number) = number else { return Ok((outcomes, micros)) };
        let mut due = Instant::now();
        if let Some(rate) = load.rate {
            // From its place in the schedule: a slow answer is not hidden by what it held up.
            due = started + Duration::from_secs_f64(f64::from(number) / f64::from(rate.get()));
            sleep_until(due).await;
        }
        let outcome = call(number).await?;
        micros.saturating_record(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX));
        *outcomes.entry(outcome).or_default() += 1;
    }
}

/// From a microsecond to ten minutes, three digits.
fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000, 3)?)
}

impl Summary {
    /// How many calls ended so.
    pub(crate) fn count(&self, outcome: &str) -> u64 {
        self.outcomes.get(outcome).copied().unwrap_or(0)
    }

    /// How many calls ended in another way than all of `outcomes`.
    pub(crate) fn others(&self, outcomes: &[&str]) -> u64 {
        let others = self.outcomes.iter().filter(|(name, _)| !outcomes.contains(&name.as_str()));
        others.map(|(_, count)| count).sum()
    }

    pub(crate) fn json(&self) -> Value {
        let quantile = |q: f64| self.micros.value_at_quantile(q);
        let calls = self.micros.len();
        json!({
            "calls": calls,
            "outcomes": self.outcomes,
            "seconds": self.elapsed.as_secs_f64(),
            "calls_per_second": calls as f64 / self.elapsed.as_secs_f64().max(1e-9),
            "micros": {
                "p50": quantile(0.5),
                "p90": quantile(0.9),
                "p99": quantile(0.99),
                "max": self.micros.max(),
            },
        })
    }

    pub(crate) fn text(&self) -> String {
        let json = self.json();
        let outcomes: Vec<_> =
            self.outcomes.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let millis = |quantile: &str| json["micros"][quantile].as_u64().unwrap_or(0) as f64 / 1e3;
        format!(
            "{} calls in {:.3} s, {:.1} a second: {}\nmilliseconds: p50 {:.3}, p90 {:.3}, p99 {:.3}, max {:.3}",
            json["calls"],
            self.elapsed.as_secs_f64(),
            json["calls_per_second"].as_f64().unwrap_or(0.0),
            outcomes.join(", "),
            millis("p50"),
            millis("p90"),
            millis("p99"),
            millis("max"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(repeat: u32, concurrency: u32, rate: Option<u32>) -> Load {
        let number = |number| NonZeroU32::new(number).unwrap();
        Load { repeat: number(repeat), concurrency, rate: rate.map(number) }
    }

    #[tokio::test(start_paused = true)]
    async fn each_call_is_made_once_and_counted_by_its_outcome() {
        let summary = load(100, 7, None)
            .run(|number| async move {
                Ok(if number % 4 == 0 { "UNAVAILABLE" } else { "OK" }.to_owned())
            })
            .await
            .unwrap();
        assert_eq!((summary.count("OK"), summary.count("UNAVAILABLE")), (75, 25));
        assert_eq!(summary.others(&["OK"]), 25);
        assert_eq!(summary.json()["calls"], 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_spreads_the_calls_and_slow_answers_show_in_what_they_hold_up() {
        let started = Instant::now();
        let summary = load(11, 1, Some(10))
            .run(|number| async move {
                if number == 0 {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Ok("OK".to_owned())
            })
            .await
            .unwrap();
        assert_eq!(started.elapsed().as_millis(), 1000);
        // Calls 1 to 4 were due while the first held them up.
        assert!(summary.json()["micros"]["p90"].as_u64().unwrap() >= 399_000, "{}", summary.text());
    }
}
