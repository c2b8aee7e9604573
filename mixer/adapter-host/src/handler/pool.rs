use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::keeper::Keeper;
use crate::guest::Guest;

/// The idle instances of a handler's component, in one stack for each thread, and permits for those in
/// use. An instance that a thread has used last is the first it takes again.
pub(super) struct Pool {
    idle: Box<[Mutex<Vec<Guest>>]>,
    permits: Semaphore,
    size: u32,
    /// Present when instances are made ahead and never by a call.
    keeper: Option<Keeper>,
}

/// The right to use one instance. Dropped without [`Pool::put`] the instance is lost, and where instances
/// are made ahead the right comes back with the one in its place.
pub(super) struct Permit<'p> {
    pool: &'p Pool,
    permit: Option<SemaphorePermit<'p>>,
}

/// Why there is no permit.
pub(super) enum NoPermit {
    Busy,
    Closed,
}

impl Pool {
    /// For `size` instances; `ahead`: all of them are to be made before the first call.
    pub(super) fn new(size: u32, ahead: bool) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self {
            idle: (0..threads).map(|_| Mutex::default()).collect(),
            permits: Semaphore::new(size as usize),
            size,
            keeper: ahead.then(Keeper::default),
        }
    }

    /// Waits until fewer than the limit are in use.
    pub(super) async fn permit(&self, deadline: Instant) -> Result<Permit<'_>, NoPermit> {
        // As a rule one is free, and that takes no timer.
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(Permit { pool: self, permit: Some(permit) });
        }
        match timeout_at(deadline, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(Permit { pool: self, permit: Some(permit) }),
            Ok(Err(_closed)) => Err(NoPermit::Closed),
            Err(_elapsed) => Err(NoPermit::Busy),
        }
    }

    /// An idle instance: of this thread, or else of another.
    pub(super) fn take(&self) -> Option<Guest> {
        let own = self.own_shard();
        (own..self.idle.len()).chain(0..own).find_map(|shard| self.shard(shard).pop())
    }

    /// Adds an instance that was made before the first call.
    pub(super) fn add(&self, guest: Guest) {
        if !self.permits.is_closed() {
            self.shard(self.own_shard()).push(guest);
        }
    }

    /// Puts an instance back, and ends the right to use it.
    pub(super) fn put(&self, guest: Guest, mut permit: Permit<'_>) {
        self.add(guest);
        drop(permit.permit.take());
    }

    /// Puts an instance in the place of a lost one.
    pub(super) fn restore(&self, guest: Guest) {
        if let Some(keeper) = &self.keeper {
            keeper.give_back(|| {
                self.add(guest);
                self.permits.add_permits(1);
            });
        }
    }

    /// Missing when calls make the instances they need.
    pub(super) fn keeper(&self) -> Option<&Keeper> {
        self.keeper.as_ref()
    }

    /// Why no call can have an instance soon; `None` while there is one.
    pub(super) fn why_empty(&self) -> Option<String> {
        let keeper = self.keeper.as_ref().filter(|keeper| keeper.missing() >= self.size)?;
        Some(keeper.why_missing())
    }

    /// How many instances are to be alive.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// Waits for the calls under way and those that wait before this one. What is lost is not replaced any
    /// more.
    pub(super) async fn quiet(&self) {
        if let Some(keeper) = &self.keeper {
            self.permits.add_permits(keeper.close() as usize);
        }
        // An error means that the pool is closed, and so quiet.
        drop(self.permits.acquire_many(self.size).await);
    }

    /// Refuses new permits, waits for those given out, and removes all instances.
    pub(super) async fn close(&self) {
        // Fair: whoever asks after this waits behind it and is refused. An error means that another
        // call has closed the pool.
        let all = self.permits.acquire_many(self.size).await;
        self.permits.close();
        drop(all);
        while self.take().is_some() {}
    }

    pub(super) fn idle(&self) -> usize {
        (0..self.idle.len()).map(|shard| self.shard(shard).len()).sum()
    }

    pub(super) fn in_use(&self) -> usize {
        (self.size as usize).saturating_sub(self.permits.available_permits() + self.missing())
    }

    /// Instances made ahead that were lost and are not yet replaced.
    pub(super) fn missing(&self) -> usize {
        self.keeper.as_ref().map_or(0, |keeper| keeper.missing() as usize)
    }

    fn shard(&self, shard: usize) -> MutexGuard<'_, Vec<Guest>> {
        self.idle[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_shard(&self) -> usize {
        thread_local!(static THREAD: Cell<Option<usize>> = const { Cell::new(None) });
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        let thread = THREAD.get().unwrap_or_else(|| {
            let thread = THREADS.fetch_add(1, Ordering::Relaxed);
            THREAD.set(Some(thread));
            thread
        });
        thread % self.idle.len()
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.pool.keeper.as_ref().is_some_and(Keeper::take_over)
        {
            permit.forget();
        }
    }
}
