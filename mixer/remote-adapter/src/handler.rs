use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adapter_host::{
    Breaker, BuildError, CallError, CheckResult, HandlerStatus, InstanceIndex, Limits,
    ParameterProblem, QuotaGrant, QuotaRequest, Variety, bounded_values,
};
use mesh_api::adapter_model as model;
use mesh_attributes::{OwnedValue, ValueType};
use mesh_config::Connection;
use prost::Message;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::call::{Counts, MAX_IN_FLIGHT, count};
use crate::connection::{Failure, Link};
use crate::layout::Layout;
use crate::session::Session;
use crate::{RemoteAdapter, RemoteTemplate, answer};

/// What a handler is made from.
#[derive(Debug, Clone)]
pub struct RemoteSpec {
    /// `name.namespace`.
    pub name: String,
    /// What it calls.
    pub adapter: Arc<RemoteAdapter>,
    /// The parameters as they stand in the configuration; a JSON object.
    pub params: Value,
    /// Where the adapter is. A timeout given here takes the place of both deadlines of `limits`.
    pub connection: Connection,
    /// The instances that it may be called with.
    pub instances: Vec<InstanceShape>,
    /// Of these, the deadlines count.
    pub limits: Limits,
    /// Whether the adapter is asked now what it thinks of the parameters, if it can be: what is only
    /// looked at calls nobody.
    pub ask: bool,
}

/// An instance that rules send to a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceShape {
    /// `name.instance.namespace`.
    pub name: String,
    /// The template's name, without namespace.
    pub template: String,
    /// The fields that have an expression, with its type; values come in this order.
    pub fields: Vec<(String, ValueType)>,
}

/// A handler whose adapter runs in another process.
///
/// Calls run side by side. One whose future is dropped is cancelled.
#[derive(Debug)]
pub struct RemoteHandler {
    pub(crate) name: String,
    pub(crate) adapter: Arc<RemoteAdapter>,
    pub(crate) link: Link,
    pub(crate) instances: Vec<Prepared>,
    /// The parameters, encoded as `google.protobuf.Any`.
    pub(crate) config: Option<Vec<u8>>,
    pub(crate) session: Option<Session>,
    pub(crate) breaker: Breaker,
    pub(crate) in_flight: Semaphore,
    pub(crate) counts: Counts,
    check_limit: Duration,
    pub(crate) report_limit: Duration,
    /// Ids of calls that the caller gave none.
    pub(crate) next_id: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) name: String,
    pub(crate) template: Arc<RemoteTemplate>,
    pub(crate) layout: Layout,
}

impl RemoteHandler {
    /// Makes the handler. Waits for nobody, but for a session to be opened when the adapter wants one and
    /// `spec.ask` is set; an adapter that cannot be reached is no error: it may come.
    ///
    /// # Errors
    /// With all that is wrong in the parameters, the connection and the instances' fields; or what the
    /// adapter itself finds wrong.
    pub async fn build(spec: RemoteSpec) -> Result<Arc<Self>, BuildError> {
        let mut problems = Vec::new();
        let mut keep = |wrong: Vec<ParameterProblem>| problems.extend(wrong);
        let config = spec.adapter.encode_params(&spec.params).map_err(&mut keep).ok();
        let link = Link::new(&spec.connection).map_err(&mut keep).ok();
        let mut instances = Vec::new();
        for instance in &spec.instances {
            match prepare(&spec.adapter, instance) {
                Ok(prepared) => instances.push(prepared),
                Err(wrong) => keep(wrong),
            }
        }
        let (Some(config), Some(link), []) = (config, link, problems.as_slice()) else {
            return Err(BuildError::Refused { problems });
        };
        let session = spec.adapter.session_based.then(|| {
            let inferred_types = inferred_types(&instances);
            Session::new(model::CreateSessionRequest {
                adapter_config: config.clone(),
                inferred_types,
            })
        });
        let given = spec.connection.timeout_nanos.map(Duration::from_nanos);
        let handler = Self {
            name: spec.name,
            adapter: spec.adapter,
            link,
            instances,
            config: config.map(|any| any.encode_to_vec()),
            session,
            breaker: Breaker::default(),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            counts: Counts::default(),
            check_limit: given.unwrap_or(spec.limits.check_deadline),
            report_limit: given.unwrap_or(spec.limits.report_deadline),
            next_id: AtomicU64::new(fastrand::u64(..)),
        };
        if spec.ask {
            handler.ask(spec.limits.setup_deadline).await?;
        }
        Ok(Arc::new(handler))
    }

