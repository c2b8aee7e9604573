//! From a configuration to a policy.
//!
//! Goal: whatever an edit contains, what is enforced afterwards is either what it says or what held
//! before. Every resource is judged by itself; one with a mistake is replaced by the version of it that
//! was last accepted, and all mistakes are listed. What a check rule needs and is missing – a handler
//! that cannot be built, an instance that is gone – makes the rule fail closed, never vanish.
//!
//! Refused: all or nothing (one team's mistake would hold up everybody's edits), and dropping the actions
//! that cannot be carried out, as Istio does (a deny rule with a misspelt handler lets everyone in).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{
    AdapterHost, BuildError, Handler, HandlerSpec, InstanceDecl, Limits, Variety, lower_camel_case,
};
use mesh_config::{AdapterRef, CompiledAdapter, ConfigSet, Problem, Resource, ResourceKey, Spec};
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::assemble::{Parts, assemble};
use super::components::Components;
use super::digest::Canonical;
use super::draft::Draft;
use super::instances::CompiledInstance;
use super::limits::limits_of;
use super::remote::Adapter;
use super::{Announcement, Policy};
use crate::check_cache::NamespaceShapes;
use crate::engine::Engine;
use crate::handlers::{BuiltHandler, HandlerUnit, TakenInstance, TakenTemplate};
use crate::metrics::Metrics;
use crate::native::NativeAdapters;

/// Compiles configurations, each on what the ones before it left: handlers that did not change go on.
#[derive(Debug)]
pub struct PolicyBuilder {
    host: Arc<AdapterHost>,
    components: Components,
    pub(super) natives: NativeAdapters,
    /// Whether adapters in other processes are asked about their parameters.
    pub(super) asks: bool,
    root_namespace: String,
    metrics: Metrics,
    /// The tasks that work off the queues of handlers.
    workers: JoinSet<()>,
    /// The version of each resource that was last accepted.
    accepted: ConfigSet,
    /// Rules that had a check: when what they need is gone they fail closed.
    check_rules: HashSet<ResourceKey>,
    units: BTreeMap<ResourceKey, Arc<HandlerUnit>>,
    shapes: HashMap<String, Arc<NamespaceShapes>>,
    default_shapes: Arc<NamespaceShapes>,
    /// The generations of the policy that was built last.
    announced: Option<Announcement>,
}

impl PolicyBuilder {
    /// A builder that finds adapters as `NAME.wasm` in `adapters`. Rules of `root_namespace` hold for all
    /// namespaces.
    pub fn new(
        host: AdapterHost,
        adapters: PathBuf,
        root_namespace: &str,
        metrics: Metrics,
    ) -> Self {
        let host = Arc::new(host);
        Self {
            components: Components::new(Arc::clone(&host), adapters),
            host,
            natives: NativeAdapters::default(),
            asks: true,
            root_namespace: root_namespace.to_owned(),
            metrics,
            workers: JoinSet::new(),
            accepted: ConfigSet::default(),
            check_rules: HashSet::new(),
            units: BTreeMap::new(),
            shapes: HashMap::new(),
            default_shapes: Arc::default(),
            announced: None,
        }
    }

    /// Compiles `config`. Waits for handlers to be built; a policy in force is not touched meanwhile.
    pub async fn build(&mut self, config: &ConfigSet) -> Policy {
        while self.workers.try_join_next().is_some() {}
        let named = |set: &ConfigSet| -> Vec<AdapterRef> {
            let handlers = set.resources.values().filter_map(|resource| handler_of(resource));
            handlers.map(|handler| handler.adapter.clone()).collect()
        };
        let adapters = [named(config), named(&self.accepted)].concat();
        self.components.begin(&adapters);
        let custom = self.components.templates(&adapters).await;
        let mut draft = Draft::new(config, &self.accepted, custom);
        self.build_units(&mut draft).await;
        let policy = self.assemble(draft, config.revision.0);
        for problem in policy.problems() {
            warn!("{problem}");
        }
        policy
    }

