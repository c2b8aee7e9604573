use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Something that can be done over and over.
pub(crate) struct Subject<'a> {
    pub(crate) name: &'static str,
    pub(crate) elsewhere: &'static str,
    pub(crate) promise: Option<Promise>,
    timed: Repeated<'a>,
    counted: Option<Repeated<'a>>,
    refill: Box<dyn FnMut() -> Result<()> + 'a>,
}

/// How often an operation allocates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allocations {
    /// In the usual run of [`COUNTED_TOGETHER`] operations, per operation.
    pub(crate) usual: f64,
    /// In the worst.
    pub(crate) most: f64,
}

/// What is promised of an operation's allocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// There is none, ever.
    Never,
    /// So many at most, but for what a cache does once in hundreds of look-ups to keep itself tidy.
    Usually(u32),
}

/// Operations whose allocations are counted together: fewer than there are between two tidyings.
pub(crate) const COUNTED_TOGETHER: u32 = 32;

/// Does an operation so often; false when it ran dry on the way.
type Repeated<'a> = Box<dyn FnMut(u32) -> Result<bool> + 'a>;

impl<'a> Subject<'a> {
    /// One call of `operation` is one operation. It fails when it did not do what the name says: a
    /// look-up that misses must not pass for a fast hit.
    pub(crate) fn new<T>(
        name: &'static str,
        mut operation: impl FnMut() -> Result<T> + 'a,
    ) -> Self {
        let operation = move || operation().map(Some);
        Self::refilled(name, operation, || bail!("there is nothing to refill"))
    }

    /// An operation that uses something up and answers `None` when nothing is left. What was being
    /// measured is then thrown away and, after `refill`, begun again.
    pub(crate) fn refilled<T>(
        name: &'static str,
        operation: impl FnMut() -> Result<Option<T>> + 'a,
        refill: impl FnMut() -> Result<()> + 'a,
    ) -> Self {
        Self {
            name,
            elsewhere: "",
            promise: None,
            timed: repeated(operation),
            counted: None,
            refill: Box::new(refill),
        }
    }

    /// What others report for the same work, and who.
    pub(crate) fn elsewhere(mut self, figure: &'static str) -> Self {
        self.elsewhere = figure;
        self
    }

    /// What is promised of the operation's allocations.
    pub(crate) fn allocates(mut self, promise: Promise) -> Self {
        self.promise = Some(promise);
        self
    }

    /// The same operation with all its work on the calling thread, to count its allocations by.
    pub(crate) fn counted_by<T>(mut self, mut operation: impl FnMut() -> Result<T> + 'a) -> Self {
        self.counted = Some(repeated(move || operation().map(Some)));
        self
    }

    /// How long so many operations take.
    pub(crate) fn time(&mut self, operations: u32) -> Result<Duration> {
        loop {
            let start = Instant::now();
            if (self.timed)(operations)? {
                return Ok(start.elapsed());
            }
            (self.refill)()?;
        }
    }

    /// How often the operation allocates, over so many, after as many uncounted ones as `warm_up` says.
    pub(crate) fn count_allocations(
        &mut self,
        operations: u32,
        warm_up: u32,
    ) -> Result<Allocations> {
        let operation = match &mut self.counted {
            Some(counted) => {
                counted(warm_up)?;
                counted
            }
            None => &mut self.timed,
        };
        let mut counts = Vec::new();
        while counts.len() < (operations / COUNTED_TOGETHER).max(1) as usize {
            let mut ran = Ok(false);
            let counted = allocation_counter::measure(|| ran = operation(COUNTED_TOGETHER));
            if ran? {
                counts.push(counted.count_total);
            } else {
                (self.refill)()?;
            }
        }
        Ok(Allocations::of(counts))
    }
}

impl Allocations {
    /// Of runs of [`COUNTED_TOGETHER`] operations, at least one.
    fn of(mut counts: Vec<u64>) -> Self {
        counts.sort_unstable();
        let each = |count: u64| count as f64 / f64::from(COUNTED_TOGETHER);
        let (usual, most) = (counts[counts.len() / 2], counts[counts.len() - 1]);
        Self { usual: each(usual), most: each(most) }
    }
}

/// How often an operation on the calling thread allocates, over a few runs.
pub(crate) fn count_allocations(mut operation: impl FnMut() -> Result<()>) -> Result<Allocations> {
    const RUNS: usize = 8;
    let mut counts = Vec::new();
    for _ in 0..RUNS {
        let mut ran = Ok(());
        let counted = allocation_counter::measure(|| {
            ran = (0..COUNTED_TOGETHER).try_for_each(|_| operation());
        });
        ran?;
        counts.push(counted.count_total);
    }
    Ok(Allocations::of(counts))
}

impl Promise {
    /// Whether it is kept.
    pub(crate) fn holds(self, allocations: Allocations) -> bool {
        match self {
            Self::Never => allocations.most == 0.0,
            Self::Usually(count) => allocations.usual <= f64::from(count),
        }
    }
}

fn repeated<'a, T>(mut operation: impl FnMut() -> Result<Option<T>> + 'a) -> Repeated<'a> {
    Box::new(move |times| {
        for _ in 0..times {
            if black_box(operation()?).is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_runs_dry_is_refilled_and_done_again() {
        let (left, refills, done) = (Cell::new(0_u32), Cell::new(0), Cell::new(0));
        let take = || {
            done.set(done.get() + 1);
            Ok(left.get().checked_sub(1).map(|fewer| left.set(fewer)))
        };
        let refill = || {
            refills.set(refills.get() + 1);
            left.set(10);
            Ok(())
        };
        let mut subject = Subject::refilled("taking", take, refill);
        subject.time(4).unwrap();
        assert_eq!((refills.get(), left.get(), done.get()), (1, 6, 5));
        subject.time(8).unwrap();
        assert_eq!((refills.get(), left.get(), done.get()), (2, 2, 20));
    }

    #[test]
    fn rare_allocations_break_only_the_promise_of_none() {
        let mut done = 0;
        let mut subject = Subject::new("twice, and once in a thousand times more", || {
            done += 1;
            Ok([Some(Box::new(7)), Some(Box::new(8)), (done % 1000 == 0).then(|| Box::new(9))])
        });
        let allocations = subject.count_allocations(2000, 0).unwrap();
        assert_eq!(allocations.usual, 2.0);
        assert_eq!(allocations.most, 2.0 + 1.0 / f64::from(COUNTED_TOGETHER));
        assert!(Promise::Usually(2).holds(allocations));
        assert!(!Promise::Usually(1).holds(allocations));
        assert!(!Promise::Never.holds(Allocations { usual: 0.0, ..allocations }));
        assert!(Promise::Never.holds(Allocations { usual: 0.0, most: 0.0 }));
    }

    #[test]
    fn a_failed_operation_is_an_error() {
        let mut subject = Subject::new("failing", || -> Result<()> { bail!("a miss") });
        assert_eq!(subject.time(1).unwrap_err().to_string(), "a miss");
        assert!(subject.count_allocations(1, 0).is_err());
    }
}
