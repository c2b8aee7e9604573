use std::time::Duration;

/// Pauses between attempts that grow twice as long each time, drawn at random below that ("full jitter"),
/// so that many who lost the same peer do not come back to it at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, attempts: 0 }
    }

    /// For targets: from 100 ms up to 30 s.
    pub(super) fn of_target() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(30))
    }

    /// The pause before the next attempt; never less than a tenth of the first.
    pub(crate) fn pause(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        let limit = self.first.saturating_mul(factor).min(self.longest);
        self.attempts = self.attempts.saturating_add(1).min(31);
        limit.mul_f64(fastrand::f64()).max(self.first / 10)
    }

    /// The next pause is the first again.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_again_after_a_success() {
        let mut backoff = Backoff::of_target();
        for attempt in 0..100 {
            let limit = Duration::from_millis(100 << attempt.min(9)).min(backoff.longest);
            let pause = backoff.pause();
            assert!(pause <= limit && pause >= Duration::from_millis(10), "{attempt}: {pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(100));
    }
}
