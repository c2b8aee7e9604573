//! A configuration on its way to a policy: every resource judged by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use adapter_host::CustomTemplate;
use mesh_attributes::ValueType;
use mesh_config::{
    Action, ConfigSet, Kind, Problem, Referred, Resource, ResourceKey, Rule, Spec, Text,
};
use mixer_expr::{Expression, Language, compile_in};

use super::declared::Declared;
use super::headers::HeaderOperations;
use super::instances::{CompiledInstance, compile_custom, compile_instance, language_of};
use super::sampling::Sampler;

/// The declared attributes.
pub(super) type Types = BTreeMap<String, ValueType>;

/// A configuration on its way to a policy.
pub(super) struct Draft {
    pub(super) types: Types,
    /// The templates that the authors of the handlers' components invented.
    custom: Vec<CustomTemplate>,
    /// The resources that count: as configured, or as last accepted.
    pub(super) effective: ConfigSet,
    pub(super) problems: Vec<Problem>,
    pub(super) instances: BTreeMap<ResourceKey, CompiledInstance>,
    pub(super) rules: BTreeMap<ResourceKey, DraftRule>,
    /// Adapters of other processes and their templates.
    pub(super) declared: Declared,
    /// Handlers of which no version could be built.
    pub(super) unbuilt: Vec<ResourceKey>,
    /// Everything as configured, mistakes included.
    pub(super) configured: ConfigSet,
}

/// A rule whose own texts compiled; what it refers to is not looked at yet.
pub(super) struct DraftRule {
    pub(super) resource: Arc<Resource>,
    pub(super) condition: Option<Arc<Expression>>,
    pub(super) sampling: Option<Arc<Sampler>>,
    pub(super) headers: Option<Arc<HeaderOperations>>,
}

impl DraftRule {
    pub(super) fn spec(&self) -> &Rule {
        match &self.resource.spec {
            Spec::Rule(rule) => rule,
            _ => unreachable!("only rules become draft rules"),
        }
    }
}

impl Draft {
    /// Compiles `config`, in which instances may be of the templates in `custom`. What is refused is
    /// replaced by the version in `accepted`.
    pub(super) fn new(
        config: &ConfigSet,
        accepted: &ConfigSet,
        custom: Vec<CustomTemplate>,
    ) -> Self {
        let (types, conflicts) = config.attribute_types();
        let mut draft = Self {
            types,
            custom,
            effective: config.clone(),
            problems: [config.problems.clone(), conflicts, config.dangling_references()].concat(),
            instances: BTreeMap::new(),
            rules: BTreeMap::new(),
            declared: Declared::default(),
            unbuilt: Vec::new(),
            configured: config.clone(),
        };
        draft.read_declared(accepted);
        draft.compile_instances(accepted);
        draft.compile_rules(accepted);
        draft
    }

    fn compile_instances(&mut self, accepted: &ConfigSet) {
        for resource in self.of_kind(Kind::is_instance) {
            let compile = |draft: &Self, r: &Arc<Resource>| {
                compile_custom(r, &draft.types, &draft.custom).unwrap_or_else(|| {
                    compile_instance(r, &draft.types, draft.declared_template(r))
                })
            };
            if let Some(instance) = self.accept(&resource, accepted, compile) {
                self.instances.insert(resource.key.clone(), instance);
            }
        }
    }

    fn compile_rules(&mut self, accepted: &ConfigSet) {
        for resource in self.of_kind(|kind| kind == Kind::Rule) {
            if let Some(rule) = self.accept(&resource, accepted, Self::compile_rule) {
                self.rules.insert(resource.key.clone(), rule);
            }
        }
    }

    pub(super) fn of_kind(&self, wanted: impl Fn(Kind) -> bool) -> Vec<Arc<Resource>> {
        let wanted = self.effective.resources.values().filter(|r| wanted(r.key.kind));
        wanted.cloned().collect()
    }

    /// What `compile` makes of the resource, or else of the version of it that was last accepted.
    pub(super) fn accept<T>(
        &mut self,
        resource: &Arc<Resource>,
        accepted: &ConfigSet,
        compile: impl Fn(&Self, &Arc<Resource>) -> Result<T, Vec<Problem>>,
    ) -> Option<T> {
        let problems = match compile(self, resource) {
            Ok(compiled) => return Some(compiled),
            Err(problems) => problems,
        };
        self.problems.extend(problems);
        let before = accepted.resources.get(&resource.key);
        if let Some((before, compiled)) = before.and_then(|b| Some((b, compile(self, b).ok()?))) {
            self.effective.resources.insert(resource.key.clone(), Arc::clone(before));
            return Some(compiled);
        }
        self.effective.resources.remove(&resource.key);
        None
    }

