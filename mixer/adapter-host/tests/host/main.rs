//! The host with real components.

#![expect(clippy::unwrap_used, reason = "a fixture that does not work fails its test")]

mod cache;
mod checks;
mod columns;
mod excess;
mod fixture;
mod hostile;
mod outbound;
mod quota;
mod reports;
mod templates;
mod workloads;
