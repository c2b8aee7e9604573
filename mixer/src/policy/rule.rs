use std::sync::Arc;

use adapter_host::InstanceIndex;
use mesh_attributes::ValueType;
use mesh_config::FailPolicy;
use mixer_expr::Expression;

use crate::handlers::HandlerUnit;

/// A rule, compiled: when its condition holds, its calls are made.
#[derive(Debug)]
pub(crate) struct CompiledRule<Call> {
    /// `name.rule.namespace`, for logs and explanations.
    pub(crate) name: String,
    /// `None` holds always.
    pub(crate) condition: Option<Arc<Expression>>,
    pub(crate) calls: Vec<Call>,
}

pub(crate) type CheckRule = CompiledRule<CheckCall>;
pub(crate) type ReportRule = CompiledRule<ReportCall>;

/// One instance for one handler, before a request.
#[derive(Debug)]
pub(crate) struct CheckCall {
    pub(crate) target: Target,
    pub(crate) input: Arc<CheckInput>,
    /// What holds when the handler fails, or the instance cannot be made.
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

/// How an instance of a check template is made.
#[derive(Debug)]
pub(crate) enum CheckInput {
    Nothing,
    ListEntry(Field),
}

/// How an instance of a report template is made.
#[derive(Debug)]
pub(crate) enum ReportInput {
    Metric {
        value: Field,
        /// In the order of the handler's declaration: by name.
        dimensions: Vec<Field>,
    },
    LogEntry {
        severity: Field,
        timestamp: Field,
        /// In the order of the handler's declaration: by name.
        variables: Vec<Field>,
    },
}

impl Field {
    /// The type of its values; STRING when it is not set.
    pub(crate) fn value_type(&self) -> ValueType {
        self.expression.as_ref().map_or(ValueType::String, Expression::value_type)
    }
}

/// One field of an instance.
#[derive(Debug)]
pub(crate) struct Field {
    /// As in the configuration, such as `dimensions.source`.
    pub(crate) name: String,
    /// `None` when the field is not set: it has its type's zero value.
    pub(crate) expression: Option<Expression>,
}
