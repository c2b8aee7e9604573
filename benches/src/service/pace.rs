use std::time::Duration;

use crate::effort::Effort;

/// How long and how much is measured.
#[derive(Debug)]
pub(super) struct Pace {
    /// How often the servers of a contest take turns.
    pub(super) turns: usize,
    /// How long each is called in its turn.
    pub(super) turn: Duration,
    /// How long it is then left to work off what it has queued.
    pub(super) settle: Duration,
    /// Clients that call at once: one call each.
    pub(super) clients: &'static [u32],
    /// How long a fixed rate is held.
    pub(super) at_rate: Duration,
    /// Answers that fill the cache.
    pub(super) answers: u64,
    /// How often Mixer is started.
    pub(super) starts: usize,
}

impl Pace {
    pub(super) fn new(effort: &Effort) -> Self {
        if effort.is_believable {
            Self {
                turns: 7,
                turn: Duration::from_millis(500),
                settle: Duration::from_millis(100),
                clients: &[1, 4, 16, 64],
                at_rate: Duration::from_secs(15),
                answers: 1_500_000,
                starts: 5,
            }
        } else {
            Self {
                turns: 1,
                turn: Duration::from_millis(50),
                settle: Duration::from_millis(20),
                clients: &[1, 16],
                at_rate: Duration::from_millis(300),
                answers: 15_000,
                starts: 1,
            }
        }
    }
}
