use std::fmt;
use std::time::{Duration, Instant};

/// What time it is for a store in memory: the time since some start, which never runs backwards.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct Monotonic {
    start: Instant,
}

impl Default for Monotonic {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
