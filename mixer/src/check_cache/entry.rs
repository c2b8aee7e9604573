//! What the cache keeps: an answer, how long it holds, and how often it may still be used.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::answer::{EncodedAnswer, UseCount};
use crate::policy::Generation;

/// Part of the uses left that one sidecar is given: an eighth, so that a fleet shares an answer without
/// the first sidecar keeping it all, and the last uses are not cut into crumbs.
const LEASE_PART: i64 = 8;

/// An answer before it is cached.
#[derive(Debug)]
pub(crate) struct NewAnswer {
    pub(crate) encoded: EncodedAnswer,
    pub(crate) denied: bool,
    /// The namespace that decided, and the generation of its policy.
    pub(crate) namespace: Arc<str>,
    pub(crate) generation: Generation,
}

/// How long and how often an answer may be used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) duration: Duration,
    pub(crate) uses: UseCount,
}

#[derive(Debug)]
pub(crate) struct CachedAnswer {
    new: NewAnswer,
    expires: Instant,
    /// Until when it is kept; later than it expires when it may be served stale.
    kept_until: Instant,
    /// Negative: without limit.
    uses_left: AtomicI64,
}

impl CachedAnswer {
    /// An answer that holds from `now` on, and is kept for `stale_window` longer than it holds.
    pub(super) fn new(
        new: NewAnswer,
        validity: Validity,
        stale_window: Duration,
        now: Instant,
    ) -> Self {
        let expires = now + validity.duration;
        let uses_left = AtomicI64::new(i64::from(validity.uses.0));
        Self { new, expires, kept_until: expires + stale_window, uses_left }
    }

    /// An answer that is for one request alone.
    pub(crate) fn uncached(new: NewAnswer) -> Self {
        let validity = Validity { duration: Duration::ZERO, uses: UseCount(0) };
        Self::new(new, validity, Duration::ZERO, Instant::now())
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

    /// How long it still holds; `None` when it does not.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        self.expires.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// How long it may still be served stale; `None` while it holds, and when it is too old.
    pub(super) fn stale_left(&self, now: Instant) -> Option<Duration> {
        if self.left(now).is_some() {
            return None;
        }
        self.kept_until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// How long it is still kept.
    pub(super) fn kept_for(&self, now: Instant) -> Duration {
        self.kept_until.saturating_duration_since(now)
    }

    /// Bytes in memory, beside what the cache itself needs for an entry.
    pub(super) fn weight(&self) -> usize {
        // The namespace's name is mostly shared, but not when the default policy decided.
        let beside_the_answer = size_of::<Self>() - size_of::<EncodedAnswer>();
        self.new.encoded.weight() + beside_the_answer + self.new.namespace.len()
    }

    /// Takes a part of the uses left: negative when there is no limit, `None` when none is left.
    pub(super) fn take_part(&self) -> Option<UseCount> {
        self.take(|left| (left / LEASE_PART).max(1))
    }

    /// The lease for a request that found this answer: answering it is itself one of the uses.
    pub(super) fn lease(&self) -> Option<UseCount> {
        self.take_part().map(UseCount::without_one)
    }

    /// As [`Self::lease`], of `most` uses.
    pub(super) fn lease_few(&self, most: i32) -> Option<UseCount> {
        let part = self.take(|left| (left / LEASE_PART).clamp(1, i64::from(most)))?;
        Some(if part.0 < 0 { UseCount(most) } else { part }.without_one())
    }

    fn take(&self, part: impl Fn(i64) -> i64) -> Option<UseCount> {
        let left = self
            .uses_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| match left {
                0 => None,
                ..0 => Some(left),
                _ => Some(left - part(left)),
            })
            .ok()?;
        let taken = if left < 0 { left } else { part(left) };
        Some(UseCount(i32::try_from(taken).unwrap_or(i32::MAX)))
    }
}

impl UseCount {
    fn without_one(self) -> Self {
        if self.0 < 0 { self } else { Self(self.0 - 1) }
    }
}
