//! How time and allocations are measured.
//!
//! Machines change their speed while they run, by a factor of two, and one subject's turn leaves the
//! processor's caches to the next. So the subjects of a group take turns of 20 ms, a hundred times, each
//! turn with an unmeasured lead-in: all meet the same mix of fast and slow phases, and their ratios hold.
//!
//! Reading the clock costs some 25 ns. An operation that takes less than a hundred times that is timed
//! in batches, the smallest power of two for which the clock stays below 1 % of the batch. Its
//! percentiles are of the batches' means, and the table says how large the batch was. An operation of
//! a few microseconds is timed alone.
//!
//! Allocations are counted apart from time, after warm-up, on the thread that calls. A bench whose work
//! happens on several threads has a second operation on one thread for that (see the gRPC rows). Shown is
//! the median run of 32 operations: what a cache allocates once in hundreds of look-ups, to keep itself
//! tidy, is in no usual one. The counting allocator adds a few nanoseconds to each allocation while times
//! are taken, too.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use crate::effort::Effort;
use crate::figures::Figures;
use crate::subject::{Allocations, Subject};

/// A batch takes at least so many times what reading the clock takes.
const CLOCK_SHARE: u32 = 100;

/// The histograms' unit is a tenth of a nanosecond: it counts for the fastest subjects.
const UNITS_PER_NS: f64 = 10.0;

/// Measures the subjects in turns.
///
/// # Errors
/// When an operation fails.
pub(crate) fn measure(subjects: Vec<Subject<'_>>, effort: &Effort) -> Result<Vec<Figures>> {
    let clock = clock_cost();
    let mut runs = Vec::new();
    for subject in subjects {
        let name = subject.name;
        runs.push(Run::prepare(subject, clock, effort).with_context(|| format!("bench {name}"))?);
    }
    for _ in 0..effort.turns {
        for run in &mut runs {
            run.turn(effort).with_context(|| format!("bench {}", run.subject.name))?;
        }
    }
    Ok(runs.into_iter().map(Run::into_figures).collect())
}

/// A subject and what was measured of it.
struct Run<'a> {
    subject: Subject<'a>,
    batch: u32,
    allocations: Allocations,
    times: Histogram<u64>,
}

impl<'a> Run<'a> {
    fn prepare(mut subject: Subject<'a>, clock: Duration, effort: &Effort) -> Result<Self> {
        subject.time(effort.warm_up_operations)?;
        let mut batch = 1;
        while usual_time(&mut subject, batch)? < clock * CLOCK_SHARE {
            batch *= 2;
        }
        let allocations =
            subject.count_allocations(effort.counted_operations, effort.warm_up_operations)?;
        Ok(Self { subject, batch, allocations, times: Histogram::new(3)? })
    }

    fn turn(&mut self, effort: &Effort) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < effort.lead_in {
            self.subject.time(self.batch)?;
        }
        let start = Instant::now();
        loop {
            let taken = self.subject.time(self.batch)?;
            let each = taken.as_nanos() as f64 / f64::from(self.batch);
            self.times.record((each * UNITS_PER_NS) as u64)?;
            if start.elapsed() >= effort.turn {
                return Ok(());
            }
        }
    }

    fn into_figures(self) -> Figures {
        let quantile = |q: f64| self.times.value_at_quantile(q) as f64 / UNITS_PER_NS;
        Figures {
            name: self.subject.name,
            p50_ns: quantile(0.5),
            p99_ns: quantile(0.99),
            allocs: self.allocations,
            n: self.times.len() * u64::from(self.batch),
            batch: self.batch,
            elsewhere: self.subject.elsewhere,
            promise: self.subject.promise,
        }
    }
}

/// What reading the clock costs: the median, as one interruption must not count.
fn clock_cost() -> Duration {
    let costs = (0..1001).map(|_| {
        let start = Instant::now();
        start.elapsed()
    });
    median(costs.collect()).max(Duration::from_nanos(1))
}

/// The median of a few, as some operations of a cache tidy up.
fn usual_time(subject: &mut Subject<'_>, batch: u32) -> Result<Duration> {
    let times: Result<Vec<Duration>> = (0..15).map(|_| subject.time(batch)).collect();
    Ok(median(times?))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
