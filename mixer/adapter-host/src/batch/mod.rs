//! Batches of report instances on their way to an adapter.

mod interner;
mod log;
mod metric;

use std::fmt;

pub(crate) use self::interner::SeriesInterner;
pub use self::log::LogBatch;
pub use self::metric::MetricBatch;

/// An element of a batch that was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedElement {
    /// The number that was pushed with it.
    pub element: u32,
    /// Why.
    pub message: String,
}

impl fmt::Display for FailedElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "element {}: {}", self.element, self.message)
    }
}
