//! The wire codec against a second implementation, against itself and against garbage.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bags;
mod check;
mod hostile;
mod limits;
mod messages;
mod model;
mod references;
mod report;
