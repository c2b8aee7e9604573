use std::fmt;

use serde::Serialize;

/// The version of `mixmesh:adapter` and `mixmesh:host` that this host speaks.
pub(crate) const VERSION: &str = "0.1.0";

/// An interface of `mixmesh:adapter` that instances are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Template {
    /// Numbers with dimensions, reported.
    Metric,
    /// Log entries, reported.
    LogEntry,
    /// A check without input.
    CheckNothing,
    /// A check of one value against a list.
    ListEntry,
}

impl Template {
    /// All templates.
    pub const ALL: [Self; 4] = [Self::Metric, Self::LogEntry, Self::CheckNothing, Self::ListEntry];

    /// The name in configuration and in WIT, such as `logentry`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::LogEntry => "logentry",
            Self::CheckNothing => "checknothing",
            Self::ListEntry => "listentry",
        }
    }

    /// The template with this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.name() == name)
    }

    /// The name of the interface in a component, with its version.
    pub(crate) fn interface(self) -> String {
        format!("mixmesh:adapter/{}@{VERSION}", self.name())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
