//! The host with real components.

mod checks;
mod fixture;
