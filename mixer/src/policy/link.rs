//! Rules joined with the handlers and instances they refer to.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapter_host::InstanceIndex;
use mesh_config::{
    Action, CompiledAdapter, ConfigSet, FailPolicy, Problem, Referred, ResourceKey, Text,
};
use mixer_expr::Expression;

use super::builder::adapter_of;
use super::digest::Canonical;
use super::draft::DraftRule;
use super::instances::{CompiledInstance, Input};
use super::rule::{
    CheckCall, CheckInput, CheckRule, CompiledRule, GenerateCall, GenerateRule, QuotaCall,
    QuotaRule, ReportCall, ReportRule, Scope, Target,
};
use crate::handlers::HandlerUnit;

/// Joins rules with the handlers and instances they refer to.
pub(super) struct Assembly<'a> {
    pub(super) units: &'a BTreeMap<ResourceKey, Arc<HandlerUnit>>,
    pub(super) instances: &'a BTreeMap<ResourceKey, CompiledInstance>,
    pub(super) effective: &'a ConfigSet,
}

/// A rule by the varieties of what it does.
#[derive(Default)]
pub(super) struct LinkedRule {
    pub(super) generate: Option<GenerateRule>,
    pub(super) check: Option<CheckRule>,
    pub(super) quota: Option<QuotaRule>,
    pub(super) report: Option<ReportRule>,
    /// All that can change the answers of its checks.
    pub(super) check_canonical: String,
    /// All that can change the attributes that it generates.
    pub(super) generate_canonical: String,
}

/// What an action needs that is the same for all its instances.
struct ActionContext<'a> {
    unit: Arc<HandlerUnit>,
    /// Whether the handler's adapter exists to decide about requests, before one of its instances is seen.
    decides: Option<Decides>,
    fail_policy: FailPolicy,
    name: Option<&'a Text>,
}

/// What an adapter decides about.
#[derive(Clone, Copy)]
enum Decides {
    Requests,
    Quotas,
}

impl HandlerUnit {
    /// How `instance` is made for this handler.
    fn input_of<'i>(&self, instance: &'i CompiledInstance) -> &'i Input {
        match &instance.component {
            Some((_, input)) if !self.takes_shapes() => input,
            _ => &instance.open.1,
        }
    }
}

impl Assembly<'_> {
    pub(super) fn link(
        &self,
        key: &ResourceKey,
        rule: &DraftRule,
        was_check: bool,
        problems: &mut Vec<Problem>,
    ) -> LinkedRule {
        let mut links = Links::default();
        for action in &rule.spec().actions {
            self.link_action(key, rule, action, was_check, &mut links, problems);
        }
        let scope = Scope {
            rule: key.to_string().into(),
            condition: rule.condition.clone(),
            sampling: rule.sampling.clone(),
        };
        let spec = rule.spec();
        let condition = rule.condition.as_deref();
        let language = condition.map(Expression::language);
        let condition = condition.map_or("", Expression::text);
        let headers = rule.headers.as_ref().map(|headers| headers.canonical());
        let common = format!(
            "{key}\n{language:?}\n{condition}\n{:?}\n{:?}",
            spec.fail_policy,
            spec.sampling.is_some()
        );
        let headers_canonical = headers.unwrap_or_default();
        let checks = !links.check.is_empty() || rule.headers.is_some();
        LinkedRule {
            check_canonical: format!("{common}\n{}\n{headers_canonical}", links.check_canonical),
            generate_canonical: format!("{common}\n{}", links.generate_canonical),
            generate: compiled(&scope, links.generate),
            quota: compiled(&scope, links.quota),
            report: compiled(&scope, links.report),
            check: checks.then(|| CheckRule {
                scope,
                calls: links.check,
                headers: rule.headers.clone(),
            }),
        }
    }

    fn link_action(
        &self,
        key: &ResourceKey,
        rule: &DraftRule,
        action: &Action,
        was_check: bool,
        links: &mut Links,
        problems: &mut Vec<Problem>,
    ) {
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
        let unit = unit.unwrap_or_else(|| {
            let why = format!("there is no handler {}", action.handler.value);
            let signature = Canonical::new().finish();
            let name = action.handler.value.clone();
            Arc::new(HandlerUnit::missing(name, String::new(), signature, why))
        });
        let adapter = handler.ok().and_then(|handler| adapter_of(handler));
        let context = ActionContext {
            unit,
            decides: decides(adapter, was_check),
            fail_policy: rule.spec().fail_policy.unwrap_or(FailPolicy::Closed),
            name: action.name.as_ref(),
        };
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
                links.closed(&context, &reference.value, context.decides);
                continue;
            };
            let unit = &context.unit;
            let input = unit.input_of(instance);
            let Some(index) = unit.index_of(&instance.name) else {
                let template = &instance.open.0.template;
                report(reference.line, unit.refusal(&instance.name, template));
                let decides = match input {
                    Input::Check(_) => Some(Decides::Requests),
                    Input::Quota(..) => Some(Decides::Quotas),
                    Input::Generate(_) | Input::Report(_) => None,
                };
                links.closed(&context, &instance.name, decides);
                continue;
            };
            let target = Target {
                index,
                instance: instance.name.as_str().into(),
                handler: Arc::clone(unit),
            };
            links.add(target, input, &instance.canonical, &context);
        }
    }
}

