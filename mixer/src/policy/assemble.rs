//! From linked rules to the policy of each namespace.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use mesh_attributes::{AttributeName, ValueType};
use mesh_config::ResourceKey;

use super::digest::Canonical;
use super::draft::Draft;
use super::link::{Assembly, LinkedRule};
use super::rule::{CheckRule, GenerateRule, QuotaRule, ReportRule};
use super::{Generation, NamespacePolicy, Policy};
use crate::check_cache::NamespaceShapes;
use crate::handlers::HandlerUnit;

/// What a policy is made from, beside its draft.
pub(super) struct Parts<'a> {
    pub(super) units: &'a BTreeMap<ResourceKey, Arc<HandlerUnit>>,
    pub(super) root_namespace: &'a str,
    pub(super) revision: u64,
    /// Rules that had a check before: when what they need is gone they fail closed.
    pub(super) check_rules: &'a HashSet<ResourceKey>,
    pub(super) shapes: &'a HashMap<String, Arc<NamespaceShapes>>,
    pub(super) default_shapes: &'a Arc<NamespaceShapes>,
}

/// A policy with what the next one is built on.
pub(super) struct Assembled {
    pub(super) policy: Policy,
    pub(super) check_rules: HashSet<ResourceKey>,
    pub(super) shapes: HashMap<String, Arc<NamespaceShapes>>,
    pub(super) default_shapes: Arc<NamespaceShapes>,
}

/// The rules of one namespace, each by name.
#[derive(Default)]
struct NamespaceRules {
    generate: Vec<Arc<GenerateRule>>,
    check: Vec<Arc<CheckRule>>,
    quota: Vec<Arc<QuotaRule>>,
    report: Vec<Arc<ReportRule>>,
    /// Of its checks.
    canonical: Vec<String>,
}

/// Links the rules of `draft`, whose problems grow by what is found.
pub(super) fn assemble(draft: &mut Draft, parts: &Parts<'_>) -> Assembled {
    let assembly =
        Assembly { units: parts.units, instances: &draft.instances, effective: &draft.effective };
    let mut by_namespace: BTreeMap<&str, NamespaceRules> = BTreeMap::new();
    let mut check_rules = HashSet::new();
    let mut generated = HashSet::new();
    // Attributes that one namespace's rules generate can choose the namespace that decides, so all
    // generators count for all namespaces.
    let mut everywhere: Vec<String> =
        draft.types.iter().map(|(name, t)| format!("{name}:{}", t.name())).collect();
    for (key, rule) in &draft.rules {
        let was_check = parts.check_rules.contains(key);
        let linked = assembly.link(key, rule, was_check, &mut draft.problems);
        if linked.check.as_ref().is_some_and(|check| !check.calls.is_empty()) {
            check_rules.insert(key.clone());
        }
        if let Some(generate) = &linked.generate {
            let bindings = generate.calls.iter().flat_map(|call| &call.input.bindings);
            generated.extend(bindings.map(|binding| binding.attribute.clone()));
            everywhere.push(linked.generate_canonical.clone());
        }
        by_namespace.entry(key.namespace.as_str()).or_default().add(linked);
    }
    let root = by_namespace.remove(parts.root_namespace).unwrap_or_default();
    let policy_of = |name: Option<Arc<str>>, own: &NamespaceRules, known: &Arc<NamespaceShapes>| {
        let mut canonical = Canonical::new();
        canonical.add(parts.root_namespace);
        everywhere.iter().for_each(|part| canonical.add(part));
        root.canonical.iter().chain(&own.canonical).for_each(|rule| canonical.add(rule));
        let digest = canonical.finish_short();
        NamespacePolicy {
            namespace: name,
            generation: Generation { revision: parts.revision, digest },
            generate: root.generate.iter().chain(&own.generate).cloned().collect(),
            check: root.check.iter().chain(&own.check).cloned().collect(),
            quota: root.quota.iter().chain(&own.quota).cloned().collect(),
            report: root.report.iter().chain(&own.report).cloned().collect(),
            shapes: known.of_generation(digest),
        }
    };
    let default = policy_of(None, &NamespaceRules::default(), parts.default_shapes);
    let mut shapes = HashMap::new();
    let mut namespaces = HashMap::new();
    for (name, own) in &by_namespace {
        let known = parts.shapes.get(*name).map(Arc::clone).unwrap_or_default();
        let name: Arc<str> = (*name).into();
        let policy = policy_of(Some(Arc::clone(&name)), own, &known);
        shapes.insert(name.to_string(), Arc::clone(&policy.shapes));
        namespaces.insert(name, policy);
    }
    let default_shapes = Arc::clone(&default.shapes);
    let rules = draft.rules.len();
    drop(by_namespace);
    draft.problems.sort();
    draft.problems.dedup();
    let policy = Policy {
        revision: parts.revision,
        namespaces,
        default,
        // What a generator makes no proxy sends, so nobody misreads its absence.
        maps: draft
            .types
            .iter()
            .filter(|(_, value_type)| **value_type == ValueType::StringMap)
            .map(|(name, _)| AttributeName::new(name))
            .filter(|name| !generated.contains(name))
            .collect(),
        handlers: parts.units.values().cloned().collect(),
        problems: draft.problems.clone(),
        rules,
    };
    Assembled { policy, check_rules, shapes, default_shapes }
}

impl NamespaceRules {
    fn add(&mut self, linked: LinkedRule) {
        self.generate.extend(linked.generate.map(Arc::new));
        if let Some(check) = linked.check {
            self.canonical.push(linked.check_canonical);
            self.check.push(Arc::new(check));
        }
        self.quota.extend(linked.quota.map(Arc::new));
        self.report.extend(linked.report.map(Arc::new));
    }
}
