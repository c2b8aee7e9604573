//! Batches of report instances on their way to an adapter.

mod call;
mod column;
mod column_template;
mod interner;
mod key;
mod metric;
mod rows;
mod texts;

use std::fmt;

use mesh_attributes::{StringMap, Timestamp};

pub use self::column_template::ColumnTemplate;
pub(crate) use self::interner::SeriesInterner;
pub use self::metric::MetricBatch;
pub use self::rows::ColumnBatch;

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

/// Nanoseconds since the epoch, held at the ends of the range.
pub(crate) fn epoch_nanos(moment: Timestamp) -> i64 {
    moment.seconds.saturating_mul(1_000_000_000).saturating_add(moment.nanos.into())
}

fn sorted_entries(map: &dyn StringMap) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    map.each(&mut |key, value| entries.push((key.to_owned(), value.to_owned())));
    entries.sort_unstable();
    entries
}
