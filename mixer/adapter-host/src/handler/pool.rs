use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::guest::Guest;

/// The idle instances of a handler's component, in one stack for each thread, and permits for those in
/// use. An instance that a thread has used last is the first it takes again.
pub(super) struct Pool {
    idle: Box<[Mutex<Vec<Guest>>]>,
    permits: Semaphore,
    size: u32,
}

/// The right to use one instance; ends on drop.
pub(super) type Permit<'p> = SemaphorePermit<'p>;

/// Why there is no permit.
pub(super) enum NoPermit {
    Busy,
    Closed,
}

impl Pool {
    pub(super) fn new(size: u32) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self {
            idle: (0..threads).map(|_| Mutex::default()).collect(),
            permits: Semaphore::new(size as usize),
            size,
        }
    }

    /// Waits until fewer than the limit are in use.
    pub(super) async fn permit(&self, deadline: Instant) -> Result<Permit<'_>, NoPermit> {
        // As a rule one is free, and that takes no timer.
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        match timeout_at(deadline, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_closed)) => Err(NoPermit::Closed),
            Err(_elapsed) => Err(NoPermit::Busy),
        }
    }

    /// An idle instance: of this thread, or else of another.
    pub(super) fn take(&self) -> Option<Guest> {
        let own = self.own_shard();
        (own..self.idle.len()).chain(0..own).find_map(|shard| self.shard(shard).pop())
    }

    /// Puts an instance back; its permit is to be dropped after that.
    pub(super) fn put(&self, guest: Guest) {
        if !self.permits.is_closed() {
            self.shard(self.own_shard()).push(guest);
        }
    }

    /// Waits for the calls under way and those that wait before this one.
    pub(super) async fn quiet(&self) {
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
        (self.size as usize).saturating_sub(self.permits.available_permits())
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
