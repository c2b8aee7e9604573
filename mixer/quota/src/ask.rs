use std::time::Duration;

use crate::limit::{MAX_SPAN, micros};
use crate::{CounterKey, Limit, MAX_AMOUNT, StoreError, Window};

/// How long a grant that never expires is valid: as long as Istio's `noop` says, 30 years.
pub const FOREVER: Duration = Duration::from_secs(1_000_000_000);

/// A wish for some of a quota, or the return of some of it.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The counter. Its window is that of the limit.
    pub(crate) key: CounterKey,
    pub(crate) max_amount: i64,
    pub(crate) amount: i64,
    pub(crate) best_effort: bool,
    pub(crate) deduplication: Option<Deduplication>,
}

/// Names a wish, so that asking twice takes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deduplication {
    /// Chosen by who asks; the same for a repetition. Belongs to the counter: others may see the same id.
    pub id: String,
    /// How long the answer is remembered.
    pub keep: Duration,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// What was granted: 0 is a denial. After a release, what was freed.
    pub amount: i64,
    /// How long it may be used; zero for a denial and a release.
    pub valid_for: Duration,
}

impl Ask {
    /// Asks `limit` on the counter of `key` for `amount`, all of it or nothing. A negative amount gives
    /// back; zero takes nothing and is answered so.
    ///
    /// # Errors
    /// When the amount is too large to count, or the key was made for another window.
    pub fn new(key: CounterKey, limit: Limit, amount: i64) -> Result<Self, StoreError> {
        if !(-MAX_AMOUNT..=MAX_AMOUNT).contains(&amount) {
            return Err(StoreError::Amount { amount });
        }
        if key.window() != limit.window() {
            return Err(StoreError::OtherWindow { of_key: key.window(), of_limit: limit.window() });
        }
        let max_amount = limit.max_amount();
        Ok(Self { key, max_amount, amount, best_effort: false, deduplication: None })
    }

    /// Takes what is left when there is less than the amount.
    #[must_use]
    pub fn best_effort(mut self, best_effort: bool) -> Self {
        self.best_effort = best_effort;
        self
    }

    /// Has the answer remembered, grants and denials alike: the same id gets the same amount and the
    /// time that is left of it. Without an id, or to be kept for no time, nothing is remembered. Time
    /// over ten years is cut.
    #[must_use]
    pub fn deduplicate(mut self, deduplication: Deduplication) -> Self {
        let keep = micros(deduplication.keep.min(MAX_SPAN));
        let named = !deduplication.id.is_empty() && !keep.is_zero();
        self.deduplication = named.then_some(Deduplication { keep, ..deduplication });
        self
    }

    /// How long grants count.
    pub fn window(&self) -> Window {
        self.key.window()
    }

    /// What is granted when `used` of the limit is taken already.
    pub(crate) fn share(&self, used: i64) -> i64 {
        let rest = (self.max_amount - used).max(0);
        if self.amount <= rest {
            self.amount
        } else if self.best_effort {
            rest
        } else {
            0
        }
    }
}

impl Grant {
    /// Nothing.
    pub const NONE: Self = Self { amount: 0, valid_for: Duration::ZERO };
}
