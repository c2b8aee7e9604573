//! Keeps the instances of a large component made ahead.
//!
//! A component that brings an interpreter takes milliseconds and megabytes for each instance, so handlers
//! of one have few, all made when the handler is built, and no call ever makes one. A call that loses its
//! instance – a crash, a deadline, a caller that went away – hands its permit to the keeper, a task of the
//! handler, which makes another instance in the background and then gives the permit back. Until then there
//! is one permit less: calls wait for the instances that are left, and where none is left, for the new one,
//! up to their own limit, which then counts as the adapter's failure. When no instance can be made, the
//! keeper tries again after 1 s, then after twice the time, at most every 30 s, for ever.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Handler;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is missing, and the task that makes it.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    state: Mutex<State>,
    lost: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// Instances that are lost and not yet replaced. The keeper has their permits.
    missing: u32,
    /// Why the last attempt to replace one failed.
    why: Option<String>,
    closed: bool,
    task: JoinSet<()>,
}

/// What came of an attempt to replace a lost instance.
enum Replaced {
    NothingMissing,
    Yes,
    No,
}

impl Keeper {
    /// Starts the task. It ends with the handler.
    pub(super) fn start(&self, handler: &Arc<Handler>) {
        self.state().task.spawn(keep(Arc::downgrade(handler), Arc::clone(&self.lost)));
    }

    /// Takes over a permit whose instance is lost; says whether it did.
    pub(super) fn take_over(&self) -> bool {
        let mut state = self.state();
        if !state.closed {
            state.missing += 1;
            self.lost.notify_one();
        }
        !state.closed
    }

    /// Ends a permit's absence unless the keeper is closed: runs `put` while nobody can close it.
    pub(super) fn give_back(&self, put: impl FnOnce()) {
        let mut state = self.state();
        if !state.closed {
            state.missing -= 1;
            state.why = None;
            put();
        }
    }

    /// Stops the task and returns the permits that the keeper had.
    pub(super) fn close(&self) -> u32 {
        let mut state = self.state();
        state.closed = true;
        state.task.abort_all();
        std::mem::take(&mut state.missing)
    }

    pub(super) fn missing(&self) -> u32 {
        self.state().missing
    }

    /// Why there is none, in words.
    pub(super) fn why_missing(&self) -> String {
        self.state().why.clone().unwrap_or_else(|| "they are being made again".to_owned())
    }

    fn failed(&self, why: String) {
        self.state().why = Some(why);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replaces what is lost. Holds the handler only while it makes an instance.
async fn keep(handler: Weak<Handler>, lost: Arc<Notify>) {
    let mut pause = FIRST_PAUSE;
    loop {
        lost.notified().await;
        loop {
            let Some(handler) = handler.upgrade() else { return };
            match handler.replace_one().await {
                Replaced::NothingMissing => break,
                Replaced::Yes => pause = FIRST_PAUSE,
                Replaced::No => {
                    drop(handler);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

impl Handler {
    async fn replace_one(&self) -> Replaced {
        let Some(keeper) = self.pool.keeper().filter(|keeper| keeper.missing() > 0) else {
            return Replaced::NothingMissing;
        };
        match self.instantiate().await {
            Ok(guest) => {
                self.pool.restore(guest);
                Replaced::Yes
            }
            Err(cause) => {
                let cause = cause.into_call_error();
                keeper.failed(cause.to_string());
                let (handler, adapter) = (self.name(), self.component.name());
                tracing::warn!(handler, adapter, %cause, "no instance of an adapter can be made in the place of a lost one, it is tried again");
                Replaced::No
            }
        }
    }
}