    /// Waits, at most `limit`, until all handlers have worked off their queues. To be called when no policy
    /// of this builder is in use any more.
    pub async fn close(mut self, limit: Duration) {
        self.units.clear();
        let all = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            warn!(left = self.workers.len(), "handlers did not finish their reports in time");
            self.workers.shutdown().await;
        }
    }

    /// Builds the handlers, or takes over those that did not change.
    async fn build_units(&mut self, draft: &mut Draft) {
        let mut before = std::mem::take(&mut self.units);
        let handlers = draft.handlers();
        self.host.series().expect_handlers(handlers.keys().map(ResourceKey::handler_label));
        for (key, instances) in handlers {
            let old = before.remove(&key);
            let unit = self.build_unit(&key, &instances, old, draft).await;
            self.units.insert(key, unit);
        }
        self.components.end();
    }

    /// Waits until a component is there that the last build went without. Cancel safe.
    pub async fn component_arrived(&mut self) {
        self.components.arrived().await;
    }

    async fn build_unit(
        &mut self,
        key: &ResourceKey,
        instances: &BTreeSet<ResourceKey>,
        old: Option<Arc<HandlerUnit>>,
        draft: &mut Draft,
    ) -> Arc<HandlerUnit> {
        let candidates = [draft.effective.resources.get(key), self.accepted.resources.get(key)]
            .map(|candidate| candidate.map(Arc::clone));
        let mut why = String::new();
        let mut failed = None;
        for resource in candidates.into_iter().flatten() {
            if failed.as_ref() == Some(&resource) {
                continue;
            }
            match self.try_unit(&resource, instances, old.as_ref(), draft).await {
                Ok(unit) => {
                    draft.effective.resources.insert(key.clone(), resource);
                    return unit;
                }
                Err(problems) => {
                    self.metrics.handler_build_failures.inc();
                    if failed.is_none() {
                        why = problems
                            .iter()
                            .map(|p| p.message.as_str())
                            .collect::<Vec<_>>()
                            .join("; ");
                        draft.problems.extend(problems);
                    }
                    failed = Some(resource);
                }
            }
        }
        draft.unbuilt.push(key.clone());
        let adapter = failed.as_deref().and_then(handler_of).map_or("", |h| h.adapter.name());
        let signature = Canonical::new().finish();
        Arc::new(HandlerUnit::missing(key.handler_label(), adapter.to_owned(), signature, why))
    }

    async fn try_unit(
        &mut self,
        resource: &Resource,
        instances: &BTreeSet<ResourceKey>,
        old: Option<&Arc<HandlerUnit>>,
        draft: &Draft,
    ) -> Result<Arc<HandlerUnit>, Vec<Problem>> {
        let Spec::Handler(spec) = &resource.spec else { return Err(Vec::new()) };
        let wanted: Vec<&CompiledInstance> =
            instances.iter().filter_map(|key| draft.instances.get(key)).collect();
        let adapter = match self.adapter_for(resource, spec, draft)? {
            Adapter::Component(adapter) => adapter,
            Adapter::Remote(adapter) => {
                return self.try_remote(resource, spec, adapter, &wanted, old).await;
            }
            Adapter::Native(name, adapter) => {
                return self.try_native(resource, spec, (&name, adapter), &wanted, old).await;
            }
        };
        let component = self
            .components
            .of(&spec.adapter)
            .await
            .map_err(|cause| vec![problem(resource, cause)])?;
        let defaults = Limits::default_for(&component);
        let limits = limits_of(resource, &spec.limits, defaults, &self.host.most_limits())?;
        let templates = component.templates().to_vec();
        // The others are told to whoever wrote the rule.
        let instances: Vec<InstanceDecl> = wanted
            .into_iter()
            .filter_map(|instance| instance.component.as_ref())
            .filter(|(decl, _)| templates.contains(&decl.template))
            .map(|(decl, _)| decl.clone())
            .collect();
        let mut signature = Canonical::new();
        signature.add(component.digest());
        signature.add(spec.params.value().to_string());
        signature.add(format!("{limits:?}"));
        for instance in &instances {
            signature.add(format!("{instance:?}"));
        }
        let signature = signature.finish();
        if let Some(old) = self.reusable(old, signature) {
            return Ok(old);
        }
        let name = resource.key.handler_label();
        let handler_spec = HandlerSpec {
            name: name.clone(),
            params: parameters(adapter, spec.params.value()),
            instances: instances.clone(),
            limits,
        };
        let component_name = component.name().to_owned();
        let handler = Handler::build(&self.host, component, handler_spec)
            .await
            .map_err(|cause| build_problems(resource, &cause))?;
        let templates = templates.iter().map(|template| TakenTemplate {
            name: template.name().to_owned(),
            is_report: template.variety() == Variety::Report,
        });
        let instances = instances.into_iter().map(|decl| TakenInstance {
            name: decl.name,
            template: decl.template.name().to_owned(),
        });
        let built = BuiltHandler {
            engine: Engine::Component(handler),
            templates: templates.collect(),
            instances: instances.collect(),
        };
        let adapter = adapter.map_or(component_name.as_str(), |adapter| adapter.name());
        Ok(self.put_to_work(name, adapter, signature, built))
    }

    /// The handler that is there, if it is the one that is wanted.
    pub(super) fn reusable(
        &self,
        old: Option<&Arc<HandlerUnit>>,
        signature: [u8; 32],
    ) -> Option<Arc<HandlerUnit>> {
        let old = old.filter(|old| old.signature == signature && old.is_built())?;
        self.metrics.handlers_reused.inc();
        Some(Arc::clone(old))
    }

    /// Starts the work of a handler that was built.
    pub(super) fn put_to_work(
        &mut self,
        name: String,
        adapter: &str,
        signature: [u8; 32],
        built: BuiltHandler,
    ) -> Arc<HandlerUnit> {
        self.metrics.handlers_built.inc();
        info!(handler = name, adapter, "a handler is built");
        let workers = &mut self.workers;
        let adapter = adapter.to_owned();
        Arc::new(HandlerUnit::built(name, adapter, signature, built, workers, &self.metrics))
    }

    /// With adapters in Rust, by name: they are found before all others.
    #[must_use]
    pub fn with_natives(mut self, natives: NativeAdapters) -> Self {
        self.natives = natives;
        self
    }

    /// For configuration that is only looked at: no adapter in another process is asked about it.
    #[must_use]
    pub(crate) fn asking_nobody(mut self) -> Self {
        self.asks = false;
        self
    }

    fn assemble(&mut self, mut draft: Draft, revision: u64) -> Policy {
        let parts = Parts {
            units: &self.units,
            root_namespace: &self.root_namespace,
            revision,
            check_rules: &self.check_rules,
            shapes: &self.shapes,
            default_shapes: &self.default_shapes,
        };
        let assembled = assemble(&mut draft, &parts);
        self.shapes = assembled.shapes;
        self.default_shapes = assembled.default_shapes;
        self.check_rules = assembled.check_rules;
        for key in &draft.unbuilt {
            draft.effective.resources.remove(key);
        }
        self.accepted = draft.effective;
        let mut policy = assembled.policy;
        if let Some(before) = &self.announced {
            policy.come_after(before);
        }
        self.announced = Some(policy.announcement());
        policy
    }
}

