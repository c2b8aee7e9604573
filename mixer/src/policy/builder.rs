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
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use adapter_host::{
    AdapterHost, BuildError, Component, Handler, HandlerSpec, InstanceDecl, Limits,
};
use mesh_attributes::{AttributeName, ValueType};
use mesh_config::{
    CompiledAdapter, ConfigSet, Kind, Problem, Referred, Resource, ResourceKey, Rule, Spec,
};
use mixer_expr::{Expression, compile};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::digest::Canonical;
use super::instances::{CompiledInstance, compile_instance};
use super::link::Assembly;
use super::rule::{CheckRule, ReportRule};
use super::{Generation, NamespacePolicy, Policy};
use crate::check_cache::NamespaceShapes;
use crate::handlers::{BuiltHandler, HandlerUnit};
use crate::metrics::Metrics;

/// Compiles configurations, each on what the ones before it left: handlers that did not change go on.
#[derive(Debug)]
pub struct PolicyBuilder {
    host: Arc<AdapterHost>,
    adapters: PathBuf,
    /// Adapters that were loaded, so that an edit compiles none again.
    components: HashMap<CompiledAdapter, (FileStamp, Arc<Component>)>,
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
        Self {
            host: Arc::new(host),
            adapters,
            components: HashMap::new(),
            root_namespace: root_namespace.to_owned(),
            metrics,
            workers: JoinSet::new(),
            accepted: ConfigSet::default(),
            check_rules: HashSet::new(),
            units: BTreeMap::new(),
            shapes: HashMap::new(),
            default_shapes: Arc::default(),
        }
    }

    /// Compiles `config`. Waits for handlers to be built; a policy in force is not touched meanwhile.
    pub async fn build(&mut self, config: &ConfigSet) -> Policy {
        while self.workers.try_join_next().is_some() {}
        let (types, conflicts) = config.attribute_types();
        let mut draft = Draft {
            types,
            effective: config.clone(),
            problems: config.problems.iter().cloned().chain(conflicts).collect(),
            instances: BTreeMap::new(),
            rules: BTreeMap::new(),
            unbuilt: Vec::new(),
            configured: config.resources.clone(),
        };
        draft.compile_instances(&self.accepted);
        draft.compile_rules(&self.accepted);
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
        let adapter = failed.as_deref().and_then(adapter_of).map_or("", CompiledAdapter::name);
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
        let Some(adapter) = spec.adapter.compiled() else {
            let name = spec.adapter.name();
            let cause = format!("adapter {name} runs in another process, which is not supported");
            return Err(vec![problem(resource, cause)]);
        };
        let component =
            self.component(adapter).await.map_err(|cause| vec![problem(resource, cause)])?;
        let instances: Vec<&CompiledInstance> =
            instances.iter().filter_map(|key| draft.instances.get(key)).collect();
        let templates = component.templates().to_vec();
        // The others are told to whoever wrote the rule.
        let instances: Vec<InstanceDecl> = instances
            .into_iter()
            .filter(|instance| templates.contains(&instance.decl.template))
            .map(|instance| instance.decl.clone())
            .collect();
        let mut signature = Canonical::new();
        signature.add(component.digest());
        signature.add(spec.params.value().to_string());
        for instance in &instances {
            signature.add(format!("{instance:?}"));
        }
        let signature = signature.finish();
        if let Some(old) = old
            && old.signature == signature
            && old.is_built()
        {
            self.metrics.handlers_reused.inc();
            return Ok(Arc::clone(old));
        }
        let name = resource.key.handler_label();
        let handler_spec = HandlerSpec {
            name: name.clone(),
            params: spec.params.value().clone(),
            instances: instances.clone(),
            limits: Limits::default(),
        };
        let handler = Handler::build(&self.host, component, handler_spec)
            .await
            .map_err(|cause| build_problems(resource, &cause))?;
        self.metrics.handlers_built.inc();
        info!(handler = name, adapter = adapter.name(), "a handler is built");
        let unit = BuiltHandler { handler, templates, instances };
        let adapter = adapter.name().to_owned();
        let workers = &mut self.workers;
        Ok(Arc::new(HandlerUnit::built(name, adapter, signature, unit, workers, &self.metrics)))
    }

    /// The adapter's component, loaded again when its file changed. Compiling takes its time, on a thread
    /// of its own.
    async fn component(&mut self, adapter: CompiledAdapter) -> Result<Arc<Component>, String> {
        let name = adapter.component();
        let file = self.adapters.join(name).with_extension("wasm");
        let stamp = FileStamp::of(&file);
        if let Some((known, component)) = self.components.get(&adapter)
            && *known == stamp
        {
            return Ok(Arc::clone(component));
        }
        let host = Arc::clone(&self.host);
        let loaded = tokio::task::spawn_blocking(move || host.load(name, &file)).await;
        let component = loaded
            .map_err(|cause| format!("adapter {name}: loading it failed: {cause}"))?
            .map_err(|cause| cause.to_string())?;
        self.components.insert(adapter, (stamp, Arc::clone(&component)));
        Ok(component)
    }

    fn assemble(&mut self, draft: Draft, revision: u64) -> Policy {
        let Draft { types, mut effective, mut problems, instances, rules, unbuilt, .. } = draft;
        let assembly =
            Assembly { units: &self.units, instances: &instances, effective: &effective };
        let mut by_namespace: BTreeMap<&str, NamespaceRules> = BTreeMap::new();
        let mut check_rules = HashSet::new();
        for (key, rule) in &rules {
            let was_check = self.check_rules.contains(key);
            let linked = assembly.link(key, rule, was_check, &mut problems);
            let namespace = by_namespace.entry(key.namespace.as_str()).or_default();
            if let Some(check) = linked.check {
                check_rules.insert(key.clone());
                namespace.canonical.push(linked.canonical);
                namespace.check.push(Arc::new(check));
            }
            namespace.report.extend(linked.report.map(Arc::new));
        }
        problems.sort();
        problems.dedup();
        let root = by_namespace.remove(self.root_namespace.as_str()).unwrap_or_default();
        let manifest: Vec<String> =
            types.iter().map(|(name, t)| format!("{name}:{}", t.name())).collect();
        let digest = |own: &NamespaceRules| {
            let mut canonical = Canonical::new();
            canonical.add(&self.root_namespace);
            manifest.iter().for_each(|part| canonical.add(part));
            for rule in root.canonical.iter().chain(&own.canonical) {
                canonical.add(rule);
            }
            canonical.finish_short()
        };
        let none = NamespaceRules::default();
        let default = NamespacePolicy {
            namespace: None,
            generation: Generation { revision, digest: digest(&none) },
            check: root.check.clone(),
            report: root.report.clone(),
            shapes: Arc::clone(&self.default_shapes),
        };
        let mut shapes = HashMap::new();
        let mut namespaces = HashMap::new();
        for (name, own) in &by_namespace {
            let known = self.shapes.get(*name).map(Arc::clone).unwrap_or_default();
            shapes.insert((*name).to_owned(), Arc::clone(&known));
            let name: Arc<str> = (*name).into();
            let policy = NamespacePolicy {
                namespace: Some(Arc::clone(&name)),
                generation: Generation { revision, digest: digest(own) },
                check: root.check.iter().chain(&own.check).cloned().collect(),
                report: root.report.iter().chain(&own.report).cloned().collect(),
                shapes: known,
            };
            namespaces.insert(name, policy);
        }
        let maps = types
            .iter()
            .filter(|(_, value_type)| **value_type == ValueType::StringMap)
            .map(|(name, _)| AttributeName::new(name))
            .collect();
        let policy = Policy {
            revision,
            namespaces,
            default,
            maps,
            handlers: self.units.values().cloned().collect(),
            problems,
            rules: rules.len(),
        };
        drop(by_namespace);
        self.shapes = shapes;
        self.check_rules = check_rules;
        unbuilt.iter().for_each(|key| drop(effective.resources.remove(key)));
        self.accepted = effective;
        policy
    }
}

