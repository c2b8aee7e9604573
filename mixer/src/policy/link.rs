//! Rules joined with the handlers and instances they refer to.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapter_host::InstanceIndex;
use mesh_config::{Action, CompiledAdapter, ConfigSet, FailPolicy, Problem, Referred, ResourceKey};
use mixer_expr::Expression;

use super::builder::{DraftRule, adapter_of};
use super::digest::Canonical;
use super::instances::{CompiledInstance, Input};
use super::rule::{CheckCall, CheckInput, CompiledRule, ReportCall, Target};
use crate::handlers::HandlerUnit;

/// Joins rules with the handlers and instances they refer to.
pub(super) struct Assembly<'a> {
    pub(super) units: &'a BTreeMap<ResourceKey, Arc<HandlerUnit>>,
    pub(super) instances: &'a BTreeMap<ResourceKey, CompiledInstance>,
    pub(super) effective: &'a ConfigSet,
}

pub(super) struct LinkedRule {
    pub(super) check: Option<CompiledRule<CheckCall>>,
    pub(super) report: Option<CompiledRule<ReportCall>>,
    /// All that can change the answers of its checks.
    pub(super) canonical: String,
}

impl Assembly<'_> {
    pub(super) fn link(
        &self,
        key: &ResourceKey,
        rule: &DraftRule,
        was_check: bool,
        problems: &mut Vec<Problem>,
    ) -> LinkedRule {
        let mut linked = Links::default();
        for action in &rule.spec().actions {
            self.link_action(key, rule, action, was_check, &mut linked, problems);
        }
        let name = key.to_string();
        let condition = rule.condition.as_deref();
        let canonical = format!(
            "{name}\n{:?}\n{}\n{:?}\n{}",
            condition.map(Expression::language),
            condition.map_or("", Expression::text),
            rule.spec().fail_policy,
            linked.canonical
        );
        LinkedRule {
            check: (!linked.check.is_empty()).then(|| CompiledRule {
                name: name.clone(),
                condition: rule.condition.clone(),
                calls: linked.check,
            }),
            report: (!linked.report.is_empty()).then(|| CompiledRule {
                name: name.clone(),
                condition: rule.condition.clone(),
                calls: linked.report,
            }),
            canonical,
        }
    }

    fn link_action(
        &self,
        key: &ResourceKey,
        rule: &DraftRule,
        action: &Action,
        was_check: bool,
        linked: &mut Links,
        problems: &mut Vec<Problem>,
    ) {
        let fail_policy = rule.spec().fail_policy.unwrap_or(FailPolicy::Closed);
        let mut report = |line: u32, message: String| {
            problems.push(Problem {
                origin: rule.resource.origin.at(line),
                object: Some(key.clone()),
                message,
            });
        };
        let handler =
            self.effective.resolve(&action.handler.value, &key.namespace, Referred::Handler);
        let unit = match &handler {
            Ok(handler) => self.units.get(&handler.key).map(Arc::clone),
            Err(cause) => {
                report(action.handler.line, cause.to_string());
                None
            }
        };
        let is_check_adapter = handler.is_ok_and(|handler| {
            matches!(
                adapter_of(handler),
                Some(CompiledAdapter::Denier | CompiledAdapter::ListChecker)
            )
        });
        let unit = unit.unwrap_or_else(|| {
            let why = format!("there is no handler {}", action.handler.value);
            let signature = Canonical::new().finish();
            let name = action.handler.value.clone();
            Arc::new(HandlerUnit::missing(name, String::new(), signature, why))
        });
        for reference in &action.instances {
            let resolved =
                self.effective.resolve(&reference.value, &key.namespace, Referred::Instance);
            let instance = match resolved {
                Ok(resource) => self.instances.get(&resource.key),
                Err(cause) => {
                    report(reference.line, cause.to_string());
                    None
                }
            };
            let Some(instance) = instance else {
                if was_check || is_check_adapter {
                    linked.closed(&unit, &reference.value, fail_policy);
                }
                continue;
            };
            let Some(index) = unit.index_of(&instance.decl.name) else {
                report(reference.line, unit.refusal(&instance.decl));
                if matches!(instance.input, Input::Check(_)) {
                    linked.closed(&unit, &instance.decl.name, fail_policy);
                }
                continue;
            };
            let target = Target {
                index,
                instance: instance.decl.name.as_str().into(),
                handler: Arc::clone(&unit),
            };
            linked.add(target, instance, fail_policy);
        }
    }
}

#[derive(Default)]
struct Links {
    check: Vec<CheckCall>,
    report: Vec<ReportCall>,
    canonical: String,
}

impl Links {
    fn add(&mut self, target: Target, instance: &CompiledInstance, fail_policy: FailPolicy) {
        match &instance.input {
            Input::Check(input) => {
                self.note(&target);
                self.canonical.push_str(&instance.canonical);
                self.check.push(CheckCall { target, input: Arc::clone(input), fail_policy });
            }
            Input::Report(input) => {
                self.report.push(ReportCall { target, input: Arc::clone(input) });
            }
        }
    }

    /// A check that can only fail: what it needs is missing.
    fn closed(&mut self, unit: &HandlerUnit, instance: &str, fail_policy: FailPolicy) {
        let why = format!("instance {instance} is missing or not for this handler");
        let missing = HandlerUnit::missing(
            unit.name.clone(),
            unit.adapter.clone(),
            Canonical::new().finish(),
            why,
        );
        let target = Target {
            handler: Arc::new(missing),
            index: InstanceIndex(0),
            instance: instance.into(),
        };
        self.note(&target);
        self.check.push(CheckCall { target, input: Arc::new(CheckInput::Nothing), fail_policy });
    }

    fn note(&mut self, target: &Target) {
        let unit = &target.handler;
        let state = if unit.is_built() { "built" } else { "missing" };
        let signature: String = unit.signature.iter().map(|byte| format!("{byte:02x}")).collect();
        for part in [unit.name.as_str(), state, &signature, &target.instance] {
            self.canonical.push_str(part);
            self.canonical.push('\n');
        }
    }
}
