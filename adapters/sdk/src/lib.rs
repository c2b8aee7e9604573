//! What a mixmesh adapter in Rust is written with.
//!
//! An adapter is a type that implements [`Adapter`] – parameters in, ready adapter out – and one trait
//! for each template it serves: [`CheckNothing`], [`ListEntry`], [`Metric`] or [`MetricSeries`],
//! [`LogEntry`]. [`export!`] makes a component of it. The same code runs natively in tests, with
//! [`testing`] in the host's place.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod adapter;
#[doc(hidden)]
pub mod bindings;
mod check;
#[doc(hidden)]
pub mod export;
mod hint;
pub mod host;
mod instance;
mod log_entry;
mod metric;
pub mod parameters;
mod problem;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
mod value;

pub use self::adapter::{Adapter, CheckNothing, ListEntry};
pub use self::check::{CallError, CheckResult, Code, FailedElement, Fault};
pub use self::hint::nearest;
pub use self::instance::{Field, Instance, InstanceIndex, Instances, Template, ValueType};
pub use self::log_entry::{Entry, LogEntry};
pub use self::metric::{KnownSeries, Metric, MetricInstance, MetricSeries, NewSeries, Sample};
pub use self::problem::{Problem, Problems};
pub use self::value::{StringMap, Value};
