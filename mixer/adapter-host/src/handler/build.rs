use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mesh_attributes::ValueType;
use tokio::time::{Instant, timeout_at};
use wasmtime::PoolConcurrencyLimitError;

use super::breaker::Breaker;
use super::complaints::Complaints;
use super::lease::judge;
use super::pool::Pool;
use super::status::Counts;
use super::{Handler, Surroundings};
use crate::bindings::exports::mixmesh::adapter::lifecycle;
use crate::bindings::mixmesh::adapter::types;
use crate::counters::Place;
use crate::guest::{self, Guest, GuestExports, GuestState};
use crate::guest_text::cut;
use crate::lists::Fetching;
use crate::log_stream::Target;
use crate::outbound::Sending;
use crate::template::VERSION;
use crate::{
    AdapterHost, BuildError, CallError, Component, HandlerSpec, InstanceDecl, ParameterProblem,
    Template,
};

/// Problems that are told; more help nobody.
const MAX_PROBLEMS: usize = 100;

/// What is started when nothing can fail any more.
struct Outside {
    targets: Vec<Sending>,
    documents: Vec<Fetching>,
}

impl Handler {
    /// Makes the first instance of the component – of a [large](Component::is_large) one all that there may
    /// be – and has it take the configuration. Nothing outside the handler has changed when this fails; when it works, the handler's metrics take the place of those
    /// of an earlier handler with its name.
    ///
    /// # Errors
    /// [`BuildError::Refused`] with all that is wrong in the parameters; [`BuildError::Setup`] when the
    /// component crashes or does not answer.
    pub async fn build(
        host: &AdapterHost,
        component: Arc<Component>,
        spec: HandlerSpec,
    ) -> Result<Arc<Self>, BuildError> {
        let handler = Self::prepare(host, component, spec)?;
        let mut made = vec![handler.instantiate().await?];
        if handler.pool.keeper().is_some() {
            for _ in 1..handler.pool.size() {
                made.push(handler.instantiate().await?);
            }
        }
        let started = handler.prepare_outside(host).await?;
        let limits = &handler.spec.limits;
        let surroundings = &handler.surroundings;
        surroundings
            .series
            .commit(limits.series, limits.series_bytes)
            .map_err(|conflict| refused("", conflict))?;
        if let Some(target) = handler.stream_target()?
            && let Some(streams) = host.log_streams()
        {
            let stream = streams.open(&target).map_err(|error| {
                refused("output_path", format!("the stream cannot be opened: {error}"))
            })?;
            surroundings.stream.set(stream).expect("nobody else opens the handler's stream");
        }
        if let Some(place) = handler.counter_place()?
            && let Some(stores) = host.counters()
        {
            let counters = stores.open(&handler.spec.name, &place);
            let counters = counters.map_err(|error| refused(place.field(), error.to_string()))?;
            surroundings.counters.set(counters).expect("nobody else opens the handler's counters");
        }
        let handler = Arc::new(handler);
        if let Some(Outside { targets, documents }) = started {
            handler.surroundings.targets.start(targets, &Arc::downgrade(&handler));
            handler.surroundings.lists.start(documents).await;
        }
        for guest in made {
            handler.pool.add(guest);
        }
        if let Some(keeper) = handler.pool.keeper() {
            keeper.start(&handler);
        }
        Ok(handler)
    }

    /// Has a throw-away instance of the component check the configuration. Nothing changes outside.
    ///
    /// # Errors
    /// As [`Self::build`], but for metrics of two new handlers that contradict one another.
    pub async fn validate(
        host: &AdapterHost,
        component: Arc<Component>,
        spec: HandlerSpec,
    ) -> Result<(), BuildError> {
        let handler = Self::prepare(host, component, spec)?;
        handler.instantiate().await?;
        handler.stream_target()?;
        handler.counter_place().map(drop)
    }

