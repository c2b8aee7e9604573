//! Whether look-ups scale: the same on one thread and on two at once, beside the plain caches they could
//! be made with. A cache whose readers wait for one another shows it in the row of two threads.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use foldhash::fast::RandomState;
use mixer::{Caller, Mixer};
use quick_cache::sync::DefaultLifecycle;

use super::{key, mixer as level2};
use crate::effort::Effort;
use crate::figures::Figures;
use crate::request::{Scattered, WORKING_SET};
use crate::subject::COUNTED_TOGETHER;

/// How often a turn of each subject comes.
const TURNS: u32 = 15;

/// A look-up on one thread: false when there was nothing to find, and the cache must be filled again.
type LookUp<'a> = Box<dyn FnMut() -> Result<bool> + Send + 'a>;

struct Subject<'a> {
    names: [&'static str; 2],
    /// The look-up for one more thread.
    look_up: Box<dyn Fn() -> LookUp<'a> + 'a>,
    refill: Box<dyn Fn() -> Result<()> + 'a>,
}

/// What was measured of one subject with so many threads.
#[derive(Default)]
struct Measured {
    /// Of one look-up, in each turn.
    nanos: Vec<f64>,
    operations: u64,
}

pub(super) fn run(
    mixer: &Mixer,
    refill: impl Fn() -> Result<()>,
    effort: &Effort,
) -> Result<Vec<Figures>> {
    let mut keys = key::keys()?;
    let moka = level2::plain_cache(&mut keys);
    let quick = plain_quick_cache(&mut keys);
    let requests = level2::requests();
    let subjects = [
        Subject {
            names: ["check_hit_l2_threads_1", "check_hit_l2_threads_2"],
            look_up: Box::new(|| {
                let mut requests = requests.clone();
                let caller = Caller { is_our_filter: true, ..Caller::default() };
                Box::new(move || Ok(mixer.check_cached(requests.next(), &caller)?.is_some()))
            }),
            refill: Box::new(&refill),
        },
        Subject {
            names: ["moka_get_threads_1", "moka_get_threads_2"],
            look_up: Box::new(|| {
                let (mut keys, moka) = (keys.clone(), &moka);
                Box::new(move || black_box(moka.get(keys.next())).context("a miss").map(|_| true))
            }),
            refill: Box::new(|| Ok(())),
        },
        Subject {
            names: ["quick_cache_get_threads_1", "quick_cache_get_threads_2"],
            look_up: Box::new(|| {
                let (mut keys, quick) = (keys.clone(), &quick);
                Box::new(move || black_box(quick.get(keys.next())).context("a miss").map(|_| true))
            }),
            refill: Box::new(|| Ok(())),
        },
    ];
    let mut figures = Vec::new();
    let mut measured: Vec<[Measured; 2]> = subjects.iter().map(|_| Default::default()).collect();
    for _ in 0..effort.turns.min(TURNS) {
        for (subject, measured) in subjects.iter().zip(&mut measured) {
            for (threads, measured) in measured.iter_mut().enumerate() {
                (subject.refill)()?;
                subject.turn(threads + 1, effort.turn, measured)?;
            }
        }
    }
    for (subject, measured) in subjects.iter().zip(measured) {
        for (name, measured) in subject.names.into_iter().zip(measured) {
            figures.push(subject.figures(name, measured)?);
        }
    }
    Ok(figures)
}

impl Subject<'_> {
    /// All threads look up at once for so long.
    fn turn(&self, threads: usize, turn: Duration, measured: &mut Measured) -> Result<()> {
        let barrier = Barrier::new(threads);
        let timed: Result<Vec<(Duration, u64)>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|_| {
                    let (mut look_up, barrier) = ((self.look_up)(), &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        look_up_for(turn, &mut *look_up)
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined.map(|timed| timed.ok().context("a thread panicked")?).collect()
        });
        for (time, operations) in timed?.into_iter().filter(|(_, operations)| *operations > 0) {
            measured.nanos.push(time.as_nanos() as f64 / operations as f64);
            measured.operations += operations;
        }
        Ok(())
    }

    fn figures(&self, name: &'static str, mut measured: Measured) -> Result<Figures> {
        (self.refill)()?;
        let mut look_up = (self.look_up)();
        let allocs = crate::subject::count_allocations(|| look_up().map(drop))?;
        measured.nanos.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| {
            let index = (measured.nanos.len() as f64 * part) as usize;
            measured.nanos.get(index).copied().context("no turn found anything")
        };
        Ok(Figures {
            name,
            p50_ns: at(0.5)?,
            p99_ns: at(0.99)?,
            allocs,
            n: measured.operations,
            batch: COUNTED_TOGETHER,
            elsewhere: "",
            promise: None,
        })
    }
}

/// Looks up until the time is over or nothing is left; only whole batches count.
fn look_up_for(
    turn: Duration,
    look_up: &mut (dyn FnMut() -> Result<bool> + Send),
) -> Result<(Duration, u64)> {
    let (mut time, mut operations) = (Duration::ZERO, 0);
    let end = Instant::now() + turn;
    while Instant::now() < end {
        let start = Instant::now();
        for _ in 0..COUNTED_TOGETHER {
            if !look_up()? {
                return Ok((time, operations));
            }
        }
        time += start.elapsed();
        operations += u64::from(COUNTED_TOGETHER);
    }
    Ok((time, operations))
}

fn plain_quick_cache(
    keys: &mut Scattered<Box<[u8]>>,
) -> quick_cache::sync::Cache<Box<[u8]>, Arc<Instant>, quick_cache::UnitWeighter, RandomState> {
    let cache = quick_cache::sync::Cache::with(
        2 * WORKING_SET,
        2 * WORKING_SET as u64,
        quick_cache::UnitWeighter,
        RandomState::default(),
        DefaultLifecycle::default(),
    );
    let value = Arc::new(Instant::now());
    for _ in 0..WORKING_SET {
        cache.insert(keys.next().clone(), Arc::clone(&value));
    }
    cache
}
