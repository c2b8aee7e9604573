//! Between the generated bindings and an adapter. Not for authors: [`crate::export!`] uses it.

use std::any::Any;
use std::cell::RefCell;

use crate::bindings::apikey::exports::mixmesh::adapter::apikey;
use crate::bindings::authorization::exports::mixmesh::adapter::authorization;
use crate::bindings::base::exports::mixmesh::adapter::lifecycle;
use crate::bindings::base::mixmesh::adapter::types;
use crate::bindings::checknothing::exports::mixmesh::adapter::checknothing;
use crate::bindings::conversation::exports::mixmesh::adapter::conversation;
use crate::bindings::edge::exports::mixmesh::adapter::edge;
use crate::bindings::keyval::exports::mixmesh::adapter::keyval;
use crate::bindings::kubernetes::exports::mixmesh::adapter::kubernetes;
use crate::bindings::listentry::exports::mixmesh::adapter::listentry;
use crate::bindings::logentry::exports::mixmesh::adapter::logentry;
use crate::bindings::metric::exports::mixmesh::adapter::metric;
use crate::bindings::quota::exports::mixmesh::adapter::quota;
use crate::bindings::reportnothing::exports::mixmesh::adapter::reportnothing;
use crate::bindings::tracespan::exports::mixmesh::adapter::tracespan;
use crate::metric::SeriesById;
use crate::{
    Adapter, ApiKey, Authorization, CallError, CheckNothing, Conversation, Edge, FailedElement,
    Instance, InstanceIndex, Instances, KeyVal, Kubernetes, ListEntry, LogEntry, MetricSeries,
    Problem, Problems, Quota, ReportNothing, TraceSpan, Value, log_entry, parameters, trace_span,
};

