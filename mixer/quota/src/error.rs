use std::time::Duration;

use thiserror::Error;

use crate::{MAX_AMOUNT, Window};

/// Why there is no decision.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// More than can be counted.
    #[error("an amount of {amount} is not between -{MAX_AMOUNT} and {MAX_AMOUNT}")]
    Amount {
        /// What was asked for.
        amount: i64,
    },
    /// The caller made the key for another window than the limit has.
    #[error("the counter's window {of_key:?} is not the limit's {of_limit:?}")]
    OtherWindow {
        /// The key's.
        of_key: Window,
        /// The limit's.
        of_limit: Window,
    },
    /// A remote store does not keep counters for ever: they would stay after everybody forgot them.
    #[error("{server} keeps no counters that never expire; give the quota a valid duration")]
    Forever {
        /// The store.
        server: String,
    },
    /// No more counters fit.
    #[error("all {cells} counters in memory are in use; more distinct dimensions than expected?")]
    Full {
        /// The bound.
        cells: usize,
    },
    /// Too many wishes are under way.
    #[error("{in_flight} grants of {server} are under way already; is it too slow for this load?")]
    Busy {
        /// The store.
        server: String,
        /// The bound.
        in_flight: usize,
    },
    /// The store cannot be reached; nothing was spent.
    #[error("{server} is away: {why}")]
    Away {
        /// The store.
        server: String,
        /// The last failure.
        why: String,
    },
    /// The wish was sent and no answer came. It counts as spent; the same deduplication id gets what was
    /// decided.
    #[error("{server} did not say within {limit:?} whether it granted ({why})")]
    Unknown {
        /// The store.
        server: String,
        /// The time there was.
        limit: Duration,
        /// How the answer was lost.
        why: String,
    },
    /// The store answered with an error of its own; nothing was spent.
    #[error("{server} refuses to count: {message}")]
    Refused {
        /// The store.
        server: String,
        /// What it says.
        message: String,
    },
    /// The answer makes no sense.
    #[error("{server} answers what is no grant: {answer}; is it a Redis of version 5 or later?")]
    Garbage {
        /// The store.
        server: String,
        /// What it said, shortened.
        answer: String,
    },
}

/// A remote store cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The address cannot be read.
    #[error(
        "redis_server_url {url:?} is no address: {why}; expected `host:port` or `redis[s]://[user:password@]host[:port][/database]`"
    )]
    Url {
        /// The address without its password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A bound of zero.
    #[error("{option} of a Redis store is zero")]
    Zero {
        /// Which.
        option: &'static str,
    },
}

impl StoreError {
    /// The reason as a metric's label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Amount { .. } | Self::OtherWindow { .. } | Self::Forever { .. } => "invalid",
            Self::Full { .. } => "full",
            Self::Busy { .. } => "busy",
            Self::Away { .. } => "away",
            Self::Unknown { .. } => "unknown",
            Self::Refused { .. } => "refused",
            Self::Garbage { .. } => "garbage",
        }
    }
}
