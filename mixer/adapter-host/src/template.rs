use std::fmt;

use mesh_attributes::ValueType;
use serde::{Serialize, Serializer};

use crate::CustomTemplate;

/// The version of `mixmesh:adapter` and `mixmesh:host` that this host speaks.
pub(crate) const VERSION: &str = "0.1.0";

/// An interface of `mixmesh:adapter` that instances are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Template {
    /// Numbers with dimensions, reported.
    Metric,
    /// Log entries, reported.
    LogEntry,
    /// Spans of traces, reported.
    TraceSpan,
    /// Who talked to whom, reported.
    Edge,
    /// That something happened, reported.
    ReportNothing,
    /// A check without input.
    CheckNothing,
    /// A check of one value against a list.
    ListEntry,
    /// A check of an API key.
    ApiKey,
    /// A check of a subject and its action.
    Authorization,
    /// A check that yields the value under a key.
    KeyVal,
    /// A limited amount.
    Quota,
    /// What is known of the workloads at both ends of a request.
    Kubernetes,
    /// One that the adapter's author invented.
    Custom(CustomTemplate),
}

/// When a template's instances are made and what becomes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variety {
    /// Before the rules are looked at; the output becomes attributes.
    AttributeGenerator,
    /// Before a request is served; the answer decides about it. May have output for header operations.
    Check,
    /// Before a request is served, if it asks for this quota.
    Quota,
    /// After a request.
    Report,
}

/// A workload's outputs, by the prefix of its end.
macro_rules! workload_outputs {
    ($($end:literal),+) => {
        &[
            $(
                (concat!($end, "_pod_uid"), ValueType::String),
                (concat!($end, "_pod_ip"), ValueType::IpAddress),
                (concat!($end, "_pod_name"), ValueType::String),
                (concat!($end, "_labels"), ValueType::StringMap),
                (concat!($end, "_namespace"), ValueType::String),
                (concat!($end, "_service_account_name"), ValueType::String),
                (concat!($end, "_host_ip"), ValueType::IpAddress),
                (concat!($end, "_workload_uid"), ValueType::String),
                (concat!($end, "_workload_name"), ValueType::String),
                (concat!($end, "_workload_namespace"), ValueType::String),
                (concat!($end, "_owner"), ValueType::String),
            )+
            ("destination_container_name", ValueType::String),
        ]
    };
}

impl Template {
    /// All templates of `mixmesh:adapter`.
    pub const ALL: [Self; 12] = [
        Self::Metric,
        Self::LogEntry,
        Self::TraceSpan,
        Self::Edge,
        Self::ReportNothing,
        Self::CheckNothing,
        Self::ListEntry,
        Self::ApiKey,
        Self::Authorization,
        Self::KeyVal,
        Self::Quota,
        Self::Kubernetes,
    ];

    /// The name in configuration and in WIT, such as `logentry`; of a custom one with its package.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::LogEntry => "logentry",
            Self::TraceSpan => "tracespan",
            Self::Edge => "edge",
            Self::ReportNothing => "reportnothing",
            Self::CheckNothing => "checknothing",
            Self::ListEntry => "listentry",
            Self::ApiKey => "apikey",
            Self::Authorization => "authorization",
            Self::KeyVal => "keyval",
            Self::Quota => "quota",
            Self::Kubernetes => "kubernetes",
            Self::Custom(custom) => custom.interface(),
        }
    }

    /// When its instances are made.
    pub fn variety(self) -> Variety {
        match self {
            Self::Metric | Self::LogEntry | Self::TraceSpan | Self::Edge | Self::ReportNothing => {
                Variety::Report
            }
            Self::CheckNothing
            | Self::ListEntry
            | Self::ApiKey
            | Self::Authorization
            | Self::KeyVal => Variety::Check,
            Self::Quota => Variety::Quota,
            Self::Kubernetes => Variety::AttributeGenerator,
            Self::Custom(custom) => custom.variety(),
        }
    }

    /// What an answer may bring along, by name.
    pub fn outputs(self) -> &'static [(&'static str, ValueType)] {
        match self {
            Self::KeyVal => &[("value", ValueType::String)],
            Self::Kubernetes => workload_outputs!("source", "destination"),
            Self::Custom(custom) => custom.outputs(),
            _ => &[],
        }
    }

    /// The template of `mixmesh:adapter` with this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.name() == name)
    }

    /// The name of the interface in a component, with its version.
    pub(crate) fn interface(self) -> String {
        match self {
            Self::Custom(custom) => custom.interface().to_owned(),
            ours => format!("mixmesh:adapter/{}@{VERSION}", ours.name()),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