    /// Opens the session, if there is to be one.
    async fn ask(&self, limit: Duration) -> Result<(), BuildError> {
        let Some(session) = &self.session else { return Ok(()) };
        match session.id(&self.link, Instant::now() + limit, limit).await {
            Err(Failure { error: error @ CallError::Refused { .. }, .. }) => {
                let problem = ParameterProblem { field: String::new(), message: error.to_string() };
                Err(BuildError::Refused { problems: vec![problem] })
            }
            Err(Failure { error, .. }) => {
                tracing::warn!(handler = self.name, cause = %error, "an adapter cannot be asked about its parameters yet");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Has the adapter decide about a request. `values` are those of the instance's fields, in their
    /// order.
    ///
    /// # Errors
    /// When there is no decision, for whatever reason; the request's fate is the caller's policy.
    pub async fn check(
        &self,
        instance: InstanceIndex,
        values: &[OwnedValue],
    ) -> Result<CheckResult, CallError> {
        let prepared = self.instance(instance, Variety::Check)?;
        let message = prepared.encode(values)?;
        let answer = self.call(prepared, &[message], "", None, self.check_limit).await?;
        let output = prepared.template.output.as_ref();
        let result = self.taken(answer::check(answer, output).and_then(CheckResult::bounded))?;
        count(&self.counts.trimmed, u64::from(result.1));
        Ok(result.0)
    }

    /// Has the adapter grant a part of a quota.
    ///
    /// # Errors
    /// When nobody knows what was granted, for whatever reason.
    pub async fn allocate(
        &self,
        instance: InstanceIndex,
        values: &[OwnedValue],
        request: &QuotaRequest,
    ) -> Result<QuotaGrant, CallError> {
        let prepared = self.instance(instance, Variety::Quota)?;
        let message = prepared.encode(values)?;
        let QuotaRequest { deduplication_id, amount, best_effort } = request;
        let params =
            model::quota_request::QuotaParams { amount: *amount, best_effort: *best_effort };
        let asked =
            model::QuotaRequest { quotas: HashMap::from([(prepared.name.clone(), params)]) };
        let asked = Some(asked.encode_to_vec());
        let answer =
            self.call(prepared, &[message], deduplication_id, asked, self.check_limit).await?;
        let grant = self.taken(answer::quota(answer, &prepared.name))?;
        let (grant, trimmed) = grant.bounded(*amount);
        count(&self.counts.trimmed, u64::from(trimmed));
        Ok(grant)
    }

    /// Has the adapter generate attributes: what it knows of the template's outputs, by name.
    ///
    /// # Errors
    /// When it cannot, for whatever reason. That something is not known is no error.
    pub async fn generate(
        &self,
        instance: InstanceIndex,
        values: &[OwnedValue],
    ) -> Result<Vec<(String, OwnedValue)>, CallError> {
        let prepared = self.instance(instance, Variety::AttributeGenerator)?;
        let Some(output) = &prepared.template.output else { return Ok(Vec::new()) };
        let message = prepared.encode(values)?;
        let answer = self.call(prepared, &[message], "", None, self.check_limit).await?;
        let values = self.taken(answer::values(output, &answer).and_then(bounded_values))?;
        Ok(values.into_iter().map(|(name, value)| (name.into_owned(), value)).collect())
    }

    /// What the handler has done so far.
    pub fn status(&self) -> HandlerStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counts { calls, deadlines, unreachable, exhausted, .. } = &self.counts;
        HandlerStatus {
            name: self.name.clone(),
            adapter: self.adapter.name().to_owned(),
            address: self.link.address().to_owned(),
            calls: read(calls),
            deadlines: read(deadlines),
            unreachable: read(unreachable),
            retries: read(&self.counts.retries),
            exhausted: read(exhausted),
            refused_by_breaker: read(&self.counts.refused_by_breaker),
            breaker_open: self.breaker.is_open(),
            errors: read(&self.counts.errors),
            answers_trimmed: read(&self.counts.trimmed),
            failed_elements: read(&self.counts.failed_elements),
            instances_in_use: MAX_IN_FLIGHT - self.in_flight.available_permits(),
            ..HandlerStatus::default()
        }
    }

    /// Refuses all further calls, and ends the session.
    pub async fn close(&self) {
        self.in_flight.close();
        if let Some(session) = &self.session {
            session.close(&self.link).await;
        }
    }

    pub(crate) fn instance(
        &self,
        index: InstanceIndex,
        variety: Variety,
    ) -> Result<&Prepared, CallError> {
        let declared = self.instances.get(index.0 as usize);
        declared
            .filter(|prepared| prepared.template.variety() == variety)
            .ok_or(CallError::NoSuchInstance { variety, index: index.0 })
    }

    /// Counts an answer that is none.
    pub(crate) fn taken<T>(&self, answer: Result<T, CallError>) -> Result<T, CallError> {
        answer.inspect_err(|_| count(&self.counts.errors, 1))
    }
}

impl Prepared {
    fn encode(&self, values: &[OwnedValue]) -> Result<Vec<u8>, CallError> {
        self.layout.encode(values).map_err(|misfit| CallError::Refused {
            fault: adapter_host::Fault::Caller,
            retry: false,
            message: misfit.0,
        })
    }
}

fn prepare(
    adapter: &RemoteAdapter,
    instance: &InstanceShape,
) -> Result<Prepared, Vec<ParameterProblem>> {
    let problem = |message: String| ParameterProblem { field: String::new(), message };
    let Some(template) = adapter.template(&instance.template) else {
        let (adapter, name) = (adapter.name(), &instance.name);
        let template = &instance.template;
        return Err(vec![problem(format!(
            "adapter {adapter} does not serve template {template} of instance {name}"
        ))]);
    };
    let layout = Layout::new(template, &instance.name, &instance.fields).map_err(|mistakes| {
        let told = mistakes
            .iter()
            .map(|mistake| problem(format!("instance {}: {mistake}", instance.name)));
        told.collect::<Vec<_>>()
    })?;
    Ok(Prepared { name: instance.name.clone(), template: Arc::clone(template), layout })
}

fn inferred_types(instances: &[Prepared]) -> HashMap<String, prost_types::Any> {
    let typed = instances.iter().filter_map(|instance| {
        let types = instance.template.types.as_ref()?;
        let type_url = format!("type.googleapis.com/{}", types.full_name());
        let value = instance.layout.types(types);
        Some((instance.name.clone(), prost_types::Any { type_url, value }))
    });
    typed.collect()
}
