//! What an adapter can ask its host for. In native tests [`crate::testing`] answers.

pub mod clock;
pub mod counters;
pub mod lists;
pub mod log;
pub mod metrics;
pub mod outbound;
pub mod workloads;
