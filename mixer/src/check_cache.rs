//! The second-level cache: answers to Check, shared by all sidecars of this Mixer.
//!
//! Goal: an answer is reused only for a request for which a fresh answer would be the same. An entry's
//! key is the state of exactly those attributes that the answer read (crate `mesh-cache-key`), so it is
//! looked up once for each known shape of references. The generation of the policy is part of the value
//! and compared at look-up: an edit makes old answers invisible at once, and new ones replace them in
//! place instead of leaving dead entries behind.
//!
//! A finite use count is leased: each sidecar that is given the answer gets a part of what is left, so
//! that all of them together never use it more often than the handler allowed.
//!
//! While a handler is away an answer past its lifetime may be served for a set time, off by default: for
//! a moment, a few times, and only by the policy in force. It never outlives what the handlers say: a
//! denial, even one that cannot be kept, puts an end to every older allow for the same request. Uses that
//! are spent stay spent: how often is the handler's own limit, which no window moves.
//!
//! Refused: a cache by whole bags (volatile attributes make every bag unique), flushing on edits (a
//! metrics rule would empty it), and sharing entries between shapes that look compatible (an absent key
//! and an absent map are different answers).

mod entry;
mod flights;
mod shapes;

use std::cell::RefCell;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use mesh_attributes::Bag;
use mesh_cache_key::{Shape, key_for};
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::sync::Cache;
use serde::Serialize;

use self::flights::Flights;
use crate::answer::UseCount;
use crate::metrics::CheckCacheMetrics;
use crate::policy::{Generation, Policy};

pub(crate) use self::entry::{CachedAnswer, NewAnswer, Validity};
pub(crate) use self::flights::{FlightKey, Turn};
pub(crate) use self::shapes::NamespaceShapes;

/// Default bound of the cache: room for half a million answers of typical size, 0.9 kB each.
pub const DEFAULT_CACHE_BYTES: u64 = 512 * 1024 * 1024;

/// What an entry takes in memory beside the bytes of its key and value: moka's bookkeeping, the lists of
/// references, and what the allocator loses. Measured by `cargo xtask bench edits`, last line: with it the
/// bound is what the process grows by.
const ENTRY_OVERHEAD: usize = 650;

/// How long an answer past its lifetime may be used before its handlers are asked again.
const STALE_LIFETIME: Duration = Duration::from_secs(1);

/// How often it may be used in that time, the request that it answers included.
const STALE_USES: i32 = 10;

/// Tells the generation in force of each namespace.
pub(crate) trait CurrentGenerations {
    fn generation_of(&self, namespace: &str) -> Generation;
}

impl CurrentGenerations for Policy {
    fn generation_of(&self, namespace: &str) -> Generation {
        self.for_namespace(namespace).generation
    }
}

/// The cache. Cheap to share, safe from any thread, without a lock on look-up.
#[derive(Debug)]
pub(crate) struct CheckCache {
    answers: Cache<Box<[u8]>, Arc<CachedAnswer>, RandomState>,
    /// Dispatches under way for what was not found.
    pub(crate) flights: Arc<Flights>,
    stale_window: Duration,
    hash: RandomState,
    started: Instant,
    metrics: CheckCacheMetrics,
}

/// What a look-up led to.
#[derive(Debug)]
pub(crate) enum LookUp {
    Hit(Hit),
    /// Nothing. Requests with equal keys would have found the same.
    Miss(FlightKey),
}

/// A cached answer, with what of it may be used now.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) cached: Arc<CachedAnswer>,
    /// The generation in force, which is that of the answer; its revision may be higher.
    pub(crate) generation: Generation,
    pub(crate) valid_duration: Duration,
    pub(crate) valid_use_count: UseCount,
}

/// An answer that was to be kept.
#[derive(Debug)]
pub(crate) struct Inserted {
    pub(crate) answer: Arc<CachedAnswer>,
    /// The caller's part of its uses: all of them when it could not be kept.
    pub(crate) uses: UseCount,
    pub(crate) kept: bool,
}