/// The declared attributes.
type Types = BTreeMap<String, ValueType>;

/// What changes when a file does; nothing for one that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp(Option<(SystemTime, u64)>);

impl FileStamp {
    fn of(file: &Path) -> Self {
        let metadata = std::fs::metadata(file).ok();
        Self(metadata.and_then(|file| Some((file.modified().ok()?, file.len()))))
    }
}

/// A configuration on its way to a policy.
struct Draft {
    types: Types,
    /// The resources that count: as configured, or as last accepted.
    effective: ConfigSet,
    problems: Vec<Problem>,
    instances: BTreeMap<ResourceKey, CompiledInstance>,
    rules: BTreeMap<ResourceKey, DraftRule>,
    /// Handlers of which no version could be built.
    unbuilt: Vec<ResourceKey>,
    /// Everything as configured, mistakes included.
    configured: BTreeMap<ResourceKey, Arc<Resource>>,
}

/// A rule whose own texts compiled; what it refers to is not looked at yet.
pub(super) struct DraftRule {
    pub(super) resource: Arc<Resource>,
    pub(super) condition: Option<Arc<Expression>>,
}

impl DraftRule {
    pub(super) fn spec(&self) -> &Rule {
        match &self.resource.spec {
            Spec::Rule(rule) => rule,
            _ => unreachable!("only rules become draft rules"),
        }
    }
}

#[derive(Default)]
struct NamespaceRules {
    check: Vec<Arc<CheckRule>>,
    report: Vec<Arc<ReportRule>>,
    canonical: Vec<String>,
}

