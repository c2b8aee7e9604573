//! Compiling, within a limit of time.
//!
//! Goal: no component, however it is made, keeps others from being loaded or takes all threads. A compile
//! under way cannot be stopped, so each runs on a thread of its own, and whoever asked for it waits no
//! longer than the limit. Then it is given up: refused, but left to its end, and what comes of it is used
//! by the next who asks, of which [`Compiler::late`] tells. While it goes on nobody begins it again, and
//! no more than [`MOST_GIVEN_UP`] are in that state; then nothing new is compiled. What is in the cache or
//! compiled already is not affected.
//!
//! The functions of a component are compiled side by side, in a pool for each compile: in one pool for
//! all, a component that is next would wait for the one that was given up. Of compiles that were not given
//! up [`MOST_AT_ONCE`] run, the others wait for their turn; their time counts from then on.
//!
//! Refused: a process for each compile, which could be killed, because Mixer would have to be able to start
//! processes wherever it runs.

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::ThreadPoolBuilder;
use tokio::sync::Notify;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile_cache::CompileCache;
use crate::structure::Structure;
use crate::{Counted, Excess};

/// Each may take a thread for each processor, and memory.
const MOST_AT_ONCE: usize = 4;

/// Compiles that were given up, and results of such that nobody has asked for.
const MOST_GIVEN_UP: usize = 4;

/// What came of compiling, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompileCounts {
    /// Compiles that were not done in time.
    pub given_up: u64,
    /// Those of them that still go on.
    pub given_up_under_way: u64,
}

/// Reads what came of compiling.
#[derive(Debug, Clone)]
pub struct CompileWatch(Arc<Desk>);

/// Why there is no compiled component.
#[derive(Debug)]
pub(crate) enum CompileFailure {
    Excess(Excess),
    /// In the compiler's words.
    Refused(String),
    TooSlow {
        limit: Duration,
        functions: u64,
        code: u64,
        largest: u64,
    },
    Busy {
        limit: usize,
    },
    Thread(io::Error),
}

#[derive(Debug)]
pub(crate) struct Compiler {
    engine: Engine,
    cache: Option<Arc<CompileCache>>,
    limit: Duration,
    desk: Arc<Desk>,
}

type Outcome = Result<Component, String>;

#[derive(Debug, Default)]
struct Desk {
    jobs: Mutex<Jobs>,
    /// Some job has ended or was given up.
    changed: Condvar,
    /// One that was given up has ended.
    late: Notify,
}

#[derive(Debug, Default)]
struct Jobs {
    by_digest: HashMap<[u8; 32], Job>,
    given_up: u64,
}

#[derive(Debug)]
struct Job {
    since: Instant,
    given_up: bool,
    /// Of all who wait for it, who may outlast its place in the table.
    outcome: Arc<OnceLock<Outcome>>,
}

impl Compiler {
    /// Compiles for `engine`, each component within `limit`, and keeps what comes of it in `cache`.
    pub(crate) fn new(engine: Engine, cache: Option<CompileCache>, limit: Duration) -> Self {
        Self { engine, cache: cache.map(Arc::new), limit, desk: Arc::default() }
    }

    /// The component of these bytes, from the cache if it is there. Blocks for the limit at most, and for the
    /// turns of others before that.
    pub(crate) fn compile(
        &self,
        digest: [u8; 32],
        wasm: Vec<u8>,
    ) -> Result<Component, CompileFailure> {
        if let Some(late) = self.desk.lock().take_late(&digest) {
            return late.map_err(CompileFailure::Refused);
        }
        if let Some(kept) = self.cache.as_ref().and_then(|c| c.load(&self.engine, &digest)) {
            return Ok(kept);
        }
        let structure = Structure::read(&wasm).map_err(CompileFailure::Excess)?;
        let (outcome, since) = self.begin(digest, wasm)?;
        self.await_outcome(&digest, &outcome, since).map_or_else(
            || {
                Err(CompileFailure::TooSlow {
                    limit: self.limit,
                    functions: structure.of(Counted::Functions),
                    code: structure.code,
                    largest: structure.of(Counted::FunctionBytes),
                })
            },
            |outcome| outcome.map_err(CompileFailure::Refused),
        )
    }

    pub(crate) fn watch(&self) -> CompileWatch {
        CompileWatch(Arc::clone(&self.desk))
    }

    /// Waits until a compile has ended well that was given up. Cancel safe.
    pub(crate) async fn late(&self) {
        self.desk.late.notified().await;
    }

