use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Messages that may come at once, in seconds' worth of the rate: a start says more than a day.
const BURST_SECONDS: u32 = 5;

/// Limits the messages of an adapter to so many a second.
#[derive(Debug)]
pub(super) struct TalkLimit {
    rate: f64,
    bucket: Mutex<Bucket>,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
    /// Dropped since the last message that went through.
    dropped: u64,
}

impl TalkLimit {
    pub(super) fn new(rate: NonZeroU32, now: Instant) -> Self {
        let rate = f64::from(rate.get());
        let tokens = rate * f64::from(BURST_SECONDS);
        let bucket = Bucket { tokens, filled: now, dropped: 0 };
        Self { rate, bucket: Mutex::new(bucket), dropped: AtomicU64::new(0) }
    }

    /// Whether a message may go, and then how many were dropped since the one before.
    pub(super) fn admit(&self, now: Instant) -> Option<u64> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.filled = now;
        let full = self.rate * f64::from(BURST_SECONDS);
        bucket.tokens = (bucket.tokens + elapsed * self.rate).min(full);
        if bucket.tokens < 1.0 {
            bucket.dropped += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        bucket.tokens -= 1.0;
        Some(std::mem::take(&mut bucket.dropped))
    }

    /// Messages dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_and_the_dropped_are_told() {
        let start = Instant::now();
        let limit = TalkLimit::new(NonZeroU32::new(2).unwrap(), start);
        let passed = (0..100).filter(|_| limit.admit(start).is_some()).count();
        assert_eq!((passed, limit.dropped()), (10, 90));
        let later = start + Duration::from_secs(1);
        assert_eq!(limit.admit(later), Some(90));
        assert_eq!(limit.admit(later), Some(0));
        assert_eq!(limit.admit(later), None);
    }
}
