//! Who waits for whose call.
//!
//! Goal: when many requests miss at once for the same reason, Mixer is asked once. Choice: on one
//! worker, a request may wait for the call of another that looked the same under all shapes known for
//! their destination; when the answer is there each waiter looks the cache up with its own attributes,
//! so nobody is given another's verdict, and calls itself if it finds nothing. Refused: handing the
//! answer over (it may depend on what the waiter does not share), and waiting on answers that turned
//! out not to be shareable.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::rc::Rc;

use foldhash::fast::RandomState;

use crate::cache::Fingerprint;
use crate::destination::DestinationId;
use crate::host::{Wake, WakeEvent};

/// Requests that wait for one call; more call themselves.
const MAX_WAITERS: usize = 1024;

/// How many unshareable questions are remembered.
const LONELY: usize = 256;

/// A question that several requests may share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallKey {
    /// Where the requests go.
    pub destination: DestinationId,
    /// What they look like.
    pub fingerprint: Fingerprint,
}

/// Names a filter within its worker; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Serial(pub u64);

/// What a request that missed should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Call; others may wait for it.
    Lead,
    /// Call for itself.
    Alone,
    /// Wait: `on_scheduled` will come.
    Wait,
}

/// The calls under way on one worker that others wait for or may.
pub struct Calls {
    leading: HashMap<CallKey, Leading, RandomState>,
    /// Questions whose answer could lately not be kept, by their hash.
    lonely: Box<[Option<CallKey>; LONELY]>,
    hash: RandomState,
}

struct Leading {
    leader: Serial,
    waiters: VecDeque<Waiter>,
}

struct Waiter {
    serial: Serial,
    waker: Rc<dyn Wake>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            leading: HashMap::default(),
            lonely: Box::new([None; LONELY]),
            hash: RandomState::default(),
        }
    }
}

impl Calls {
    /// Decides what `serial` does about `key`. `waker` is asked for only when it is to wait.
    pub fn join(
        &mut self,
        key: CallKey,
        serial: Serial,
        waker: impl FnOnce() -> Rc<dyn Wake>,
    ) -> Turn {
        if *self.lonely(key) == Some(key) {
            return Turn::Alone;
        }
        match self.leading.get_mut(&key) {
            None => {
                self.leading.insert(key, Leading { leader: serial, waiters: VecDeque::new() });
                Turn::Lead
            }
            Some(call) if call.waiters.len() >= MAX_WAITERS => Turn::Alone,
            Some(call) => {
                call.waiters.push_back(Waiter { serial, waker: waker() });
                Turn::Wait
            }
        }
    }

    /// The call of the leader `serial` has its outcome: wakes all that waited for it.
    pub fn finish(&mut self, key: CallKey, serial: Serial) {
        if self.leading.get(&key).is_some_and(|call| call.leader == serial)
            && let Some(call) = self.leading.remove(&key)
        {
            for waiter in call.waiters {
                waiter.waker.wake(WakeEvent::Answered);
            }
        }
    }

    /// `serial` goes away, whatever its part was. The place of a leader is handed to a waiter.
    pub fn leave(&mut self, key: CallKey, serial: Serial) {
        let Some(call) = self.leading.get_mut(&key) else { return };
        if call.leader != serial {
            call.waiters.retain(|waiter| waiter.serial != serial);
        } else if let Some(next) = call.waiters.pop_front() {
            call.leader = next.serial;
            next.waker.wake(WakeEvent::Lead);
        } else {
            self.leading.remove(&key);
        }
    }

    /// `serial` goes away and does not know any more what its part was. Costs a walk over all calls.
    pub fn leave_all(&mut self, serial: Serial) {
        let keys: Vec<CallKey> = self.leading.keys().copied().collect();
        for key in keys {
            self.leave(key, serial);
        }
    }

    /// Notes whether the answer to `key` could be kept, and so is worth waiting for.
    pub fn note(&mut self, key: CallKey, shareable: bool) {
        let place = self.lonely(key);
        if !shareable {
            *place = Some(key);
        } else if *place == Some(key) {
            *place = None;
        }
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.leading.values().map(|call| call.waiters.len()).sum()
    }

    fn lonely(&mut self, key: CallKey) -> &mut Option<CallKey> {
        // The remainder is below LONELY, and so fits.
        let index = (self.hash.hash_one(key) % LONELY as u64) as usize;
        &mut self.lonely[index]
    }
}

#[cfg(test)]
mod tests;