thread_local! {
    /// Keys are put together here: a look-up allocates nothing.
    static KEY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl CheckCache {
    /// A cache of so many bytes; 0 turns it off.
    pub(crate) fn new(bytes: u64, metrics: CheckCacheMetrics) -> Self {
        metrics.limit.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let (expired, evicted) = (metrics.expired.clone(), metrics.evicted.clone());
        let answers = Cache::builder()
            .max_capacity(bytes)
            .eviction_listener(move |_key, _answer, cause| match cause {
                RemovalCause::Expired => expired.inc(),
                RemovalCause::Size => evicted.inc(),
                RemovalCause::Explicit | RemovalCause::Replaced => {}
            })
            .weigher(weigh)
            .expire_after(Lifetime)
            .build_with_hasher(RandomState::default());
        Self {
            answers,
            flights: Flights::new(metrics.clone()),
            stale_window: Duration::ZERO,
            hash: RandomState::default(),
            started: Instant::now(),
            metrics,
        }
    }

    /// The same, but answers are kept so long past their lifetime, see [`Self::look_up_stale`].
    pub(crate) fn with_stale_window(self, stale_window: Duration) -> Self {
        Self { stale_window, ..self }
    }

    /// The answer by the policy in force that fits `bag`, if one is cached, with a lease of its uses.
    /// `shapes` are those of the namespace that the request itself names.
    pub(crate) fn look_up(
        &self,
        shapes: &NamespaceShapes,
        policy: &impl CurrentGenerations,
        bag: &impl Bag,
        now: Instant,
    ) -> LookUp {
        let table = shapes.table();
        let mut seen = shapes.seed();
        KEY.with_borrow_mut(|key| {
            for (id, shape) in table.iter() {
                key_for(id, shape, bag, key);
                if let Some(hit) = self.fresh(key, policy, now) {
                    table.touch(id);
                    return LookUp::Hit(hit);
                }
                seen = seen.rotate_left(5) ^ self.hash.hash_one(key.as_slice());
            }
            LookUp::Miss(FlightKey(seen))
        })
    }

    /// The newest answer by the policy in force that fits `bag` and is past its lifetime by no more than
    /// the window, with a few of its uses. For when the handlers cannot be asked.
    pub(crate) fn look_up_stale(
        &self,
        shapes: &NamespaceShapes,
        policy: &impl CurrentGenerations,
        bag: &impl Bag,
        now: Instant,
    ) -> Option<Hit> {
        if self.stale_window.is_zero() {
            return None;
        }
        let (left, cached) = self
            .of_bag(shapes, bag)
            .filter_map(|(_, cached)| Some((cached.stale_left(now)?, cached)))
            .filter(|(_, cached)| in_force(cached, policy).is_some())
            .max_by_key(|(left, _)| *left)?;
        let generation = in_force(&cached, policy)?;
        let valid_use_count = cached.lease_few(STALE_USES)?;
        self.metrics.stale.inc();
        Some(Hit { cached, generation, valid_duration: left.min(STALE_LIFETIME), valid_use_count })
    }

    /// Keeps an answer for requests like `bag`.
    pub(crate) fn insert(
        &self,
        shapes: &NamespaceShapes,
        bag: &impl Bag,
        new: NewAnswer,
        validity: Validity,
        now: Instant,
    ) -> Inserted {
        if new.denied && !self.stale_window.is_zero() {
            self.forget_allows(shapes, bag);
        }
        let referenced = new.encoded.referenced();
        let key = (!validity.duration.is_zero() && validity.uses.0 != 0)
            .then(|| Shape::of(referenced))
            .flatten()
            .filter(|shape| shape.agrees(referenced, bag))
            .and_then(|shape| {
                let id = shapes.learn(&shape, self.started.elapsed(), &self.metrics)?;
                let mut key = Vec::new();
                key_for(id, &shape, bag, &mut key);
                Some(key.into_boxed_slice())
            });
        let answer = Arc::new(CachedAnswer::new(new, validity, self.stale_window, now));
        let Some(key) = key else {
            self.metrics.refused.inc();
            return Inserted { answer, uses: validity.uses, kept: false };
        };
        // The request that brought the answer is not one of its uses.
        let uses = answer.take_part().unwrap_or(UseCount(0));
        self.metrics.writes.inc();
        self.keep(key, Arc::clone(&answer));
        Inserted { answer, uses, kept: true }
    }

    /// Brings the gauges of size up to date.
    pub(crate) fn export_size(&self) {
        self.answers.run_pending_tasks();
        let clamp = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let usage = self.usage();
        self.metrics.entries.set(clamp(usage.entries));
        self.metrics.bytes.set(clamp(usage.bytes));
    }

    /// How much is in the cache, and how much may be.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            entries: self.answers.entry_count(),
            bytes: self.answers.weighted_size(),
            limit_bytes: self.answers.policy().max_capacity().unwrap_or(0),
        }
    }

    fn fresh(&self, key: &[u8], policy: &impl CurrentGenerations, now: Instant) -> Option<Hit> {
        let cached = self.answers.get(key)?;
        let generation = in_force(&cached, policy)?;
        let valid_duration = cached.left(now)?;
        let valid_use_count = cached.lease()?;
        Some(Hit { cached, generation, valid_duration, valid_use_count })
    }

    /// An answer that was long under way never replaces one of a newer generation.
    fn keep(&self, key: Box<[u8]>, new: Arc<CachedAnswer>) {
        self.answers.entry(key).and_compute_with(|old| match old {
            Some(old) if old.value().generation().is_newer_than(&new.generation()) => Op::Nop,
            _ => Op::Put(new),
        });
    }

    /// Removes what would let requests like `bag` pass.
    fn forget_allows(&self, shapes: &NamespaceShapes, bag: &impl Bag) {
        for (key, cached) in self.of_bag(shapes, bag).filter(|(_, cached)| !cached.denied()) {
            self.answers.entry(key).and_compute_with(|old| match old {
                Some(old) if Arc::ptr_eq(old.value(), &cached) => Op::Remove,
                _ => Op::Nop,
            });
        }
    }

    /// All that is kept for `bag`, whatever its age.
    fn of_bag(
        &self,
        shapes: &NamespaceShapes,
        bag: &impl Bag,
    ) -> impl Iterator<Item = (Box<[u8]>, Arc<CachedAnswer>)> {
        let mut key = Vec::new();
        let table = shapes.table();
        let found = table.iter().filter_map(|(id, shape)| {
            key_for(id, shape, bag, &mut key);
            Some((key.as_slice().into(), self.answers.get(key.as_slice())?))
        });
        found.collect::<Vec<_>>().into_iter()
    }
}

