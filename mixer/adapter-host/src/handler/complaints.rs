use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whoever fails in each second call would fill the log and hide the others' lines.
const PAUSE: Duration = Duration::from_secs(60);

/// Limits what is logged of a handler's failures to a line a minute; the metrics count all.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    untold: u64,
}

impl Complaints {
    /// Whether a failure is logged, and then how many since the line before were not.
    pub(super) fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            state.untold += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_told_and_then_one_a_minute_with_the_count_of_the_others() {
        let (complaints, start) = (Complaints::default(), Instant::now());
        assert_eq!(complaints.admit(start), Some(0));
        assert_eq!((complaints.admit(start), complaints.admit(start + PAUSE / 2)), (None, None));
        assert_eq!(complaints.admit(start + PAUSE), Some(2));
        assert_eq!(complaints.admit(start + PAUSE * 2), Some(0));
    }
}
