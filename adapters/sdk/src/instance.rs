use std::fmt;
use std::ops::Index;
use std::rc::Rc;

use crate::bindings::base::exports::mixmesh::adapter::lifecycle;

pub use crate::bindings::base::mixmesh::adapter::types::ValueType;

/// An instance by its place in [`Instances`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceIndex(u32);

/// The instances that rules send to a handler. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Instances(Rc<[Instance]>);

/// An instance that rules send to a handler.
#[derive(Debug, Clone)]
pub struct Instance {
    /// `name.instance.namespace`.
    pub name: String,
    /// What it is made for.
    pub template: Template,
    /// Its fields, sorted by name.
    pub fields: Vec<Field>,
    /// The type of its field `value`, where the template has one.
    pub value_type: Option<ValueType>,
}

/// A dimension of a metric or quota, a variable of a log entry, or a field that is set.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its declared type.
    pub value_type: ValueType,
}

/// A template by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// Numbers with dimensions.
    Metric,
    /// Log entries.
    LogEntry,
    /// Spans of traces.
    TraceSpan,
    /// Who talked to whom.
    Edge,
    /// A check without input.
    CheckNothing,
    /// A check of a value against a list.
    ListEntry,
    /// A check of an API key.
    ApiKey,
    /// A check of a subject and its action.
    Authorization,
    /// A check that yields the value under a key.
    KeyVal,
    /// A limited amount.
    Quota,
    /// An attribute generator.
    Kubernetes,
    /// That something happened.
    ReportNothing,
}

impl InstanceIndex {
    pub(crate) fn new(index: u32) -> Self {
        Self(index)
    }

    /// The place as a number.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

impl Instances {
    /// The instances of a template with their indexes.
    pub fn of(&self, template: Template) -> impl Iterator<Item = (InstanceIndex, &Instance)> {
        (0..).map(InstanceIndex).zip(self.0.iter()).filter(move |(_, i)| i.template == template)
    }

    /// All instances, in the order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.0.iter()
    }

    /// How many there are, over all templates.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Index<InstanceIndex> for Instances {
    type Output = Instance;

    fn index(&self, index: InstanceIndex) -> &Instance {
        &self.0[index.get()]
    }
}

impl FromIterator<Instance> for Instances {
    fn from_iter<I: IntoIterator<Item = Instance>>(instances: I) -> Self {
        Self(instances.into_iter().collect())
    }
}

impl Template {
    const ALL: [Self; 12] = [
        Self::Metric,
        Self::LogEntry,
        Self::TraceSpan,
        Self::Edge,
        Self::CheckNothing,
        Self::ListEntry,
        Self::ApiKey,
        Self::Authorization,
        Self::KeyVal,
        Self::Quota,
        Self::Kubernetes,
        Self::ReportNothing,
    ];

    /// The name in configuration and WIT.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::LogEntry => "logentry",
            Self::TraceSpan => "tracespan",
            Self::Edge => "edge",
            Self::CheckNothing => "checknothing",
            Self::ListEntry => "listentry",
            Self::ApiKey => "apikey",
            Self::Authorization => "authorization",
            Self::KeyVal => "keyval",
            Self::Quota => "quota",
            Self::Kubernetes => "kubernetes",
            Self::ReportNothing => "reportnothing",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.name() == name)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<lifecycle::Instance> for Instance {
    type Error = String;

    fn try_from(declared: lifecycle::Instance) -> Result<Self, String> {
        let template = Template::from_name(&declared.template).ok_or_else(|| {
            format!("instance {} has an unknown template {}", declared.name, declared.template)
        })?;
        let field = |f: lifecycle::Field| Field { name: f.name, value_type: f.value_type };
        Ok(Self {
            name: declared.name,
            template,
            fields: declared.fields.into_iter().map(field).collect(),
            value_type: declared.value_type,
        })
    }
}
