use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh_attributes::{Bag, References};
use mesh_cache_key::{Shape, ShapeTable, key_for};
use smallvec::SmallVec;

use super::pool::{Pool, PoolPolicy};
use super::spec::Charge;
use crate::cache::{Lru, hash_key};
use crate::check::Question;
use crate::generations::Snapshot;
use crate::host::Moment;

/// Pools that are kept; the one used least recently gives way.
const MAX_POOLS: usize = 10_000;
const MAX_POOL_BYTES: usize = 16 << 20;

/// Quotas by name; configuration names them, so there are few.
const MAX_QUOTAS: usize = 1024;

/// Calls ahead that wait for the main thread.
const MAX_PREFETCHES: usize = 64;

/// How long tokens hold whose grant does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// The quotas of one Mixer.
#[derive(Debug)]
pub struct Quotas {
    book: Mutex<Book>,
    prefetches: Mutex<VecDeque<Prefetch>>,
}

#[derive(Debug)]
struct Book {
    /// What grants of each quota depend on.
    shapes: HashMap<Arc<str>, ShapeTable>,
    pools: Lru<Pool>,
    /// Where keys are written; kept for its memory.
    key: Vec<u8>,
}

/// What Mixer is asked of one quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What the request itself needs of it.
    pub charge: Charge,
    /// What is asked for.
    pub amount: i64,
}

impl Ask {
    /// Asks for what the request needs and no more.
    pub fn exactly(charge: Charge) -> Self {
        Self { amount: charge.amount, charge }
    }

    /// Whether less than all is welcome.
    pub fn is_best_effort(&self) -> bool {
        self.amount > self.charge.amount
    }
}

/// What came of charging a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is paid, and these pools run low.
    Paid(SmallVec<[Ticket; 1]>),
    /// Mixer has to be asked.
    Short(SmallVec<[Ask; 2]>),
    /// There is nothing left of these, and there was nothing a moment ago.
    Exhausted(SmallVec<[Arc<str>; 2]>),
}

/// A call ahead for one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The quota's name.
    pub quota: Arc<str>,
    /// How much is asked for.
    pub amount: i64,
    pool: Box<[u8]>,
}

/// A call ahead that waits to be made.
#[derive(Debug)]
pub struct Prefetch {
    /// What it is for.
    pub ticket: Ticket,
    /// What is asked.
    pub question: Question,
}

/// A grant, as an answer has it.
#[derive(Debug)]
pub struct Grant {
    /// The quota's name.
    pub quota: String,
    /// How much.
    pub amount: i64,
    /// How long it holds; `None` when the answer does not say.
    pub lifetime: Option<Duration>,
    /// What it depends on; `None` when that cannot be told, so that nothing of it is kept.
    pub references: Option<References>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            book: Mutex::new(Book {
                shapes: HashMap::new(),
                pools: Lru::new(MAX_POOLS, MAX_POOL_BYTES),
                key: Vec::new(),
            }),
            prefetches: Mutex::default(),
        }
    }
}

impl Quotas {
    /// Charges the request behind `bag`: all of `charges` or, when one is not there, none.
    pub fn take<B: Bag>(
        &self,
        charges: &[Charge],
        bag: &B,
        policies: &Snapshot,
        now: Moment,
    ) -> Taken {
        let mut book = self.book();
        let mut asks = SmallVec::new();
        let mut exhausted = SmallVec::new();
        for charge in charges {
            let found = book.find(&charge.quota, bag, policies);
            let Some(pool) = found.and_then(|hash| book.pool(hash)) else {
                asks.push(Ask::exactly(charge.clone()));
                continue;
            };
            pool.note(charge.amount, now);
            if pool.available(now) >= charge.amount {
                continue;
            }
            if pool.is_closed(now) {
                exhausted.push(Arc::clone(&charge.quota));
            } else {
                let amount = pool.desired(now).max(charge.amount);
                asks.push(Ask { charge: charge.clone(), amount });
            }
        }
        if !exhausted.is_empty() {
            return Taken::Exhausted(exhausted);
        }
        if !asks.is_empty() {
            return Taken::Short(asks);
        }
        let mut tickets = SmallVec::new();
        for charge in charges {
            let found = book.find(&charge.quota, bag, policies);
            let Some(hash) = found else { continue };
            let key: Box<[u8]> = book.key.as_slice().into();
            if let Some(pool) = book.pool(hash) {
                pool.spend(charge.amount);
                if let Some(amount) = pool.ask_ahead(now) {
                    tickets.push(Ticket { quota: Arc::clone(&charge.quota), amount, pool: key });
                }
            }
        }
        Taken::Paid(tickets)
    }