impl Draft {
    fn compile_instances(&mut self, accepted: &ConfigSet) {
        for resource in self.of_kind(Kind::is_instance) {
            let compiled = self.accept(&resource, accepted, |r, types| compile_instance(r, types));
            if let Some(instance) = compiled {
                self.instances.insert(resource.key.clone(), instance);
            }
        }
    }

    fn compile_rules(&mut self, accepted: &ConfigSet) {
        for resource in self.of_kind(|kind| kind == Kind::Rule) {
            let compiled = self.accept(&resource, accepted, compile_rule);
            if let Some(rule) = compiled {
                self.rules.insert(resource.key.clone(), rule);
            }
        }
    }

    fn of_kind(&self, wanted: impl Fn(Kind) -> bool) -> Vec<Arc<Resource>> {
        let wanted = self.effective.resources.values().filter(|r| wanted(r.key.kind));
        wanted.cloned().collect()
    }

    /// What `compile` makes of the resource, or else of the version of it that was last accepted.
    fn accept<T>(
        &mut self,
        resource: &Arc<Resource>,
        accepted: &ConfigSet,
        compile: impl Fn(&Arc<Resource>, &Types) -> Result<T, Vec<Problem>>,
    ) -> Option<T> {
        let problems = match compile(resource, &self.types) {
            Ok(compiled) => return Some(compiled),
            Err(problems) => problems,
        };
        self.problems.extend(problems);
        let before = accepted.resources.get(&resource.key);
        if let Some((before, compiled)) =
            before.and_then(|b| Some((b, compile(b, &self.types).ok()?)))
        {
            self.effective.resources.insert(resource.key.clone(), Arc::clone(before));
            return Some(compiled);
        }
        self.effective.resources.remove(&resource.key);
        None
    }

    /// All handlers, each with the instances that rules give it. One that no rule refers to is built too,
    /// so that its mistakes are told before it is needed.
    fn handlers(&self) -> BTreeMap<ResourceKey, BTreeSet<ResourceKey>> {
        let keys = self.effective.resources.keys().filter(|key| key.kind.is_handler());
        let mut handlers: BTreeMap<ResourceKey, BTreeSet<ResourceKey>> =
            keys.map(|key| (key.clone(), BTreeSet::new())).collect();
        // Rules that were refused count too: what they will give their handlers is judged with them.
        for resource in self.configured.values().chain(self.effective.resources.values()) {
            let Spec::Rule(rule) = &resource.spec else { continue };
            let key = &resource.key;
            for action in &rule.actions {
                let handler = self.effective.resolve(
                    &action.handler.value,
                    &key.namespace,
                    Referred::Handler,
                );
                let Ok(handler) = handler else { continue };
                let instances = handlers.entry(handler.key.clone()).or_default();
                for reference in &action.instances {
                    let instance = self.effective.resolve(
                        &reference.value,
                        &key.namespace,
                        Referred::Instance,
                    );
                    instances.extend(instance.ok().map(|instance| instance.key.clone()));
                }
            }
        }
        handlers
    }
}

fn compile_rule(resource: &Arc<Resource>, types: &Types) -> Result<DraftRule, Vec<Problem>> {
    let Spec::Rule(rule) = &resource.spec else { return Err(Vec::new()) };
    let mut problems = Vec::new();
    let mut refuse = |line: u32, message: String| {
        problems.push(Problem {
            origin: resource.origin.at(line),
            object: Some(resource.key.clone()),
            message,
        });
    };
    let mut condition = None;
    if let Some(text) = &rule.match_expression {
        match compile(&text.value, types) {
            Ok(expression) if expression.value_type() == ValueType::Bool => {
                condition = Some(Arc::new(expression));
            }
            Ok(expression) => {
                let got = expression.value_type().name();
                refuse(text.line, format!("match: is {got}, expected BOOL"));
            }
            Err(cause) => refuse(text.line, format!("match: {cause}")),
        }
    }
    let operations = rule.request_header_operations.iter().chain(&rule.response_header_operations);
    if let Some(first) = operations.min_by_key(|operation| operation.name.line) {
        refuse(first.name.line, "header operations are not available yet".to_owned());
    }
    if rule.sampling.is_some() {
        refuse(resource.origin.line, "sampling is not available yet".to_owned());
    }
    if problems.is_empty() {
        Ok(DraftRule { resource: Arc::clone(resource), condition })
    } else {
        Err(problems)
    }
}

pub(super) fn adapter_of(resource: &Resource) -> Option<CompiledAdapter> {
    match &resource.spec {
        Spec::Handler(handler) => handler.adapter.compiled(),
        _ => None,
    }
}

fn problem(resource: &Resource, message: String) -> Problem {
    Problem { origin: resource.origin.clone(), object: Some(resource.key.clone()), message }
}

/// Each parameter that the adapter refuses, at its line.
fn build_problems(resource: &Resource, cause: &BuildError) -> Vec<Problem> {
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
