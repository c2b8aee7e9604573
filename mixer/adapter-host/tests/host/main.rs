//! The host with real components.

#![expect(clippy::unwrap_used, reason = "a fixture that does not work fails its test")]

mod cache;
mod checks;
mod columns;
mod compiling;
mod crafted;
mod custom;
mod excess;
mod fixture;
mod floods;
mod frozen;
mod hostile;
mod large;
mod lists;
mod outbound;
mod quota;
mod registry;
mod reports;
mod structure;
mod templates;
mod wasi;
mod workloads;