    /// Takes in the answer to `ask` for the request behind `bag`, and pays its charge from it; false when
    /// it was not enough. `asked` is when the call was made.
    pub fn settle<B: Bag>(
        &self,
        ask: &Ask,
        grant: &Grant,
        bag: &B,
        policy: PoolPolicy,
        asked: Moment,
        now: Moment,
    ) -> bool {
        let granted = grant.amount.clamp(0, ask.amount);
        let pays = granted >= ask.charge.amount;
        let rest = if pays { granted - ask.charge.amount } else { granted };
        let short = granted < ask.amount;
        let mut book = self.book();
        if let Some((hash, is_new)) = book.place(&ask.charge.quota, grant, bag, now)
            && let Some(pool) = book.pool_of(hash, policy)
        {
            if is_new {
                pool.note(ask.charge.amount, now);
            }
            pool.fill(rest, short, expiry(grant, asked), now);
        }
        pays
    }

    /// Takes in the answer to a call ahead that was made at `asked`. Without an answer nothing is known of
    /// what is left, and requests ask for themselves.
    pub fn settle_ahead(&self, ticket: &Ticket, grant: Option<&Grant>, asked: Moment, now: Moment) {
        let mut book = self.book();
        let Some(pool) = book.pools.get(hash_key(&ticket.pool), &ticket.pool) else { return };
        pool.ahead_is_over();
        if let Some(grant) = grant {
            let granted = grant.amount.clamp(0, ticket.amount);
            pool.fill(granted, granted < ticket.amount, expiry(grant, asked), now);
        }
    }

    /// Queues a call ahead; when too many wait its pool is told that there is none.
    pub fn queue(&self, prefetch: Prefetch, now: Moment) -> bool {
        let mut queue = self.prefetches.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() < MAX_PREFETCHES {
            queue.push_back(prefetch);
            return true;
        }
        drop(queue);
        self.settle_ahead(&prefetch.ticket, None, now, now);
        false
    }

    /// The call ahead that has waited longest.
    pub fn next(&self) -> Option<Prefetch> {
        self.prefetches.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// How many pools there are.
    pub fn len(&self) -> usize {
        self.book().pools.len()
    }

    /// Whether there is no pool.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Each change leaves the book whole; what a panic leaves half done is a token lost.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// The pool of the request behind `bag` as the hash of [`Self::key`], dropping those whose policy
    /// has changed.
    fn find<B: Bag>(&mut self, quota: &Arc<str>, bag: &B, policies: &Snapshot) -> Option<u64> {
        let shapes = self.shapes.get(quota)?;
        for (id, shape) in shapes.iter() {
            // The ids of shapes are unique, so no two quotas share a key.
            key_for(id, shape, bag, &mut self.key);
            let hash = hash_key(&self.key);
            let Some(pool) = self.pools.get(hash, &self.key) else { continue };
            let is_current = pool.policy.is_none_or(|(namespace, digest)| {
                policies.known(namespace).generation.is_some_and(|known| known.digest == digest)
            });
            if is_current {
                shapes.touch(id);
                return Some(hash);
            }
            self.pools.remove(hash, &self.key);
        }
        None
    }

    fn pool(&mut self, hash: u64) -> Option<&mut Pool> {
        self.pools.get(hash, &self.key)
    }

    /// The place of a grant to the request behind `bag`, and whether it is new.
    fn place<B: Bag>(
        &mut self,
        quota: &Arc<str>,
        grant: &Grant,
        bag: &B,
        now: Moment,
    ) -> Option<(u64, bool)> {
        let references = grant.references.as_ref()?;
        let shape = Shape::of(references).filter(|shape| shape.agrees(references, bag))?;
        if self.shapes.len() >= MAX_QUOTAS && !self.shapes.contains_key(quota) {
            return None;
        }
        let shapes = self.shapes.entry(Arc::clone(quota)).or_default();
        let id = shapes.learn(shape.clone(), now.as_millis()).id()?;
        key_for(id, &shape, bag, &mut self.key);
        let hash = hash_key(&self.key);
        let is_new = self.pools.get(hash, &self.key).is_none();
        Some((hash, is_new))
    }

    /// The pool under [`Self::key`] for grants of `policy`, made when there is none of it.
    fn pool_of(&mut self, hash: u64, policy: PoolPolicy) -> Option<&mut Pool> {
        let is_of_policy = self.pool(hash).is_some_and(|pool| pool.policy == policy);
        if !is_of_policy {
            self.pools.insert(hash, &self.key, Pool::new(policy), size_of::<Pool>());
        }
        self.pools.get(hash, &self.key)
    }
}

/// Counted from when it was asked for, so that no token is spent after Mixer counts it as gone.
fn expiry(grant: &Grant, asked: Moment) -> Moment {
    asked.plus(grant.lifetime.unwrap_or(DEFAULT_LIFETIME))
}
