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
//! Refused: a cache by whole bags (volatile attributes make every bag unique), flushing on edits (a
//! metrics rule would empty it), and sharing entries between shapes that look compatible (an absent key
//! and an absent map are different answers).

use std::cell::RefCell;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use mesh_attributes::Bag;
use mesh_cache_key::{Shape, ShapeId, ShapeTable, key_for};
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::sync::Cache;
use serde::Serialize;

use crate::answer::{EncodedAnswer, UseCount};
use crate::metrics::Metrics;
use crate::policy::{Generation, Policy};

/// Default bound of the cache: room for 1.5 million answers of typical size.
pub const DEFAULT_CACHE_BYTES: u64 = 512 * 1024 * 1024;

/// Part of the uses left that one sidecar is given: an eighth, so that a fleet shares an answer without
/// the first sidecar keeping it all, and the last uses are not cut into crumbs.
const LEASE_PART: i64 = 8;

/// What moka keeps for each entry beside key and value: measured with a million small entries.
const ENTRY_OVERHEAD: usize = 200;

/// Tells the generation in force of each namespace.
pub(crate) trait CurrentGenerations {
    fn digest_of(&self, namespace: &str) -> [u8; 16];
}

impl CurrentGenerations for Policy {
    fn digest_of(&self, namespace: &str) -> [u8; 16] {
        self.for_namespace(namespace).generation.digest
    }
}

/// The cache. Cheap to share, safe from any thread, without a lock on look-up.
#[derive(Debug)]
pub(crate) struct CheckCache {
    answers: Cache<Box<[u8]>, Arc<CachedAnswer>, RandomState>,
    started: Instant,
    metrics: Metrics,
}

/// The shapes of references that answers of one namespace had. Lives as long as the namespace does, over
/// all its generations.
#[derive(Debug, Default)]
pub(crate) struct NamespaceShapes {
    table: ArcSwap<ShapeTable>,
    learning: Mutex<()>,
}

#[derive(Debug)]
pub(crate) struct CachedAnswer {
    new: NewAnswer,
    expires: Instant,
    /// Negative: without limit.
    uses_left: AtomicI64,
}

/// An answer before it is cached.
#[derive(Debug)]
pub(crate) struct NewAnswer {
    pub(crate) encoded: EncodedAnswer,
    pub(crate) denied: bool,
    /// The namespace that decided, and the generation of its policy.
    pub(crate) namespace: Arc<str>,
    pub(crate) generation: Generation,
}

/// A cached answer, with what of it may be used now.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) cached: Arc<CachedAnswer>,
    pub(crate) valid_duration: Duration,
    pub(crate) valid_use_count: UseCount,
}

impl CachedAnswer {
    /// An answer that is for one request alone.
    pub(crate) fn uncached(new: NewAnswer) -> Self {
        Self { new, expires: Instant::now(), uses_left: AtomicI64::new(0) }
    }

    pub(crate) fn encoded(&self) -> &EncodedAnswer {
        &self.new.encoded
    }

    pub(crate) fn denied(&self) -> bool {
        self.new.denied
    }

    pub(crate) fn namespace(&self) -> &Arc<str> {
        &self.new.namespace
    }

    pub(crate) fn generation(&self) -> Generation {
        self.new.generation
    }

    /// Whether the policy that gave the answer is the one in force.
    fn is_current(&self, policy: &impl CurrentGenerations) -> bool {
        policy.digest_of(&self.new.namespace) == self.new.generation.digest
    }
}

