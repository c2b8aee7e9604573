//! How time and allocations are measured.
//!
//! Machines change their speed while they run, by a factor of two, and one subject's turn leaves the
//! caches to the next. So the subjects of a group take turns of 20 ms, a hundred times, each turn with
//! an unmeasured lead-in: all meet the same mix of fast and slow phases, and their ratios hold.
//!
//! Reading the clock costs some 25 ns. An operation that takes less than a hundred times that is timed
//! in batches, the smallest power of two for which the clock stays below 1 % of the batch. Its
//! percentiles are of the batches' means, and the table says how large the batch was. An operation of
//! a few microseconds is timed alone.
//!
//! Allocations are counted apart from time, on the thread that calls: means over thousands of
//! operations, after warm-up. A bench whose work happens on several threads counts with a runtime that
//! has one (see the loopback bench).

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use crate::effort::Effort;
use crate::figures::Figures;

/// A batch takes at least so many times what reading the clock takes.
const CLOCK_SHARE: u32 = 100;

/// The histograms' unit is a tenth of a nanosecond: it counts for the fastest subjects.
const UNITS_PER_NS: f64 = 10.0;

/// Something that can be done over and over.
pub(crate) struct Subject<'a> {
    name: &'static str,
    elsewhere: &'static str,
    promised_allocations: Option<u32>,
    run: Box<dyn FnMut(u32) -> Result<()> + 'a>,
    count: Option<Box<dyn FnMut(u32) -> Result<()> + 'a>>,
}

impl<'a> Subject<'a> {
    /// One call of `operation` is one operation. It fails when it did not do what the name says: a
    /// look-up that misses must not pass for a fast hit.
    pub(crate) fn new<T>(name: &'static str, operation: impl FnMut() -> Result<T> + 'a) -> Self {
        Self {
            name,
            elsewhere: "",
            promised_allocations: None,
            run: repeat(operation),
            count: None,
        }
    }

    /// What others report for the same work, and who.
    pub(crate) fn elsewhere(mut self, figure: &'static str) -> Self {
        self.elsewhere = figure;
        self
    }

    /// The promise that the operation allocates at most so often.
    pub(crate) fn allocates_at_most(mut self, count: u32) -> Self {
        self.promised_allocations = Some(count);
        self
    }

    /// The same operation with all its work on the calling thread, to count its allocations by.
    pub(crate) fn counted_by<T>(mut self, operation: impl FnMut() -> Result<T> + 'a) -> Self {
        self.count = Some(repeat(operation));
        self
    }
}

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
            let name = run.subject.name;
            run.turn(effort).with_context(|| format!("bench {name}"))?;
        }
    }
    Ok(runs.into_iter().map(Run::into_figures).collect())
}

/// A subject and what was measured of it.
struct Run<'a> {
    subject: Subject<'a>,
    batch: u32,
    allocations: f64,
    times: Histogram<u64>,
}

impl<'a> Run<'a> {
    fn prepare(mut subject: Subject<'a>, clock: Duration, effort: &Effort) -> Result<Self> {
        let run = &mut subject.run;
        run(effort.warm_up_operations)?;
        let mut batch = 1;
        while usual_time(run, batch)? < clock * CLOCK_SHARE {
            batch *= 2;
        }
        let count = match &mut subject.count {
            Some(count) => {
                count(effort.warm_up_operations)?;
                count
            }
            None => run,
        };
        let mut outcome = Ok(());
        let counted = allocation_counter::measure(|| outcome = count(effort.counted_operations));
        outcome?;
        let allocations = counted.count_total as f64 / f64::from(effort.counted_operations);
        Ok(Self { subject, batch, allocations, times: Histogram::new(3)? })
    }

    fn turn(&mut self, effort: &Effort) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < effort.lead_in {
            (self.subject.run)(self.batch)?;
        }
        let start = Instant::now();
        loop {
            let taken = time(&mut self.subject.run, self.batch)?;
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
            promised_allocations: self.subject.promised_allocations,
        }
    }
}

/// What reading the clock costs: the median, as one interruption must not count.
fn clock_cost() -> Duration {
    let mut costs: Vec<Duration> = (0..1001)
        .map(|_| {
            let start = Instant::now();
            start.elapsed()
        })
        .collect();
    costs.sort_unstable();
    costs[costs.len() / 2].max(Duration::from_nanos(1))
}

fn repeat<'a, T>(
    mut operation: impl FnMut() -> Result<T> + 'a,
) -> Box<dyn FnMut(u32) -> Result<()> + 'a> {
    Box::new(move |times| {
        for _ in 0..times {
            black_box(operation()?);
        }
        Ok(())
    })
}

fn time(run: &mut (impl FnMut(u32) -> Result<()> + ?Sized), batch: u32) -> Result<Duration> {
    let start = Instant::now();
    run(batch)?;
    Ok(start.elapsed())
}

/// The median of a few, as some operations of a cache tidy up.
fn usual_time(run: &mut (impl FnMut(u32) -> Result<()> + ?Sized), batch: u32) -> Result<Duration> {
    let mut times = [Duration::ZERO; 15];
    for taken in &mut times {
        *taken = time(run, batch)?;
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
