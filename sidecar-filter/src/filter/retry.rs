//! Calls that are made again.
//!
//! A call that failed on its way is made again after a random pause, as often as configuration allows,
//! while the request's time lasts, and while the worker's budget does: repeats are at most a fifth of all
//! calls, but for a small reserve, so that a Mixer that is down is not asked twice as often for it. The
//! name of the question stays the same, so a quota is spent once.

use std::time::Duration;

use super::Filter;
use super::call::Call;
use crate::config::{RetryPolicy, Scope};
use crate::grpc::CallFailure;
use crate::host::{StreamHost, WakeEvent};
use crate::stats::Counter;

/// What one worker may still repeat.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    /// In fifths of a call.
    fifths: u32,
    random: u64,
}

impl RetryBudget {
    /// Repeats of a worker that has not called much.
    const RESERVE: u32 = 10;
    const FIFTHS: u32 = 5;

    pub(crate) fn new(seed: u64) -> Self {
        Self { fifths: Self::RESERVE * Self::FIFTHS, random: seed | 1 }
    }

    /// Notes a first call, which allows a fifth of a repeat.
    pub(crate) fn earn(&mut self) {
        self.fifths = (self.fifths + 1).min(Self::RESERVE * Self::FIFTHS);
    }

    fn spend(&mut self) -> bool {
        let left = self.fifths.checked_sub(Self::FIFTHS);
        self.fifths = left.unwrap_or(self.fifths);
        left.is_some()
    }

    /// A pause before repeat number `number`, from 0: between the base and twice as much each time.
    fn pause(&mut self, policy: &RetryPolicy, number: u32) -> Duration {
        // Xorshift: chance that no client can turn to account, since it decides on times alone.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let most = policy.base.saturating_mul(1 << number.min(16)).min(policy.cap);
        let range = most.saturating_sub(policy.base).as_nanos().max(1);
        let extra = u128::from(self.random) % range;
        policy.base + Duration::from_nanos(u64::try_from(extra).unwrap_or(u64::MAX))
    }
}

impl Filter {
    /// Whether a call that failed is made again later: if so, the stream is woken for it.
    pub(super) fn is_repeated<H: StreamHost>(
        &self,
        host: &H,
        scope: &Scope,
        call: &Call,
        failure: &CallFailure,
    ) -> bool {
        let policy = &scope.retry;
        if !failure.transport || failure.is_timeout() || call.repeats >= policy.max {
            return false;
        }
        let left = self
            .site
            .config
            .settings()
            .check_timeout
            .saturating_sub(host.now().since(self.began().0));
        let pause = {
            let budget = &mut self.site.worker.state.borrow_mut().retries;
            let pause = budget.pause(policy, call.repeats);
            if pause >= left || !budget.spend() {
                return false;
            }
            pause
        };
        let is_woken = host.wake_after(pause, WakeEvent::Retry);
        if is_woken {
            host.count(Counter::CheckRetries, 1);
        }
        is_woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { max: 10, base: Duration::from_millis(10), cap: Duration::from_millis(100) };

    #[test]
    fn pauses_lie_between_the_base_and_a_bound_that_doubles_up_to_the_cap() {
        let mut budget = RetryBudget::new(7);
        for number in 0..40 {
            let most = POLICY.base.saturating_mul(1 << number.min(16)).min(POLICY.cap);
            for _ in 0..100 {
                let pause = budget.pause(&POLICY, number);
                assert!(pause >= POLICY.base && pause <= most, "{number}: {pause:?}");
            }
        }
    }

    #[test]
    fn five_calls_allow_one_repeat_once_the_reserve_is_spent() {
        let mut budget = RetryBudget::new(7);
        let reserve = (0..1000).take_while(|_| budget.spend()).count();
        assert_eq!(reserve, 10);
        for _ in 0..4 {
            budget.earn();
            assert!(!budget.spend());
        }
        budget.earn();
        assert!(budget.spend());
        assert!(!budget.spend());
    }
}