    fn prepare(
        host: &AdapterHost,
        component: Arc<Component>,
        mut spec: HandlerSpec,
    ) -> Result<Self, BuildError> {
        let mut problems: Vec<_> = spec
            .instances
            .iter()
            .filter(|instance| !component.templates().contains(&instance.template))
            .map(|instance| ParameterProblem {
                field: String::new(),
                message: format!(
                    "adapter {} does not serve template {} of instance {}",
                    component.name(),
                    instance.template,
                    instance.name
                ),
            })
            .collect();
        problems.extend(spec.instances.iter().flat_map(own_mistakes));
        if !problems.is_empty() {
            return Err(BuildError::Refused { problems });
        }
        if let Some(schema) = &component.parameters {
            let checked = schema.check(&spec.params);
            spec.params = checked.map_err(|problems| BuildError::Refused { problems })?;
        }
        let converses = component.exports.conversation.is_some();
        let surroundings =
            Surroundings::new(host, &spec.name, &spec.params, &spec.limits, converses);
        Ok(Self {
            parameters: spec.params.to_string(),
            surroundings: Arc::new(surroundings),
            pool: Pool::new(spec.limits.instances.get(), component.is_large()),
            breaker: Breaker::default(),
            complaints: Complaints::default(),
            counts: Counts::default(),
            is_closing: AtomicBool::new(false),
            component,
            spec,
        })
    }

    /// Prepares what the component has named of the world outside; nothing where that is not to be opened.
    async fn prepare_outside(&self, host: &AdapterHost) -> Result<Option<Outside>, BuildError> {
        if !host.opens_targets() {
            return Ok(None);
        }
        let Surroundings { targets, lists, .. } = &*self.surroundings;
        let refused = |problem| BuildError::Refused { problems: vec![problem] };
        let targets = targets.prepare().await.map_err(refused)?;
        let documents = lists.prepare().await.map_err(refused)?;
        Ok(Some(Outside { targets, documents }))
    }

    /// Where the component's log lines go, if it can write any.
    fn stream_target(&self) -> Result<Option<Target>, BuildError> {
        if !self.component.can_call(&format!("mixmesh:host/log@{VERSION}"), "write") {
            return Ok(None);
        }
        let target = Target::from_parameters(&self.spec.params);
        target.map(Some).map_err(|problems| BuildError::Refused { problems })
    }

    /// Where the component's counters are, if it counts.
    fn counter_place(&self) -> Result<Option<Place>, BuildError> {
        if !self.component.can_call(&format!("mixmesh:host/counters@{VERSION}"), "take") {
            return Ok(None);
        }
        let place = Place::from_parameters(&self.spec.params);
        place.map(Some).map_err(|problem| BuildError::Refused { problems: vec![problem] })
    }

    /// Makes an instance of the component and configures it.
    pub(super) async fn instantiate(&self) -> Result<Guest, BuildError> {
        let limit = self.spec.limits.setup_deadline;
        let pre = &self.component.instance_pre;
        let mut store = GuestState::store(
            pre.engine(),
            self.component.imports(),
            &self.surroundings,
            &self.spec.limits,
        );
        let deadline = Instant::now() + limit;
        guest::arm(&mut store, std::time::Instant::now() + limit);
        let instance = match timeout_at(deadline, pre.instantiate_async(&mut store)).await {
            Ok(Ok(instance)) => instance,
            Ok(Err(error)) if error.is::<PoolConcurrencyLimitError>() => {
                return Err(CallError::HostFull.into());
            }
            Ok(Err(error)) => {
                let message = format!("no instance can be made: {}", error.root_cause());
                return Err(CallError::Trap { message }.into());
            }
            Err(_elapsed) => return Err(CallError::Deadline { limit }.into()),
        };
        let exports = GuestExports::find(&self.component, &mut store, &instance)
            .map_err(|error| CallError::Trap { message: error.to_string() })?;
        let mut guest = Guest { store, exports, series: Default::default() };
        self.configure(&mut guest, deadline).await?;
        Ok(guest)
    }

    async fn configure(&self, guest: &mut Guest, deadline: Instant) -> Result<(), BuildError> {
        let fields: Vec<Vec<_>> = self.spec.instances.iter().map(fields).collect();
        let instances: Vec<_> = self
            .spec
            .instances
            .iter()
            .zip(&fields)
            .map(|(instance, fields)| lifecycle::Instance {
                name: &instance.name,
                template: instance.template.name(),
                fields,
                value_type: instance.value_type.map(value_type),
            })
            .collect();
        let configuration = lifecycle::Configuration {
            handler: &self.spec.name,
            parameters: &self.parameters,
            instances: &instances,
        };
        let call = guest.exports.lifecycle.call_configure(&mut guest.store, configuration);
        let outcome = timeout_at(deadline, call).await;
        let answer = judge(outcome, guest, self.spec.limits.setup_deadline)?;
        self.note_names(guest, answer.is_ok())?;
        answer.map_err(|problems| BuildError::Refused {
            problems: problems
                .into_iter()
                .take(MAX_PROBLEMS)
                .map(|problem| ParameterProblem {
                    field: cut(problem.field),
                    message: cut(problem.message),
                })
                .collect(),
        })
    }