fn compiled<Call>(scope: &Scope, calls: Vec<Call>) -> Option<CompiledRule<Call>> {
    (!calls.is_empty()).then(|| CompiledRule { scope: scope.clone(), calls })
}

/// What an action decides about whose instance is missing, by its adapter. Where that does not tell – it is
/// gone too, or takes everything – a rule that had a check is taken for one.
fn decides(adapter: Option<CompiledAdapter>, was_check: bool) -> Option<Decides> {
    use CompiledAdapter as A;
    match adapter {
        Some(A::Authz | A::Denier | A::KeyVal | A::ListChecker | A::Opa | A::Rbac) => {
            Some(Decides::Requests)
        }
        Some(A::MemQuota | A::RedisQuota) => Some(Decides::Quotas),
        Some(
            A::DogStatsD
            | A::Fluentd
            | A::KubernetesEnv
            | A::Otlp
            | A::Prometheus
            | A::StatsD
            | A::Stdio
            | A::Zipkin,
        ) => None,
        Some(A::Noop) | None => was_check.then_some(Decides::Requests),
    }
}

#[derive(Default)]
struct Links {
    generate: Vec<GenerateCall>,
    check: Vec<CheckCall>,
    quota: Vec<QuotaCall>,
    report: Vec<ReportCall>,
    check_canonical: String,
    generate_canonical: String,
}

impl Links {
    fn add(&mut self, target: Target, input: &Input, canonical: &str, context: &ActionContext<'_>) {
        let fail_policy = context.fail_policy;
        match input {
            Input::Generate(input) => {
                note(&target, &mut self.generate_canonical);
                self.generate_canonical.push_str(canonical);
                let input = Arc::clone(input);
                self.generate.push(GenerateCall { target, input, fail_policy });
            }
            Input::Check(input) => {
                note(&target, &mut self.check_canonical);
                self.check_canonical.push_str(canonical);
                let action = context.name.map(|name| name.value.as_str().into());
                let input = Arc::clone(input);
                self.check.push(CheckCall { target, input, fail_policy, action });
            }
            Input::Quota(quota, input) => {
                let (quota, input) = (Arc::clone(quota), Arc::clone(input));
                self.quota.push(QuotaCall { target, quota, input, fail_policy });
            }
            Input::Report(input) => {
                self.report.push(ReportCall { target, input: Arc::clone(input) });
            }
        }
    }

    /// A decision that can only fail: what it needs is missing.
    fn closed(&mut self, context: &ActionContext<'_>, instance: &str, decides: Option<Decides>) {
        let Some(decides) = decides else { return };
        let unit = &context.unit;
        let why = format!("instance {instance} is missing or not for this handler");
        let signature = Canonical::new().finish();
        let missing = HandlerUnit::missing(unit.name.clone(), unit.adapter.clone(), signature, why);
        let target = Target {
            handler: Arc::new(missing),
            index: InstanceIndex(0),
            instance: instance.into(),
        };
        let (input, fail_policy) = (Arc::new(CheckInput::default()), context.fail_policy);
        match decides {
            Decides::Requests => {
                note(&target, &mut self.check_canonical);
                self.check.push(CheckCall { target, input, fail_policy, action: None });
            }
            Decides::Quotas => {
                let quota = instance.split('.').next().unwrap_or_default().to_lowercase().into();
                self.quota.push(QuotaCall { target, quota, input, fail_policy });
            }
        }
    }
}

fn note(target: &Target, canonical: &mut String) {
    let unit = &target.handler;
    let state = if unit.is_built() { "built" } else { "missing" };
    let signature: String = unit.signature.iter().map(|byte| format!("{byte:02x}")).collect();
    for part in [unit.name.as_str(), state, &signature, &target.instance] {
        canonical.push_str(part);
        canonical.push('\n');
    }
}
