//! Runs adapters: WebAssembly components that decide about requests and take in what happened.
//!
//! For Mixer, which knows rules and attributes. This crate knows none of them: it compiles a component,
//! checks what it asks for, keeps instances of it, calls them within limits of time and memory, and
//! gives them what `wit/` promises. It never decides what a failed call means.

mod batch;
mod bindings;
mod compile_cache;
mod compiler;
mod component;
mod counters;
mod custom;
mod description;
mod error;
mod guest;
mod guest_text;
mod handler;
mod host;
mod imports;
mod lists;
mod loaded;
mod log_stream;
mod outbound;
mod parameter_path;
mod parameters;
mod reference;
mod registry;
mod series;
mod spec;
mod structure;
mod template;
mod ticker;
mod wasi;
mod workloads;

pub use mesh_attributes::{OwnedValue, Value as AdapterValue};
pub use mixer_quota::QuotaMetrics;

pub use self::batch::{ColumnBatch, ColumnTemplate, FailedElement, MetricBatch};
pub use self::compiler::{CompileCounts, CompileWatch};
pub use self::component::{Component, Import};
pub use self::custom::{CustomBatch, CustomField, CustomTemplate, FieldMistake};
pub use self::description::Description;
pub use self::error::{BuildError, CacheProblem, CallError, Fault, HostError, ParameterProblem};
pub use self::handler::{
    Attempt, Breaker, CheckResult, DirectResponse, Handler, HandlerStatus, Open, QuotaGrant,
    QuotaRequest, bounded_text, bounded_values,
};
pub use self::host::{AdapterHost, HostOptions};
pub use self::lists::{Fetches, ListStatus};
pub use self::outbound::{LostElements, TargetStatus};
pub use self::parameter_path::lower_camel_case;
pub use self::reference::{ComponentRef, OciRef, ReferenceError};
pub use self::registry::{RegistryError, RegistryOptions};
pub use self::series::{ScrapeFormat, SeriesStore};
pub use self::spec::{HandlerSpec, InstanceDecl, InstanceIndex, Limits};
pub use self::structure::{Counted, Excess};
pub use self::template::{Template, Variety};
pub use self::workloads::{Container, MAX_PODS, Overflow, Pod, WorkloadIndex};