/// The generation in force of the answer's namespace, if the answer is of it.
fn in_force(cached: &CachedAnswer, policy: &impl CurrentGenerations) -> Option<Generation> {
    let current = policy.generation_of(cached.namespace());
    (current.digest == cached.generation().digest).then_some(current)
}

/// How full the cache is.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Usage {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) limit_bytes: u64,
}

#[expect(clippy::borrowed_box, reason = "the key's type is the cache's")]
fn weigh(key: &Box<[u8]>, value: &Arc<CachedAnswer>) -> u32 {
    let weight = key.len() + value.weight() + ENTRY_OVERHEAD;
    u32::try_from(weight).unwrap_or(u32::MAX)
}

/// Entries go when nothing may be made of them any more; whether they hold is judged from the value.
struct Lifetime;

impl moka::Expiry<Box<[u8]>, Arc<CachedAnswer>> for Lifetime {
    fn expire_after_create(
        &self,
        _key: &Box<[u8]>,
        value: &Arc<CachedAnswer>,
        now: Instant,
    ) -> Option<Duration> {
        Some(value.kept_for(now))
    }

    fn expire_after_update(
        &self,
        _key: &Box<[u8]>,
        value: &Arc<CachedAnswer>,
        now: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(value.kept_for(now))
    }
}

#[cfg(test)]
mod tests;
