//! Reports: what happened to each request, gathered by workers and sent by the main thread.
//!
//! A worker writes into its own slot, whose lock nobody else takes but the flush of each second. Full
//! batches go to one bounded queue. Each report is sent at most once; every reported request ends as
//! sent, lost (it never left), unknown (it left and nothing came back) or dropped (the queue was
//! full), and all four are counted.

mod outbox;
mod slot;
#[cfg(test)]
mod tests;

pub use outbox::{Batch, Reports};
pub use slot::{Pushed, ReportSlot};
