use std::sync::Arc;

use adapter_host::{ColumnTemplate, InstanceIndex};
use mesh_attributes::{AttributeName, Bag, ValueType};
use mesh_config::FailPolicy;
use mixer_expr::Expression;
use tracing::debug;

use super::headers::HeaderOperations;
use super::sampling::Sampler;
use crate::handlers::HandlerUnit;
use crate::metrics::Metrics;

/// A rule, compiled, for one variety: when it applies, its calls are made.
#[derive(Debug)]
pub(crate) struct CompiledRule<Call> {
    pub(crate) scope: Scope,
    pub(crate) calls: Vec<Call>,
}

/// When a rule applies. Shared by the varieties of its calls.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// `name.rule.namespace`, for logs and explanations.
    pub(crate) rule: Arc<str>,
    /// `None` holds always.
    pub(crate) condition: Option<Arc<Expression>>,
    /// `None` takes all.
    pub(crate) sampling: Option<Arc<Sampler>>,
}

/// What a rule does before a request.
#[derive(Debug)]
pub(crate) struct CheckRule {
    pub(crate) scope: Scope,
    pub(crate) calls: Vec<CheckCall>,
    pub(crate) headers: Option<Arc<HeaderOperations>>,
}

pub(crate) type GenerateRule = CompiledRule<GenerateCall>;
pub(crate) type QuotaRule = CompiledRule<QuotaCall>;
pub(crate) type ReportRule = CompiledRule<ReportCall>;

impl Scope {
    /// Whether the rule's condition holds. As in Istio, one that cannot be evaluated does not.
    pub(crate) fn matches(&self, bag: &impl Bag, metrics: &Metrics) -> bool {
        let Some(condition) = &self.condition else { return true };
        condition.eval_bool(bag).unwrap_or_else(|cause| {
            metrics.rule_match_errors.inc();
            debug!(rule = %self.rule, %cause, "a match could not be evaluated");
            false
        })
    }

    /// Whether a request that matches is taken.
    pub(crate) fn takes(&self, bag: &impl Bag) -> bool {
        self.sampling.as_ref().is_none_or(|sampler| sampler.takes(bag))
    }
}

/// One instance for one handler, before the rules are looked at.
#[derive(Debug)]
pub(crate) struct GenerateCall {
    pub(crate) target: Target,
    pub(crate) input: Arc<GenerateInput>,
    pub(crate) fail_policy: FailPolicy,
}

/// One instance for one handler, before a request.
#[derive(Debug)]
pub(crate) struct CheckCall {
    pub(crate) target: Target,
    pub(crate) input: Arc<CheckInput>,
    /// What holds when the handler fails, or the instance cannot be made.
    pub(crate) fail_policy: FailPolicy,
    /// Under which header operations know the output.
    pub(crate) action: Option<Arc<str>>,
}

/// One instance for one handler, when a request asks for its quota.
#[derive(Debug)]
pub(crate) struct QuotaCall {
    pub(crate) target: Target,
    /// The name that requests ask by, in lower case.
    pub(crate) quota: Arc<str>,
    pub(crate) input: Arc<CheckInput>,
    pub(crate) fail_policy: FailPolicy,
}

/// One instance for one handler, after a request.
#[derive(Debug)]
pub(crate) struct ReportCall {
    pub(crate) target: Target,
    pub(crate) input: Arc<ReportInput>,
}

/// Where an instance goes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) handler: Arc<HandlerUnit>,
    /// The instance among those that the handler was configured with.
    pub(crate) index: InstanceIndex,
    /// `name.instance.namespace`.
    pub(crate) instance: Arc<str>,
}

/// How an instance is made whose values go to the adapter one by one: checks and quotas.
#[derive(Debug, Default)]
pub(crate) struct CheckInput {
    /// In the order of the handler's declaration.
    pub(crate) fields: Vec<Field>,
}

/// How an instance of an attribute generator is made, and what becomes of the output.
#[derive(Debug)]
pub(crate) struct GenerateInput {
    /// In the order of the handler's declaration.
    pub(crate) fields: Vec<Field>,
    /// By name.
    pub(crate) bindings: Vec<Binding>,
}

/// An attribute made of a generator's output.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) attribute: AttributeName,
    pub(crate) value: Field,
}

/// How an instance of a report template is made.
#[derive(Debug)]
pub(crate) enum ReportInput {
    Metric {
        value: Field,
        /// In the order of the handler's declaration: by name.
        dimensions: Vec<Field>,
        /// Of the dimensions as they are written: equal ones have equal values for a request.
        dimensions_digest: [u8; 32],
    },
    Columns {
        template: ColumnTemplate,
        /// The template's own, in its order, then those of the handler's declaration: by name.
        fields: Vec<Field>,
    },
    Nothing,
    /// For adapters that are no components: the fields of the instance's shape.
    Row {
        template: Arc<str>,
        fields: Vec<Field>,
    },
}

impl Field {
    /// The type of its values.
    pub(crate) fn value_type(&self) -> ValueType {
        self.expression.as_deref().map_or(self.unset, Expression::value_type)
    }
}

/// One field of an instance.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// As in the configuration, such as `dimensions.source`.
    pub(crate) name: String,
    /// `None` when the field is not set.
    pub(crate) expression: Option<Arc<Expression>>,
    /// The type whose zero value it has then.
    pub(crate) unset: ValueType,
}