thread_local! {
    /// Keys are put together here: a look-up allocates nothing.
    static KEY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl CheckCache {
    pub(crate) fn new(bytes: u64, metrics: Metrics) -> Self {
        metrics.check_cache_limit.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let (expired, evicted) =
            (metrics.check_cache_expired.clone(), metrics.check_cache_evicted.clone());
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
        Self { answers, started: Instant::now(), metrics }
    }

    /// The answer by the policy in force that fits `bag`, if one is cached, with a lease of its uses.
    /// `shapes` are those of the namespace that the request itself names.
    pub(crate) fn look_up(
        &self,
        shapes: &NamespaceShapes,
        policy: &impl CurrentGenerations,
        bag: &impl Bag,
        now: Instant,
    ) -> Option<Hit> {
        let table = shapes.table.load();
        KEY.with_borrow_mut(|key| {
            for (id, shape) in table.iter() {
                key_for(id, shape, bag, key);
                let Some(cached) = self.answers.get(key.as_slice()) else { continue };
                if !cached.is_current(policy) || cached.expires <= now {
                    continue;
                }
                let Some(valid_use_count) = cached.lease() else { continue };
                table.touch(id);
                let valid_duration = cached.expires - now;
                return Some(Hit { cached, valid_duration, valid_use_count });
            }
            None
        })
    }

    /// Keeps an answer for requests like `bag` and returns it with the caller's part of its uses: all of
    /// them when the answer cannot be kept.
    pub(crate) fn insert(
        &self,
        shapes: &NamespaceShapes,
        bag: &impl Bag,
        new: NewAnswer,
        validity: Validity,
        now: Instant,
    ) -> (Arc<CachedAnswer>, UseCount) {
        let Validity { duration, uses } = validity;
        let answer = &new.encoded;
        let key = (!duration.is_zero() && uses.0 != 0)
            .then(|| Shape::of(answer.referenced()))
            .flatten()
            .filter(|shape| shape.agrees(answer.referenced(), bag))
            .and_then(|shape| {
                let id = shapes.learn(&shape, self.started.elapsed())?;
                let mut key = Vec::new();
                key_for(id, &shape, bag, &mut key);
                Some(key.into_boxed_slice())
            });
        let cached = Arc::new(CachedAnswer {
            new,
            expires: now + duration,
            uses_left: AtomicI64::new(i64::from(uses.0)),
        });
        let Some(key) = key else {
            self.metrics.check_uncacheable.inc();
            return (cached, uses);
        };
        // The request that brought the answer is not one of its uses.
        let lease = cached.take_part().map_or(UseCount(0), UseCount);
        self.metrics.check_cache_writes.inc();
        self.keep(key, Arc::clone(&cached));
        (cached, lease)
    }

    /// Brings the gauges of size up to date.
    pub(crate) fn export_size(&self) {
        self.answers.run_pending_tasks();
        let clamp = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let usage = self.usage();
        self.metrics.check_cache_entries.set(clamp(usage.entries));
        self.metrics.check_cache_bytes.set(clamp(usage.bytes));
    }

    /// How much is in the cache, and how much may be.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            entries: self.answers.entry_count(),
            bytes: self.answers.weighted_size(),
            limit_bytes: self.answers.policy().max_capacity().unwrap_or(0),
        }
    }

    /// An answer that was long under way never replaces one of a newer generation.
    fn keep(&self, key: Box<[u8]>, new: Arc<CachedAnswer>) {
        self.answers.entry(key).and_compute_with(|old| match old {
            Some(old) if old.value().generation().is_newer_than(&new.generation()) => Op::Nop,
            _ => Op::Put(new),
        });
    }
}

/// How full the cache is.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Usage {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) limit_bytes: u64,
}

/// How long and how often an answer may be used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) duration: Duration,
    pub(crate) uses: UseCount,
}

impl CachedAnswer {
    /// Takes a part of the uses left: negative when there is no limit, `None` when none is left.
    fn take_part(&self) -> Option<i32> {
        let part = |left: i64| if left < 0 { left } else { (left / LEASE_PART).max(1) };
        let left = self
            .uses_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| match left {
                0 => None,
                ..0 => Some(left),
                _ => Some(left - part(left)),
            })
            .ok()?;
        Some(i32::try_from(part(left)).unwrap_or(i32::MAX))
    }

    /// The lease for a request that found this answer: answering it is itself one of the uses.
    fn lease(&self) -> Option<UseCount> {
        let part = self.take_part()?;
        Some(UseCount(if part < 0 { part } else { part - 1 }))
    }
}

impl NamespaceShapes {
    /// The shapes known now.
    pub(crate) fn table(&self) -> Arc<ShapeTable> {
        self.table.load_full()
    }

    /// The id of `shape`; `None` while there is no room for one more.
    fn learn(&self, shape: &Shape, now: Duration) -> Option<ShapeId> {
        if let Some(id) = self.table.load().find(shape) {
            return Some(id);
        }
        let _one_at_a_time = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = ShapeTable::clone(&self.table.load());
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let id = table.learn(shape.clone(), now).id()?;
        self.table.store(Arc::new(table));
        Some(id)
    }
}

#[expect(clippy::borrowed_box, reason = "the key's type is the cache's")]
fn weigh(key: &Box<[u8]>, value: &Arc<CachedAnswer>) -> u32 {
    let weight = key.len() + value.encoded().weight() + ENTRY_OVERHEAD;
    u32::try_from(weight).unwrap_or(u32::MAX)
}

struct Lifetime;

impl moka::Expiry<Box<[u8]>, Arc<CachedAnswer>> for Lifetime {
    fn expire_after_create(
        &self,
        _key: &Box<[u8]>,
        value: &Arc<CachedAnswer>,
        now: Instant,
    ) -> Option<Duration> {
        Some(value.expires.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _key: &Box<[u8]>,
        value: &Arc<CachedAnswer>,
        now: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(value.expires.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests;