/// Makes a component of an adapter: `adapter_sdk::export!(Denier: checknothing, listentry);`. The type
/// must implement the traits of the templates named.
#[macro_export]
macro_rules! export {
    ($adapter:ty: $($template:ident),+ $(,)?) => {
        const _: () = {
            ::std::thread_local! {
                static ADAPTER: $crate::export::Slot<$adapter> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            struct Exported;

            impl $crate::export::Exported for Exported {
                type Adapter = $adapter;

                const NAME: &str = ::core::env!("CARGO_PKG_NAME");
                const VERSION: &str = ::core::env!("CARGO_PKG_VERSION");
                const SUMMARY: &str = ::core::env!("CARGO_PKG_DESCRIPTION");

                fn with<R>(f: impl ::std::ops::FnOnce(&$crate::export::Slot<$adapter>) -> R) -> R {
                    ADAPTER.with(f)
                }
            }

            type Guest = $crate::export::Guest<Exported>;
            $crate::bindings::base::export_lifecycle!(
                Guest with_types_in $crate::bindings::base
            );
            $($crate::export_template!($template);)+
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export_template {
    (checknothing) => {
        $crate::bindings::checknothing::export_checknothing!(
            Guest with_types_in $crate::bindings::checknothing
        );
    };
    (listentry) => {
        $crate::bindings::listentry::export_listentry!(
            Guest with_types_in $crate::bindings::listentry
        );
    };
    (apikey) => {
        $crate::bindings::apikey::export_apikey!(
            Guest with_types_in $crate::bindings::apikey
        );
    };
    (authorization) => {
        $crate::bindings::authorization::export_authorization!(
            Guest with_types_in $crate::bindings::authorization
        );
    };
    (keyval) => {
        $crate::bindings::keyval::export_keyval!(
            Guest with_types_in $crate::bindings::keyval
        );
    };
    (quota) => {
        $crate::bindings::quota::export_quota!(
            Guest with_types_in $crate::bindings::quota
        );
    };
    (kubernetes) => {
        $crate::bindings::kubernetes::export_kubernetes!(
            Guest with_types_in $crate::bindings::kubernetes
        );
    };
    (reportnothing) => {
        $crate::bindings::reportnothing::export_reportnothing!(
            Guest with_types_in $crate::bindings::reportnothing
        );
    };
    (metric) => {
        $crate::bindings::metric::export_metric!(Guest with_types_in $crate::bindings::metric);
    };
    (tracespan) => {
        $crate::bindings::tracespan::export_tracespan!(
            Guest with_types_in $crate::bindings::tracespan
        );
    };
    (edge) => {
        $crate::bindings::edge::export_edge!(Guest with_types_in $crate::bindings::edge);
    };
    (conversation) => {
        $crate::bindings::conversation::export_conversation!(
            Guest with_types_in $crate::bindings::conversation
        );
    };
    (logentry) => {
        $crate::bindings::logentry::export_logentry!(
            Guest with_types_in $crate::bindings::logentry
        );
    };
}

/// Where a component keeps its adapter from one call to the next.
pub type Slot<A> = RefCell<Option<State<A>>>;

/// An adapter with what is kept for it.
pub struct State<A> {
    adapter: A,
    /// A `SeriesById` of the adapter's series, once there are any: not every adapter has such a type.
    series: Option<Box<dyn Any>>,
}

/// The adapter of this component.
pub trait Exported: 'static {
    /// Its type.
    type Adapter: Adapter;

    /// The package's name.
    const NAME: &str;
    /// The package's version.
    const VERSION: &str;
    /// The package's description.
    const SUMMARY: &str;

    /// Calls `f` with its place.
    fn with<R>(f: impl FnOnce(&Slot<Self::Adapter>) -> R) -> R;
}

/// Serves the generated interfaces for an adapter.
pub struct Guest<E>(std::marker::PhantomData<E>);

impl<E: Exported> lifecycle::Guest for Guest<E> {
    fn describe() -> lifecycle::Description {
        lifecycle::Description {
            name: E::NAME.to_owned(),
            version: E::VERSION.to_owned(),
            summary: E::SUMMARY.to_owned(),
            parameters: parameters::schema::<<E::Adapter as Adapter>::Parameters>(),
        }
    }

    fn configure(configuration: lifecycle::Configuration) -> Result<(), Vec<lifecycle::Problem>> {
        #[cfg(target_arch = "wasm32")]
        std::panic::set_hook(Box::new(|panic| {
            crate::host::log::log(crate::host::log::Level::Error, &panic.to_string());
        }));
        let adapter = configure::<E::Adapter>(configuration)?;
        E::with(|slot| *slot.borrow_mut() = Some(State { adapter, series: None }));
        Ok(())
    }
}

impl<E: Exported<Adapter: CheckNothing>> checknothing::Guest for Guest<E> {
    fn check(instance: u32) -> Result<types::CheckResult, types::CallError> {
        let answer = with_adapter::<E, _>(|a| a.check_nothing(InstanceIndex::new(instance)));
        Ok(answer??.into())
    }
}

impl<E: Exported<Adapter: ListEntry>> listentry::Guest for Guest<E> {
    fn check(instance: u32, value: types::Value) -> Result<types::CheckResult, types::CallError> {
        let instance = InstanceIndex::new(instance);
        let answer = with_adapter::<E, _>(|a| a.list_entry(instance, Value::from(&value)));
        Ok(answer??.into())
    }
}

impl<E: Exported<Adapter: ApiKey>> apikey::Guest for Guest<E> {
    fn check(
        instance: u32,
        request: apikey::Request,
    ) -> Result<types::CheckResult, types::CallError> {
        let instance = InstanceIndex::new(instance);
        let answer = with_adapter::<E, _>(|a| a.api_key(instance, &request));
        Ok(answer??.into())
    }
}

impl<E: Exported<Adapter: Authorization>> authorization::Guest for Guest<E> {
    fn check(
        instance: u32,
        subject: authorization::Subject,
        action: authorization::Action,
    ) -> Result<types::CheckResult, types::CallError> {
        let instance = InstanceIndex::new(instance);
        let answer = with_adapter::<E, _>(|a| a.authorize(instance, &subject, &action));
        Ok(answer??.into())
    }
}

impl<E: Exported<Adapter: KeyVal>> keyval::Guest for Guest<E> {
    fn check(instance: u32, key: String) -> Result<keyval::Answer, types::CallError> {
        let instance = InstanceIndex::new(instance);
        let (check, value) = with_adapter::<E, _>(|a| a.key_val(instance, &key))??;
        Ok(keyval::Answer { check: check.into(), value })
    }
}

impl<E: Exported<Adapter: Quota>> quota::Guest for Guest<E> {
    fn allocate(
        instance: u32,
        dimensions: Vec<types::Value>,
        request: quota::Request,
    ) -> Result<quota::Grant, types::CallError> {
        let instance = InstanceIndex::new(instance);
        let dimensions: Vec<Value<'_>> = dimensions.iter().map(Value::from).collect();
        let grant = with_adapter::<E, _>(|a| a.allocate(instance, &dimensions, &request));
        Ok(grant??.into())
    }
}

impl<E: Exported<Adapter: Kubernetes>> kubernetes::Guest for Guest<E> {
    fn generate(
        instance: u32,
        source: kubernetes::Endpoint,
        destination: kubernetes::Endpoint,
    ) -> Result<kubernetes::Workloads, types::CallError> {
        let instance = InstanceIndex::new(instance);
        Ok(with_adapter::<E, _>(|a| a.generate(instance, &source, &destination))??)
    }
}

impl<E: Exported<Adapter: ReportNothing>> reportnothing::Guest for Guest<E> {
    fn report(instance: u32, count: u32) -> Result<(), types::CallError> {
        let instance = InstanceIndex::new(instance);
        Ok(with_adapter::<E, _>(|a| a.report_nothing(instance, count))??)
    }
}

impl<E: Exported<Adapter: MetricSeries>> metric::Guest for Guest<E> {
    fn report(batch: metric::Batch) -> Vec<types::FailedElement> {
        type Table<A> = SeriesById<<A as MetricSeries>::Series>;
        let failed = with_state::<E, _>(|State { adapter, series }| {
            let series = series.get_or_insert_with(|| Box::new(Table::<E::Adapter>::default()));
            let series: &mut Table<E::Adapter> =
                series.downcast_mut().expect("an adapter has one type of series");
            series.report(adapter, &batch)
        });
        let everything = |error: CallError| {
            let fail = |element| FailedElement { element, message: error.message.clone() };
            (0..).zip(&batch.samples).map(|(element, _)| fail(element)).collect()
        };
        failed.unwrap_or_else(everything).into_iter().map(Into::into).collect()
    }
}

impl<E: Exported<Adapter: LogEntry>> logentry::Guest for Guest<E> {
    fn report(batch: logentry::Batch) -> Vec<types::FailedElement> {
        let failed = with_adapter::<E, _>(|adapter| log_entry::report(adapter, &batch));
        let elements = batch.groups.iter().flat_map(|group| &group.elements);
        all_unless(failed, elements)
    }
}

impl<E: Exported<Adapter: TraceSpan>> tracespan::Guest for Guest<E> {
    fn report(batch: tracespan::Batch) -> Vec<types::FailedElement> {
        let failed = with_adapter::<E, _>(|adapter| trace_span::report(adapter, &batch));
        let elements = batch.groups.iter().flat_map(|group| &group.elements);
        all_unless(failed, elements)
    }
}

impl<E: Exported<Adapter: Edge>> edge::Guest for Guest<E> {
    fn report(batch: edge::Batch) -> Vec<types::FailedElement> {
        let failed = with_adapter::<E, _>(|adapter| crate::edge::report(adapter, &batch));
        let elements = batch.groups.iter().flat_map(|group| &group.elements);
        all_unless(failed, elements)
    }
}

impl<E: Exported<Adapter: Conversation>> conversation::Guest for Guest<E> {
    fn opened(target: u32) -> Result<conversation::Step, String> {
        with_adapter::<E, _>(|a| a.opened(target)).map_err(|error| error.message)?
    }

    fn received(target: u32, state: Vec<u8>, data: Vec<u8>) -> Result<conversation::Step, String> {
        let step = with_adapter::<E, _>(|a| a.received(target, &state, &data));
        step.map_err(|error| error.message)?
    }
}

/// The elements that failed: all of them when the batch could not be handed over.
fn all_unless<'e>(
    failed: Result<Vec<FailedElement>, CallError>,
    elements: impl Iterator<Item = &'e u32>,
) -> Vec<types::FailedElement> {
    let fail = |message: &str, element: &u32| FailedElement {
        element: *element,
        message: message.to_owned(),
    };
    failed
        .unwrap_or_else(|error| elements.map(|e| fail(&error.message, e)).collect())
        .into_iter()
        .map(Into::into)
        .collect()
}

pub(crate) fn configure<A: Adapter>(
    configuration: lifecycle::Configuration,
) -> Result<A, Problems> {
    let parameters = parameters::parse(&configuration.parameters)?;
    let instances: Result<Instances, String> =
        configuration.instances.into_iter().map(Instance::try_from).collect();
    let instances = instances.map_err(|message| Problem::new("", message))?;
    A::configure(parameters, instances)
}

fn with_adapter<E: Exported, R>(f: impl FnOnce(&mut E::Adapter) -> R) -> Result<R, CallError> {
    with_state::<E, R>(|state| f(&mut state.adapter))
}

fn with_state<E: Exported, R>(f: impl FnOnce(&mut State<E::Adapter>) -> R) -> Result<R, CallError> {
    E::with(|slot| match slot.borrow_mut().as_mut() {
        Some(state) => Ok(f(state)),
        None => Err(CallError::adapter("the adapter was called before it was configured")),
    })
}