    /// The compile of these bytes, begun now if nobody has.
    fn begin(
        &self,
        digest: [u8; 32],
        wasm: Vec<u8>,
    ) -> Result<(Arc<OnceLock<Outcome>>, Instant), CompileFailure> {
        let mut jobs = self.desk.lock();
        loop {
            if let Some(job) = jobs.by_digest.get(&digest) {
                return Ok((Arc::clone(&job.outcome), job.since));
            }
            let (given_up, others) = jobs.under_way();
            if given_up >= MOST_GIVEN_UP {
                return Err(CompileFailure::Busy { limit: MOST_GIVEN_UP });
            }
            if others < MOST_AT_ONCE {
                break;
            }
            jobs = self.desk.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
        let (since, outcome) = (Instant::now(), Arc::default());
        self.start(digest, wasm).map_err(CompileFailure::Thread)?;
        let job = Job { since, given_up: false, outcome: Arc::clone(&outcome) };
        // The thread comes to the desk only after us, who hold it.
        jobs.by_digest.insert(digest, job);
        Ok((outcome, since))
    }

    /// The thread belongs to nobody: it cannot be stopped, and the process ends without it.
    fn start(&self, digest: [u8; 32], wasm: Vec<u8>) -> io::Result<()> {
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let desk = Arc::clone(&self.desk);
        thread::Builder::new().name("compile".to_owned()).spawn(move || {
            let compiled = catch_unwind(AssertUnwindSafe(|| compile(&engine, &wasm)));
            let outcome = compiled.unwrap_or_else(|panic| Err(crash(&*panic)));
            drop(wasm);
            if let (Some(cache), Ok(component)) = (cache, &outcome) {
                cache.keep(&digest, component);
            }
            desk.end(digest, outcome);
        })?;
        Ok(())
    }

    /// What comes of a compile, or nothing when its time is over.
    fn await_outcome(
        &self,
        digest: &[u8; 32],
        outcome: &OnceLock<Outcome>,
        since: Instant,
    ) -> Option<Outcome> {
        let mut jobs = self.desk.lock();
        loop {
            if let Some(outcome) = outcome.get() {
                return Some(outcome.clone());
            }
            let left = self.limit.saturating_sub(since.elapsed());
            if left.is_zero() {
                jobs.give_up(digest);
                self.desk.changed.notify_all();
                return None;
            }
            let waited = self.desk.changed.wait_timeout(jobs, left);
            jobs = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl CompileWatch {
    /// What came of compiling until now.
    pub fn counts(&self) -> CompileCounts {
        let jobs = self.0.lock();
        CompileCounts { given_up: jobs.given_up, given_up_under_way: jobs.under_way().0 as u64 }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, digest: [u8; 32], outcome: Outcome) {
        let mut jobs = self.lock();
        let Some(job) = jobs.by_digest.get(&digest) else { return };
        let (given_up, took) = (job.given_up, job.since.elapsed());
        let is_good = outcome.is_ok();
        // Nobody else sets it: one thread for each job.
        let _ = job.outcome.set(outcome);
        if given_up {
            jobs.forget_some();
            tracing::info!(
                seconds = took.as_secs_f64(),
                is_good,
                "the compile of a component that was given up has ended"
            );
        } else {
            jobs.by_digest.remove(&digest);
        }
        drop(jobs);
        self.changed.notify_all();
        if given_up && is_good {
            self.late.notify_one();
        }
    }
}

impl Jobs {
    /// How many that were given up are under way, and how many others.
    fn under_way(&self) -> (usize, usize) {
        let under_way = || self.by_digest.values().filter(|job| job.is_under_way());
        let given_up = under_way().filter(|job| job.given_up).count();
        (given_up, under_way().count() - given_up)
    }

    fn give_up(&mut self, digest: &[u8; 32]) {
        if let Some(job) = self.by_digest.get_mut(digest)
            && !job.given_up
        {
            job.given_up = true;
            self.given_up += 1;
        }
    }

    /// What came of a compile that was given up.
    fn take_late(&mut self, digest: &[u8; 32]) -> Option<Outcome> {
        let outcome = self.by_digest.get(digest)?.outcome.get()?.clone();
        self.by_digest.remove(digest);
        Some(outcome)
    }

    /// Machine code takes memory: the oldest results that nobody has asked for go.
    fn forget_some(&mut self) {
        let ended = |job: &Job| !job.is_under_way();
        while self.by_digest.values().filter(|job| ended(job)).count() > MOST_GIVEN_UP {
            let ended = self.by_digest.iter().filter(|(_, job)| ended(job));
            let Some(oldest) = ended.min_by_key(|(_, job)| job.since).map(|(digest, _)| *digest)
            else {
                return;
            };
            self.by_digest.remove(&oldest);
        }
    }
}

impl Job {
    fn is_under_way(&self) -> bool {
        self.outcome.get().is_none()
    }
}

fn compile(engine: &Engine, wasm: &[u8]) -> Outcome {
    let pool = ThreadPoolBuilder::new().thread_name(|_| "compile".to_owned()).build();
    let pool = pool.map_err(|cause| format!("no threads to compile with: {cause}"))?;
    pool.install(|| Component::from_binary(engine, wasm)).map_err(|cause| format!("{cause:#}"))
}

fn crash(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the compiler crashed: {}", text.unwrap_or("without a reason"))
}
