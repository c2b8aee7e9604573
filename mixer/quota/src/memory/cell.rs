use std::collections::VecDeque;
use std::time::Duration;

use crate::ask::FOREVER;
use crate::{Ask, Grant, Window};

/// One counter.
#[derive(Debug)]
pub(super) enum Cell {
    Forever { used: i64 },
    Fixed { used: i64, length: Duration, end: Duration },
    Rolling(Rolling),
}

#[derive(Debug)]
pub(super) struct Rolling {
    length: Duration,
    bucket: Duration,
    used: i64,
    /// Oldest first; none is empty.
    buckets: VecDeque<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// The number of the bucket's stretch of time.
    number: u128,
    amount: i64,
}

/// Whether a rolling counter may have one more bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Left,
    /// The newest bucket takes in what is new, and with it comes back later.
    None,
}

impl Cell {
    pub(super) fn new(window: Window) -> Self {
        match window {
            Window::Forever => Self::Forever { used: 0 },
            Window::Fixed { length } => Self::Fixed { used: 0, length, end: Duration::ZERO },
            Window::Rolling { length, bucket } => {
                Self::Rolling(Rolling { length, bucket, used: 0, buckets: VecDeque::new() })
            }
        }
    }

    /// Decides `ask` and keeps count of it.
    pub(super) fn decide(&mut self, ask: &Ask, now: Duration, room: Room) -> Grant {
        self.expire(now);
        if ask.amount < 0 {
            return Grant { amount: self.release(-ask.amount), ..Grant::NONE };
        }
        let amount = ask.share(self.used());
        if amount == 0 {
            return Grant::NONE;
        }
        Grant { amount, valid_for: self.take(amount, now, room) }
    }

    /// Whether a new cell would behave as this one does.
    pub(super) fn is_idle(&mut self, now: Duration) -> bool {
        self.expire(now);
        self.used() == 0
    }

    /// Buckets besides the one that every cell may have.
    pub(super) fn further_buckets(&self) -> usize {
        match self {
            Self::Forever { .. } | Self::Fixed { .. } => 0,
            Self::Rolling(rolling) => rolling.buckets.len().saturating_sub(1),
        }
    }

    fn used(&self) -> i64 {
        match self {
            Self::Forever { used } | Self::Fixed { used, .. } => *used,
            Self::Rolling(rolling) => rolling.used,
        }
    }

    fn expire(&mut self, now: Duration) {
        match self {
            Self::Forever { .. } => {}
            Self::Fixed { used, end, .. } => {
                if *end <= now {
                    *used = 0;
                }
            }
            Self::Rolling(rolling) => rolling.expire(now),
        }
    }

    /// Returns how long the grant is valid.
    fn take(&mut self, amount: i64, now: Duration, room: Room) -> Duration {
        match self {
            Self::Forever { used } => {
                *used += amount;
                FOREVER
            }
            Self::Fixed { used, length, end } => {
                if *end <= now {
                    *end = now + *length;
                }
                *used += amount;
                *end - now
            }
            Self::Rolling(rolling) => {
                rolling.take(amount, now, room);
                rolling.length
            }
        }
    }

    /// Returns how much was freed.
    fn release(&mut self, amount: i64) -> i64 {
        let freed = amount.min(self.used());
        match self {
            Self::Forever { used } | Self::Fixed { used, .. } => *used -= freed,
            Self::Rolling(rolling) => rolling.release(freed),
        }
        freed
    }
}

impl Rolling {
    fn expire(&mut self, now: Duration) {
        let (now, length, step) = (now.as_nanos(), self.length.as_nanos(), self.bucket.as_nanos());
        while let Some(oldest) = self.buckets.front()
            && (oldest.number + 1) * step + length <= now
        {
            self.used -= oldest.amount;
            self.buckets.pop_front();
        }
    }

    fn take(&mut self, amount: i64, now: Duration, room: Room) {
        let number = now.as_nanos() / self.bucket.as_nanos();
        self.used += amount;
        match self.buckets.back_mut() {
            Some(newest) if newest.number >= number || room == Room::None => {
                newest.number = newest.number.max(number);
                newest.amount += amount;
            }
            _ => self.buckets.push_back(Bucket { number, amount }),
        }
    }

    /// From the newest back: what comes back last is freed first.
    fn release(&mut self, mut amount: i64) {
        self.used -= amount;
        while let Some(newest) = self.buckets.back_mut()
            && amount > 0
        {
            let freed = amount.min(newest.amount);
            amount -= freed;
            newest.amount -= freed;
            if newest.amount == 0 {
                self.buckets.pop_back();
            }
        }
    }
}
