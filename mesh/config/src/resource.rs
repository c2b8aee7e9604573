use std::collections::BTreeMap;

use mesh_attributes::ValueType;

use crate::{CompiledAdapter, CompiledTemplate, Origin, Params, ResourceKey, Text};

/// A resource as it was written: plain data, its references and expressions not yet followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// What makes it unique.
    pub key: ResourceKey,
    /// Where it begins.
    pub origin: Origin,
    /// The annotations of its metadata.
    pub annotations: BTreeMap<String, String>,
    /// What it says.
    pub spec: Spec,
}

/// The content of a resource, by kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Spec {
    /// Attributes with their types.
    AttributeManifest(AttributeManifest),
    /// An adapter with its parameters, in either spelling.
    Handler(Handler),
    /// How a template's fields are made, in either spelling.
    Instance(Instance),
    /// When which instances go to which handlers.
    Rule(Rule),
}

/// Attributes that may be used in expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeManifest {
    /// The attributes by name.
    pub attributes: BTreeMap<String, AttributeDeclaration>,
}

/// What a manifest says about an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeDeclaration {
    /// Its type.
    pub value_type: ValueType,
    /// The line of its name.
    pub line: u32,
}

/// An adapter with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    /// The adapter.
    pub adapter: CompiledAdapter,
    /// What the adapter is given.
    pub params: Params,
}

/// How the fields of a template are made from attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The fields, which say the template.
    pub fields: InstanceFields,
    /// The same fields as they were written.
    pub params: Params,
}

/// The fields of an instance by template. Each text is an expression; a field that is not written, or
/// is the empty text, is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceFields {
    /// No field.
    CheckNothing,
    /// The value to look up.
    ListEntry {
        /// Any type.
        value: Option<Text>,
    },
    /// An entry of a log.
    LogEntry(LogEntryFields),
    /// A measured value.
    Metric(MetricFields),
}

impl InstanceFields {
    /// The template that these are the fields of.
    pub const fn template(&self) -> CompiledTemplate {
        match self {
            Self::CheckNothing => CompiledTemplate::CheckNothing,
            Self::ListEntry { .. } => CompiledTemplate::ListEntry,
            Self::LogEntry(_) => CompiledTemplate::LogEntry,
            Self::Metric(_) => CompiledTemplate::Metric,
        }
    }
}

/// The fields of template `logentry`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogEntryFields {
    /// Variables by name, of any type.
    pub variables: BTreeMap<String, Text>,
    /// When it happened: TIMESTAMP.
    pub timestamp: Option<Text>,
    /// How severe it is: STRING.
    pub severity: Option<Text>,
    /// STRING, for back ends that know monitored resources.
    pub monitored_resource_type: Option<Text>,
    /// Dimensions of the monitored resource by name, of any type.
    pub monitored_resource_dimensions: BTreeMap<String, Text>,
}

/// The fields of template `metric`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricFields {
    /// What is measured, of any type.
    pub value: Option<Text>,
    /// Dimensions by name, of any type.
    pub dimensions: BTreeMap<String, Text>,
    /// STRING, for back ends that know monitored resources.
    pub monitored_resource_type: Option<Text>,
    /// Dimensions of the monitored resource by name, of any type.
    pub monitored_resource_dimensions: BTreeMap<String, Text>,
}

/// When which instances go to which handlers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rule {
    /// A BOOL expression; without it the rule always applies.
    pub match_expression: Option<Text>,
    /// What happens, in the file's order.
    pub actions: Vec<Action>,
    /// Changes to the request's headers, in the file's order.
    pub request_header_operations: Vec<HeaderOperation>,
    /// Changes to the response's headers, in the file's order.
    pub response_header_operations: Vec<HeaderOperation>,
    /// Which part of the matching requests is taken.
    pub sampling: Option<Sampling>,
    /// What a failing handler or instance of the rule means; closed for checks if not written.
    pub fail_policy: Option<FailPolicy>,
}

/// A handler with the instances it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// A reference to a handler.
    pub handler: Text,
    /// References to instances, at least one.
    pub instances: Vec<Text>,
    /// The name by which header operations refer to the action's output.
    pub name: Option<Text>,
}

/// A change to a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderOperation {
    /// The header's name as written: a token of HTTP, or a pseudo-header such as `:path`.
    pub name: Text,
    /// STRING expressions, each making one value; none for [`HeaderOperationKind::Remove`].
    pub values: Vec<Text>,
    /// What is done with them.
    pub kind: HeaderOperationKind,
}

/// What a [`HeaderOperation`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderOperationKind {
    /// Puts the values in place of what is there.
    #[default]
    Replace,
    /// Takes the header away.
    Remove,
    /// Adds the values.
    Append,
}

/// What a handler that cannot answer means for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailPolicy {
    /// The request is refused.
    Closed,
    /// The handler has no opinion.
    Open,
}

/// Which part of the matching requests a rule takes. Both restrictions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sampling {
    /// A random share.
    pub random: Option<RandomSampling>,
    /// A bounded rate.
    pub rate_limit: Option<RateLimitSampling>,
}

/// A random share of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RandomSampling {
    /// An INT64 expression whose value takes the place of `numerator`.
    pub attribute_expression: Option<Text>,
    /// How many of `denominator` requests are taken.
    pub numerator: u32,
    /// 100 or 10,000.
    pub denominator: u32,
    /// Whether each request is drawn for itself rather than by its id, which gives all rules and
    /// sidecars the same choice.
    pub independent: bool,
}

/// All requests up to a number within each period, then one of so many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitSampling {
    /// The period in nanoseconds, more than 0.
    pub period_nanos: u64,
    /// How many are taken in a period before the rate applies.
    pub max_unsampled_entries: u64,
    /// One of so many is taken after that, at least 1.
    pub sampling_rate: u64,
}
