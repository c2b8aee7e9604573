//! A whole mesh on this machine: Envoy with our filter, Mixer, a service behind them and whatever else a
//! run asks for, each started, awaited, read and stopped. The demo, the system tests and the benches
//! all stand on it.
//!
//! It starts programs and looks at them from outside; it links nothing of ours, so that what is under
//! test is the binaries that users run.

mod layout;

pub use layout::{ENVOY_VERSION, Layout};
