use std::collections::VecDeque;
use std::time::Duration;

use crate::generations::{Digest, NamespaceId};
use crate::host::Moment;

/// Use is counted over so long, in slots of [`SLOT`].
const WINDOW_SLOTS: usize = 20;
const SLOT: Duration = Duration::from_millis(50);

/// The least that is asked for ahead.
const LEAST_PREFETCH: i64 = 10;

/// After a grant that was cut short nothing is asked for so long: there is nothing to be had.
const CLOSED: Duration = Duration::from_millis(500);

/// A call ahead that has no answer by then is given up.
const IN_FLIGHT: Duration = Duration::from_secs(5);

/// Grants that are kept apart by their expiry; more are put to the last.
const MAX_GRANTS: usize = 64;

/// The policy that granted tokens; `None` when Mixer does not name its policies.
pub type PoolPolicy = Option<(NamespaceId, Digest)>;

/// Tokens for requests that are equal in what a grant depends on.
#[derive(Debug)]
pub(super) struct Pool {
    /// Oldest first.
    grants: VecDeque<Grant>,
    used: Window,
    /// Until when nothing is asked for, since Mixer had no more.
    closed_until: Moment,
    asked_ahead: Option<Moment>,
    /// Tokens of another are worth nothing.
    pub(super) policy: PoolPolicy,
}

#[derive(Debug)]
struct Grant {
    tokens: i64,
    expires: Moment,
}

/// How much was taken in the last second.
#[derive(Debug, Default)]
struct Window {
    slots: [i64; WINDOW_SLOTS],
    /// The slot of now, counted from the clock's beginning.
    at: u64,
}

impl Pool {
    pub(super) fn new(policy: PoolPolicy) -> Self {
        Self {
            grants: VecDeque::new(),
            used: Window::default(),
            closed_until: Moment::default(),
            asked_ahead: None,
            policy,
        }
    }

    /// Tokens that may be spent now.
    pub(super) fn available(&mut self, now: Moment) -> i64 {
        self.grants.retain(|grant| grant.tokens > 0 && now < grant.expires);
        self.grants.iter().fold(0, |sum: i64, grant| sum.saturating_add(grant.tokens))
    }

    /// Notes a request that wants `amount`, whatever it gets.
    pub(super) fn note(&mut self, amount: i64, now: Moment) {
        self.used.add(amount, now);
    }

    /// Spends `amount`, which is available.
    pub(super) fn spend(&mut self, amount: i64) {
        let mut left = amount;
        for grant in &mut self.grants {
            let taken = left.min(grant.tokens);
            grant.tokens -= taken;
            left -= taken;
        }
    }

    /// Whether Mixer had no more a moment ago.
    pub(super) fn is_closed(&self, now: Moment) -> bool {
        now < self.closed_until
    }

    /// What is worth asking for: what the last second used.
    pub(super) fn desired(&mut self, now: Moment) -> i64 {
        self.used.sum(now).max(LEAST_PREFETCH)
    }

    /// What to ask for ahead, if it is time; from then on a call counts as under way.
    pub(super) fn ask_ahead(&mut self, now: Moment) -> Option<i64> {
        let desired = self.desired(now);
        let under_way = self.asked_ahead.is_some_and(|since| now.since(since) < IN_FLIGHT);
        if under_way || self.is_closed(now) || self.available(now) >= desired / 2 {
            return None;
        }
        self.asked_ahead = Some(now);
        Some(desired)
    }

    /// The call ahead is over, whatever came of it.
    pub(super) fn ahead_is_over(&mut self) {
        self.asked_ahead = None;
    }

    /// Takes in a grant. `short` when Mixer had less than was asked for.
    pub(super) fn fill(&mut self, tokens: i64, short: bool, expires: Moment, now: Moment) {
        self.closed_until = if short { now.plus(CLOSED) } else { Moment::default() };
        if tokens <= 0 {
            return;
        }
        let full = self.grants.len() >= MAX_GRANTS;
        match self.grants.back_mut() {
            Some(last) if full || last.expires == expires => {
                last.tokens = last.tokens.saturating_add(tokens);
                // Both end when the first of them does: some are lost, none is spent too late.
                last.expires = last.expires.min(expires);
            }
            _ => self.grants.push_back(Grant { tokens, expires }),
        }
    }
}

impl Window {
    fn move_to(&mut self, now: Moment) {
        let slot = now.as_millis() / SLOT.as_millis() as u64;
        let passed = slot.saturating_sub(self.at).min(WINDOW_SLOTS as u64);
        for old in 1..=passed {
            self.slots[((slot - passed + old) % WINDOW_SLOTS as u64) as usize] = 0;
        }
        self.at = self.at.max(slot);
    }

    fn add(&mut self, amount: i64, now: Moment) {
        self.move_to(now);
        let slot = &mut self.slots[(self.at % WINDOW_SLOTS as u64) as usize];
        *slot = slot.saturating_add(amount);
    }

    fn sum(&mut self, now: Moment) -> i64 {
        self.move_to(now);
        self.slots.iter().fold(0, |sum: i64, slot| sum.saturating_add(*slot))
    }
}
