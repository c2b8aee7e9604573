use serde::Serialize;

/// What a handler has sent to one of its targets. Counts only grow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetStatus {
    /// The parameter that holds the address: the target's name.
    pub target: String,
    /// `udp`, `tcp` or `http`.
    pub protocol: &'static str,
    /// The address without user, password and query.
    pub address: String,
    /// `idle`, `connecting`, `connected`, `backing off` or `closed`.
    pub state: &'static str,
    /// The time until the next attempt, when it is backing off.
    pub next_attempt_ms: Option<u64>,
    /// Whether the last attempt to reach it failed.
    pub is_away: bool,
    /// Why the last attempt that failed did.
    pub last_error: Option<String>,
    /// Messages queued or under way.
    pub queued_messages: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Their elements.
    pub queued_elements: u64,
    /// The most bytes that may be queued.
    pub queue_limit_bytes: u64,
    /// Messages sent.
    pub sent_messages: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Their elements.
    pub sent_elements: u64,
    /// Elements lost.
    pub lost_elements: LostElements,
    /// Messages that were sent once more.
    pub retries: u64,
    /// Attempts to reach the target that failed, and connections that broke with something under way.
    pub connection_failures: u64,
}

/// Elements lost, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LostElements {
    /// The queue was full.
    pub queue_full: u64,
    /// The message was larger than the queue or a datagram.
    pub too_large: u64,
    /// The target said that it does not want it.
    pub refused: u64,
    /// The system could not send it.
    pub unsendable: u64,
    /// The handler was closed.
    pub closed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    QueueFull,
    TooLarge,
    Refused,
    Unsendable,
    Closed,
}

impl LostElements {
    /// Each reason as a metric's label, with its elements.
    pub fn by_reason(&self) -> [(&'static str, u64); 5] {
        [
            ("queue_full", self.queue_full),
            ("too_large", self.too_large),
            ("refused", self.refused),
            ("unsendable", self.unsendable),
            ("closed", self.closed),
        ]
    }

    /// All of them.
    pub fn sum(&self) -> u64 {
        self.by_reason().iter().map(|(_, elements)| elements).sum()
    }

    pub(super) fn add(&mut self, reason: Reason, elements: u64) {
        *match reason {
            Reason::QueueFull => &mut self.queue_full,
            Reason::TooLarge => &mut self.too_large,
            Reason::Refused => &mut self.refused,
            Reason::Unsendable => &mut self.unsendable,
            Reason::Closed => &mut self.closed,
        } += elements;
    }
}
