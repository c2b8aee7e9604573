use std::collections::BTreeMap;

use mesh_attributes::ValueType;

use crate::{CompiledAdapter, CompiledTemplate, Kind, Origin, Params, ResourceKey, Text};

mod api;
mod connection;
mod extension;
mod limits;
mod quota;
mod service;

pub use api::{ApiKeyPlace, ApiPath, ApiPattern, HttpApiSpec, HttpApiSpecBinding};
pub use connection::{
    Authentication, Connection, MutualAuthentication, OAuth, TlsAuthentication, TokenHeader,
    TokenSource,
};
pub use extension::{Adapter, Template};
pub use limits::{Limit, LimitKind, LimitUnit};
pub use quota::{AttributeMatch, QuotaCharge, QuotaRule, QuotaSpec, QuotaSpecBinding, StringMatch};
pub use service::{ServiceRef, ServiceTarget, SpecRef};

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
    /// An adapter that runs in a process of its own.
    Adapter(Adapter),
    /// A template that adapters of other processes take.
    Template(Template),
    /// Which quotas requests use up.
    QuotaSpec(QuotaSpec),
    /// To which services quota specifications apply.
    QuotaSpecBinding(QuotaSpecBinding),
    /// The operations of an HTTP API.
    HttpApiSpec(HttpApiSpec),
    /// To which services API specifications apply.
    HttpApiSpecBinding(HttpApiSpecBinding),
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
    pub adapter: AdapterRef,
    /// What the adapter is given.
    pub params: Params,
    /// What it may use, as far as that is written; `limits` beside `params`.
    pub limits: Vec<Limit>,
    /// Where an adapter in another process is reached.
    pub connection: Option<Connection>,
}

/// Which adapter a handler uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdapterRef {
    /// One of ours (`compiledAdapter`, or the kind in the older spelling).
    Compiled(CompiledAdapter),
    /// A component by its place (`adapter`): a file, `file://…` or `oci://…`. Whether it is well-formed,
    /// and what is there, is for who loads it.
    Component(Text),
    /// A reference to a resource of kind `adapter` (`adapter`).
    Named(Text),
}

impl AdapterRef {
    /// Our adapter that this means, if it means one. A reference to an adapter of another process does
    /// when it has the name of one of ours: `keyval` of Istio's own task.
    pub fn compiled(&self) -> Option<CompiledAdapter> {
        match self {
            Self::Compiled(adapter) => Some(*adapter),
            Self::Component(_) => None,
            Self::Named(reference) => {
                CompiledAdapter::from_name(referred_name(&reference.value, Kind::Adapter)?)
            }
        }
    }

    /// The adapter as it was written.
    pub fn name(&self) -> &str {
        match self {
            Self::Compiled(adapter) => adapter.name(),
            Self::Component(reference) | Self::Named(reference) => &reference.value,
        }
    }

    /// Whether `text` is the place of a component: no name of a resource has a slash or ends so.
    pub(crate) fn is_place(text: &str) -> bool {
        text.contains('/') || text.ends_with(".wasm")
    }
}

/// How the fields of a template are made from attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The template.
    pub template: TemplateRef,
    /// Expressions by the names of the fields, those in messages and maps joined by dots:
    /// `value`, `dimensions.source`, `subject.properties.app`. For one of our templates each name has
    /// its place in the [schema](CompiledTemplate::schema). A field that is not written, or is the
    /// empty text, is not here.
    pub fields: BTreeMap<String, Text>,
    /// Expressions over the template's outputs by the names of the attributes that they make; only
    /// for templates that make attributes.
    pub attribute_bindings: BTreeMap<String, Text>,
    /// The fields as they were written.
    pub params: Params,
}

/// Which template an instance is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateRef {
    /// One of ours (`compiledTemplate`, the kind in the older spelling, or `template` with the name of
    /// one of ours).
    Compiled(CompiledTemplate),
    /// A reference to a resource of kind `template` (`template`).
    Named(Text),
}

impl TemplateRef {
    /// Our template, if it is one.
    pub const fn compiled(&self) -> Option<CompiledTemplate> {
        match self {
            Self::Compiled(template) => Some(*template),
            Self::Named(_) => None,
        }
    }

    /// The template as it was written.
    pub fn name(&self) -> &str {
        match self {
            Self::Compiled(template) => template.name(),
            Self::Named(reference) => &reference.value,
        }
    }
}

/// The name in `reference`, which is `name`, `name.namespace`, `name.kind` or `name.kind.namespace`.
pub(crate) fn referred_name(reference: &str, kind: Kind) -> Option<&str> {
    let (name, rest) = reference.split_once('.').unwrap_or((reference, ""));
    match rest.split_once('.') {
        None => Some(name),
        Some((second, namespace)) => {
            (second == kind.name() && !namespace.contains('.')).then_some(name)
        }
    }
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
