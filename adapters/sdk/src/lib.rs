//! What a mixmesh adapter in Rust is written with.
//!
//! An adapter is a type that implements [`Adapter`] – parameters in, ready adapter out – and one trait
//! for each template it serves: [`CheckNothing`], [`ListEntry`], [`ApiKey`], [`Authorization`],
//! [`KeyVal`], [`Quota`], [`Kubernetes`], [`Metric`] or [`MetricSeries`], [`LogEntry`],
//! [`TraceSpan`], [`Edge`], [`ReportNothing`]. [`export!`] makes a component of it. The same code runs natively in tests, with
//! [`testing`] in the host's place.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod adapter;
mod authorization;
#[doc(hidden)]
pub mod bindings;
mod check;
mod column;
mod conversation;
mod edge;
#[doc(hidden)]
pub mod export;
mod hint;
pub mod host;
mod instance;
mod kubernetes;
mod log_entry;
mod metric;
pub mod parameters;
mod problem;
mod quota;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
pub mod trace_context;
mod trace_span;
mod value;

pub use self::adapter::{Adapter, CheckNothing, KeyVal, ListEntry, ReportNothing};
pub use self::authorization::{Action, ApiKey, ApiKeyRequest, Authorization, Property, Subject};
pub use self::check::{CallError, CheckResult, Code, DirectResponse, FailedElement, Fault, Header};
pub use self::conversation::{Conversation, Step};
pub use self::edge::{Edge, EdgeEnd, WorkloadEdge};
pub use self::hint::nearest;
pub use self::instance::{Field, Instance, InstanceIndex, Instances, Template, ValueType};
pub use self::kubernetes::{Endpoint, Kubernetes, Workload, Workloads};
pub use self::log_entry::{Entry, LogEntry};
pub use self::metric::{KnownSeries, Metric, MetricInstance, MetricSeries, NewSeries, Sample};
pub use self::problem::{Problem, Problems};
pub use self::quota::{Grant, Quota, QuotaRequest};
pub use self::trace_span::{Span, TraceSpan};
pub use self::value::{StringMap, Value};
