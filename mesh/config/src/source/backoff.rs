use std::time::Duration;

/// Before the second try.
const SHORTEST: Duration = Duration::from_millis(100);
/// Between tries when a store has been away for a while.
const LONGEST: Duration = Duration::from_secs(10);

/// How long to wait between tries: each time about twice as long, up to ten seconds, and by chance less,
/// so that all processes of a mesh do not come back at the same moment.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// Before the first try.
    pub const fn new() -> Self {
        Self { next: SHORTEST }
    }

    /// The time to wait before the next try: a half to the whole of the current step.
    pub fn delay(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(LONGEST);
        step.mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    /// Takes note that a connection was of use for `lasted`: after a long one the next try comes soon.
    /// One that is cut again and again soon after it began does not count as a success.
    pub fn connection_lasted(&mut self, lasted: Duration) {
        if lasted >= LONGEST {
            *self = Self::new();
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_bound_and_differ_between_processes() {
        let mut backoff = Backoff::new();
        let mut step = SHORTEST;
        for _ in 0..20 {
            let delay = backoff.delay();
            assert!(delay >= step / 2 && delay <= step, "{delay:?} of {step:?}");
            step = (step * 2).min(LONGEST);
        }
        backoff.connection_lasted(Duration::from_secs(1));
        assert!(backoff.delay() >= LONGEST / 2);
        backoff.connection_lasted(LONGEST);
        assert!(backoff.delay() <= SHORTEST);
    }
}
