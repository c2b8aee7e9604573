//! What a mixmesh adapter in Rust is written with.
//!
//! An adapter is a type that implements [`Adapter`] – parameters in, ready adapter out – and one trait
//! for each template it serves: [`CheckNothing`], [`ListEntry`], [`Metric`] or [`MetricSeries`],
//! [`LogEntry`] or [`LogColumns`]. [`export!`] makes a component of it. The same code runs natively in
//! tests, with [`testing`] in the host's place.

mod adapter;
#[doc(hidden)]
pub mod bindings;
mod check;
#[doc(hidden)]
pub mod export;
mod hint;
pub mod host;
mod instance;
pub mod parameters;
mod problem;
mod value;

pub use self::adapter::{Adapter, CheckNothing, ListEntry};
pub use self::check::{CallError, CheckResult, Code, Fault};
pub use self::instance::{Field, Instance, InstanceIndex, Instances, Template, ValueType};
pub use self::problem::{Problem, Problems};
pub use self::value::{StringMap, Value};
