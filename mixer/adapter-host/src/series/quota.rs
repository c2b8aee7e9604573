use std::sync::atomic::{AtomicU64, Ordering};

/// How many series, and how much text of labels, the handler of one name may hold.
#[derive(Debug)]
pub(super) struct Quota {
    series: Budget,
    bytes: Budget,
    overflowed: AtomicU64,
}

#[derive(Debug, Default)]
struct Budget {
    used: AtomicU64,
    limit: AtomicU64,
}

impl Quota {
    pub(super) fn new() -> Self {
        Self { series: Budget::default(), bytes: Budget::default(), overflowed: AtomicU64::new(0) }
    }

    pub(super) fn set_limits(&self, series: u64, bytes: u64) {
        self.series.limit.store(series, Ordering::Relaxed);
        self.bytes.limit.store(bytes, Ordering::Relaxed);
    }

    /// Takes the room of one series with `bytes` of labels, if there is any.
    pub(super) fn try_take(&self, bytes: usize) -> bool {
        if !self.series.try_take(1) {
            return false;
        }
        if !self.bytes.try_take(bytes as u64) {
            self.series.give_back(1);
            return false;
        }
        true
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.series.give_back(1);
        self.bytes.give_back(bytes as u64);
    }

    pub(super) fn count_overflow(&self) {
        self.overflowed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.series.used.load(Ordering::Relaxed)
    }

    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }
}

impl Budget {
    fn try_take(&self, amount: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let take = |used: u64| used.checked_add(amount).filter(|used| *used <= limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_back(&self, amount: u64) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }
}
