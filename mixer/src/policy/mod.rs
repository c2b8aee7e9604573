//! The policy in force: one immutable snapshot of the whole configuration, compiled.

mod announcement;
mod assemble;
mod builder;
mod components;
mod declared;
mod digest;
mod draft;
mod generation;
mod headers;
mod instances;
mod limits;
mod link;
mod open;
mod remote;
pub(crate) mod rule;
mod sampling;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mesh_attributes::{AttributeName, Bag, GlobalWord, Value};
use mesh_config::Problem;

pub use announcement::{Announcement, NamespaceState};
pub use builder::PolicyBuilder;
pub use generation::{Generation, ParseGenerationError};

use crate::check_cache::NamespaceShapes;
use crate::handlers::HandlerUnit;
use crate::metrics::Metrics;
pub(crate) use instances::OUTPUT;
use rule::{CheckRule, GenerateRule, QuotaRule, ReportRule};

/// A configuration, compiled. Never changes; an edit makes another.
#[derive(Debug)]
pub struct Policy {
    revision: u64,
    namespaces: HashMap<Arc<str>, NamespacePolicy>,
    /// For namespaces without rules of their own: the root namespace's.
    default: NamespacePolicy,
    /// Attributes that are maps and come from proxies: old ones misread answers that depend on the
    /// absence of one.
    maps: HashSet<AttributeName>,
    handlers: Vec<Arc<HandlerUnit>>,
    problems: Vec<Problem>,
    rules: usize,
}

/// The policy of one namespace: the root namespace's rules, then its own, each by name.
#[derive(Debug)]
pub(crate) struct NamespacePolicy {
    /// `None` for the default.
    pub(crate) namespace: Option<Arc<str>>,
    pub(crate) generation: Generation,
    pub(crate) generate: Vec<Arc<GenerateRule>>,
    pub(crate) check: Vec<Arc<CheckRule>>,
    pub(crate) quota: Vec<Arc<QuotaRule>>,
    pub(crate) report: Vec<Arc<ReportRule>>,
    pub(crate) shapes: Arc<NamespaceShapes>,
}

impl Policy {
    /// The revision of the configuration.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// All mistakes in the configuration.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What watchers are told.
    pub fn announcement(&self) -> Announcement {
        Announcement {
            default: self.default.state(),
            namespaces: self
                .namespaces
                .iter()
                .map(|(name, policy)| (name.to_string(), policy.state()))
                .collect(),
        }
    }

    /// The policy that decides on a request.
    pub(crate) fn for_bag(&self, bag: &impl Bag) -> &NamespacePolicy {
        self.for_namespace(namespace_of(bag))
    }

    /// The policy of a namespace.
    pub(crate) fn for_namespace(&self, name: &str) -> &NamespacePolicy {
        self.namespaces.get(name).unwrap_or(&self.default)
    }

    pub(crate) fn is_map(&self, name: &AttributeName) -> bool {
        self.maps.contains(name)
    }

    pub(crate) fn handlers(&self) -> &[Arc<HandlerUnit>] {
        &self.handlers
    }

    /// The policy of each namespace that has one of its own, in no order, and of all others (`None`).
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (Option<&str>, &NamespacePolicy)> {
        let named = self.namespaces.iter().map(|(name, policy)| (Some(&**name), policy));
        std::iter::once((None, &self.default)).chain(named)
    }

    /// Makes generations that are others than `before` newer than those, and none of them older: the
    /// revision of a source may stand still or go back, as when a clock is set back or a store is restored,
    /// and what is in force must not count as outdated for that.
    fn come_after(&mut self, before: &Announcement) {
        let changes = self.announcement().changed_since(before);
        // One announcement has one revision.
        let last = before.default.generation.revision;
        let revision = self.revision.max(last.saturating_add((changes > 0).into()));
        let policies = self.namespaces.values_mut().chain([&mut self.default]);
        policies.for_each(|policy| policy.generation.revision = revision);
    }

    pub(crate) fn export(&self, metrics: &Metrics) {
        let clamp = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        metrics.config_snapshots.inc();
        metrics.config_revision.set(self.revision as f64);
        metrics.config_problems.set(clamp(self.problems.len()));
        metrics.config_rules.set(clamp(self.rules));
        metrics.config_handlers.set(clamp(self.handlers.len()));
    }
}

impl NamespacePolicy {
    /// The namespace's name; that of the default is the caller's.
    pub(crate) fn name(&self, asked: &str) -> Arc<str> {
        self.namespace.as_ref().map_or_else(|| asked.into(), Arc::clone)
    }

    fn state(&self) -> NamespaceState {
        let mut quotas: Vec<String> = self
            .quota
            .iter()
            .flat_map(|rule| &rule.calls)
            .map(|call| call.quota.to_string())
            .collect();
        quotas.sort_unstable();
        quotas.dedup();
        let has_check = !self.check.is_empty();
        NamespaceState { generation: self.generation, has_check, quotas }
    }
}

/// The namespace whose policy holds for a request: the destination's when the reporter is inbound or does
/// not say, the source's when it is outbound; empty when the attribute is missing or the kind is another.
pub(crate) fn namespace_of<B: Bag>(bag: &B) -> &str {
    let text = |index: usize| {
        let word = GlobalWord::from_index(index)?;
        match bag.get(&AttributeName::Global(word)) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    };
    let name = match text(CONTEXT_REPORTER_KIND) {
        None | Some("inbound") => text(DESTINATION_NAMESPACE),
        Some("outbound") => text(SOURCE_NAMESPACE),
        Some(_) => None,
    };
    name.unwrap_or_default()
}

/// Indices in the global dictionary; a test holds them against the names.
const CONTEXT_REPORTER_KIND: usize = 201;
const DESTINATION_NAMESPACE: usize = 155;
const SOURCE_NAMESPACE: usize = 4;

#[cfg(test)]
mod tests {
    use mesh_attributes::AttributeBag;

    use super::*;

    #[test]
    fn the_identity_attributes_are_where_the_dictionary_has_them() {
        for (index, name) in [
            (CONTEXT_REPORTER_KIND, "context.reporter.kind"),
            (DESTINATION_NAMESPACE, "destination.namespace"),
            (SOURCE_NAMESPACE, "source.namespace"),
        ] {
            assert_eq!(GlobalWord::find(name).map(GlobalWord::index), Some(index), "{name}");
        }
    }

    #[test]
    fn the_reporter_says_whose_namespace_counts() {
        let bag =
            AttributeBag::new().with("destination.namespace", "d").with("source.namespace", "s");
        assert_eq!(namespace_of(&bag), "d");
        let kind = |kind: &str| bag.clone().with("context.reporter.kind", kind);
        assert_eq!(namespace_of(&kind("inbound")), "d");
        assert_eq!(namespace_of(&kind("outbound")), "s");
        assert_eq!(namespace_of(&kind("sideways")), "");
        assert_eq!(namespace_of(&AttributeBag::new()), "");
        assert_eq!(namespace_of(&bag.with("destination.namespace", 7)), "");
    }
}