pub(super) fn adapter_of(resource: &Resource) -> Option<CompiledAdapter> {
    handler_of(resource)?.adapter.compiled()
}

fn handler_of(resource: &Resource) -> Option<&mesh_config::Handler> {
    match &resource.spec {
        Spec::Handler(handler) => Some(handler),
        _ => None,
    }
}

/// The parameters, with the adapter's own values of those that are not set.
fn parameters(adapter: Option<CompiledAdapter>, given: &Value) -> Value {
    let mut parameters = given.clone();
    let Value::Object(fields) = &mut parameters else { return parameters };
    for (name, value) in adapter.map_or(&[][..], CompiledAdapter::presets) {
        let camel = lower_camel_case(name);
        let is_set = |value: &Value| !value.is_null() && value.as_str() != Some("");
        if ![*name, &camel].iter().any(|name| fields.get(*name).is_some_and(is_set)) {
            fields.remove(&camel);
            fields.insert((*name).to_owned(), (*value).into());
        }
    }
    parameters
}

pub(super) fn problem(resource: &Resource, message: String) -> Problem {
    Problem { origin: resource.origin.clone(), object: Some(resource.key.clone()), message }
}

/// Each parameter that the adapter refuses, at its line.
pub(super) fn build_problems(resource: &Resource, cause: &BuildError) -> Vec<Problem> {
    let (BuildError::Refused { problems }, Spec::Handler(spec)) = (cause, &resource.spec) else {
        return vec![problem(resource, cause.to_string())];
    };
    let place = |refused: &adapter_host::ParameterProblem| Problem {
        origin: resource.origin.at(spec.params.line_of(&refused.field)),
        object: Some(resource.key.clone()),
        message: refused.to_string(),
    };
    problems.iter().map(place).collect()
}

#[cfg(test)]
mod tests;