    /// Ends the naming of targets and documents.
    fn note_names(&self, guest: &mut Guest, is_configured: bool) -> Result<(), CallError> {
        let naming = guest.store.data_mut().naming.take().unwrap_or_default();
        if !is_configured {
            return Ok(());
        }
        let Surroundings { targets, lists, .. } = &*self.surroundings;
        let trap = |message| CallError::Trap { message };
        targets.all_named(naming.targets as usize).map_err(|other| trap(other.to_string()))?;
        lists.all_named(naming.lists as usize).map_err(|other| trap(other.to_string()))
    }
}

impl BuildError {
    /// As the failure of a call that needed a new instance.
    pub(super) fn into_call_error(self) -> CallError {
        match self {
            Self::Setup(cause) => cause,
            refused @ Self::Refused { .. } => CallError::Trap {
                message: format!("it no longer takes its configuration: {refused}"),
            },
        }
    }
}

impl GuestExports {
    fn find(
        component: &Component,
        store: &mut wasmtime::Store<GuestState>,
        instance: &wasmtime::component::Instance,
    ) -> wasmtime::Result<Self> {
        macro_rules! find {
            ($interface:ident) => {
                match &component.exports.$interface {
                    Some(indices) => Some(indices.load(&mut *store, instance)?),
                    None => None,
                }
            };
        }
        let custom = component.exports.custom.iter().map(|export| {
            let function = instance.get_func(&mut *store, export.function);
            let name = export.template.interface();
            function.ok_or_else(|| wasmtime::format_err!("{name} has no function"))
        });
        let custom: Vec<_> = custom.collect();
        Ok(Self {
            lifecycle: component.exports.lifecycle.load(&mut *store, instance)?,
            metric: find!(metric),
            logentry: find!(logentry),
            tracespan: find!(tracespan),
            edge: find!(edge),
            checknothing: find!(checknothing),
            listentry: find!(listentry),
            reportnothing: find!(reportnothing),
            apikey: find!(apikey),
            authorization: find!(authorization),
            keyval: find!(keyval),
            quota: find!(quota),
            kubernetes: find!(kubernetes),
            custom: custom.into_iter().collect::<wasmtime::Result<_>>()?,
            conversation: find!(conversation),
        })
    }
}

/// What is wrong with an instance of a template of the author's own.
fn own_mistakes(instance: &InstanceDecl) -> Vec<ParameterProblem> {
    let Template::Custom(template) = instance.template else { return Vec::new() };
    let fields = instance.fields.iter().map(|(name, value_type)| (name.as_str(), *value_type));
    let mistakes = template.mistakes(fields).into_iter().map(|mistake| ParameterProblem {
        field: String::new(),
        message: format!("instance {}: {mistake}", instance.name),
    });
    mistakes.collect()
}

fn refused(field: &str, message: String) -> BuildError {
    BuildError::Refused { problems: vec![ParameterProblem { field: field.to_owned(), message }] }
}

fn fields(instance: &InstanceDecl) -> Vec<lifecycle::Field<'_>> {
    instance
        .fields
        .iter()
        .map(|(name, declared)| lifecycle::Field { name, value_type: value_type(*declared) })
        .collect()
}

fn value_type(declared: ValueType) -> types::ValueType {
    match declared {
        ValueType::String => types::ValueType::Text,
        ValueType::Int64 => types::ValueType::Int64,
        ValueType::Double => types::ValueType::Double,
        ValueType::Bool => types::ValueType::Boolean,
        ValueType::Timestamp => types::ValueType::Timestamp,
        ValueType::IpAddress => types::ValueType::IpAddress,
        ValueType::EmailAddress => types::ValueType::EmailAddress,
        ValueType::Uri => types::ValueType::Uri,
        ValueType::DnsName => types::ValueType::DnsName,
        ValueType::Duration => types::ValueType::Duration,
        ValueType::StringMap => types::ValueType::StringMap,
    }
}
