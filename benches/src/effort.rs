use std::time::Duration;

/// How long each subject is measured.
#[derive(Debug)]
pub(crate) struct Effort {
    /// How often the subjects of a group take turns.
    pub(crate) turns: u32,
    /// How long a turn is measured.
    pub(crate) turn: Duration,
    /// How long a subject runs unmeasured when its turn begins: the one before has emptied the caches.
    pub(crate) lead_in: Duration,
    /// How often a subject runs before anything is measured, at least.
    pub(crate) warm_up_operations: u32,
    /// Operations whose allocations are counted.
    pub(crate) counted_operations: u32,
    /// Whether the times may be believed.
    pub(crate) is_believable: bool,
}

impl Effort {
    /// Enough that a p99 is one: 2 s a subject, over which a machine changes its speed a few times.
    pub(crate) fn full() -> Self {
        Self {
            turns: 100,
            turn: Duration::from_millis(20),
            lead_in: Duration::from_millis(2),
            warm_up_operations: 20_000,
            counted_operations: 4096,
            is_believable: true,
        }
    }

    /// Just enough that everything ran.
    pub(crate) fn smoke() -> Self {
        Self {
            turns: 2,
            turn: Duration::from_millis(5),
            lead_in: Duration::ZERO,
            warm_up_operations: 2048,
            counted_operations: 1024,
            is_believable: false,
        }
    }
}