    /// All handlers, each with the instances that rules give it. One that no rule refers to is built too,
    /// so that its mistakes are told before it is needed.
    pub(super) fn handlers(&self) -> BTreeMap<ResourceKey, BTreeSet<ResourceKey>> {
        let keys = self.effective.resources.keys().filter(|key| key.kind.is_handler());
        let mut handlers: BTreeMap<ResourceKey, BTreeSet<ResourceKey>> =
            keys.map(|key| (key.clone(), BTreeSet::new())).collect();
        // Rules that were refused count too: what they will give their handlers is judged with them.
        for resource in self.configured.resources.values().chain(self.effective.resources.values())
        {
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
                instances.extend(self.instances_of(key, action).map(|(key, _)| key.clone()));
            }
        }
        handlers
    }

    /// The instances of an action that are there.
    fn instances_of<'d>(
        &'d self,
        rule: &'d ResourceKey,
        action: &'d Action,
    ) -> impl Iterator<Item = (&'d ResourceKey, Option<&'d CompiledInstance>)> {
        action.instances.iter().filter_map(|reference| {
            let found =
                self.effective.resolve(&reference.value, &rule.namespace, Referred::Instance);
            let key = &found.ok()?.key;
            Some((key, self.instances.get(key)))
        })
    }

    fn compile_rule(&self, resource: &Arc<Resource>) -> Result<DraftRule, Vec<Problem>> {
        let Spec::Rule(rule) = &resource.spec else { return Err(Vec::new()) };
        let language = language_of(resource).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let condition = rule
            .match_expression
            .as_ref()
            .and_then(|text| self.typed("match", text, language, ValueType::Bool, &mut problems))
            .map(Arc::new);
        let sampling = rule.sampling.as_ref().map(|sampling| {
            let random = sampling.random.clone().map(|random| {
                let text = random.attribute_expression.as_ref();
                let field = "sampling.random.attributeExpression";
                let numerator = text
                    .and_then(|t| self.typed(field, t, language, ValueType::Int64, &mut problems));
                (random, numerator)
            });
            Arc::new(Sampler::new(random, sampling.rate_limit.clone()))
        });
        let headers =
            HeaderOperations::compile(rule, language, &self.types_of(&resource.key, rule));
        let headers = headers.unwrap_or_else(|mistakes| {
            problems.extend(mistakes);
            None
        });
        if problems.is_empty() {
            let resource = Arc::clone(resource);
            return Ok(DraftRule { resource, condition, sampling, headers: headers.map(Arc::new) });
        }
        let problem = |(line, message)| Problem {
            origin: resource.origin.at(line),
            object: Some(resource.key.clone()),
            message,
        };
        Err(problems.into_iter().map(problem).collect())
    }

    fn typed(
        &self,
        field: &str,
        text: &Text,
        language: Language,
        wanted: ValueType,
        problems: &mut Vec<(u32, String)>,
    ) -> Option<Expression> {
        match compile_in(&text.value, language, &self.types) {
            Ok(expression) if expression.value_type() == wanted => return Some(expression),
            Ok(expression) => {
                let (got, wanted) = (expression.value_type().name(), wanted.name());
                problems.push((text.line, format!("{field}: is {got}, expected {wanted}")));
            }
            Err(cause) => problems.push((text.line, format!("{field}: {cause}"))),
        }
        None
    }

    /// The attributes that header operations of a rule can use: the declared ones, and what its named
    /// actions put out.
    fn types_of(&self, key: &ResourceKey, rule: &Rule) -> Types {
        let mut types = self.types.clone();
        for action in &rule.actions {
            let Some(name) = &action.name else { continue };
            for (_, instance) in self.instances_of(key, action) {
                let Some(instance) = instance else { continue };
                let outputs = instance.outputs.iter();
                types.extend(outputs.map(|(output, value_type)| {
                    (format!("{}.output.{output}", name.value), *value_type)
                }));
            }
        }
        types
    }
}
