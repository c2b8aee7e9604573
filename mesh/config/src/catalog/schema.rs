//! The fields of each template: static tables, so that reading, compiling and documenting an instance
//! all go by the same one. Names, types and varieties are those of Istio 1.4.

use mesh_attributes::ValueType;
use mesh_attributes::ValueType::{Bool, Int64, IpAddress, String, StringMap, Timestamp};

use super::CompiledTemplate;

/// On which side of a request the instances of a template are used, and what comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variety {
    /// Before the request: may it pass?
    Check,
    /// As [`Check`](Self::Check), with [outputs](CompiledTemplate::outputs) for header operations.
    CheckWithOutput,
    /// After the request, nothing comes back.
    Report,
    /// Before the request: an amount is asked for.
    Quota,
    /// Before everything else: the outputs become attributes.
    AttributeGenerator,
}

/// A field of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSchema {
    /// Its name in snake case, with the names of the messages around it: `subject.user`.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
}

/// What a field of a template holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// One expression of this type; `None` is any type.
    Scalar(Option<ValueType>),
    /// Expressions by names of the user's choice, each of this type; `None` is any type.
    Map(Option<ValueType>),
}

const fn field(name: &'static str, value_type: ValueType) -> FieldSchema {
    FieldSchema { name, kind: FieldKind::Scalar(Some(value_type)) }
}

const fn any(name: &'static str) -> FieldSchema {
    FieldSchema { name, kind: FieldKind::Scalar(None) }
}

const fn map(name: &'static str) -> FieldSchema {
    FieldSchema { name, kind: FieldKind::Map(None) }
}

impl CompiledTemplate {
    /// When its instances are used.
    pub const fn variety(self) -> Variety {
        match self {
            Self::ApiKey | Self::Authorization | Self::CheckNothing | Self::ListEntry => {
                Variety::Check
            }
            Self::KeyVal => Variety::CheckWithOutput,
            Self::Edge | Self::LogEntry | Self::Metric | Self::ReportNothing | Self::TraceSpan => {
                Variety::Report
            }
            Self::Quota => Variety::Quota,
            Self::Kubernetes => Variety::AttributeGenerator,
        }
    }

    /// Its fields, in the order of the template. All may be left out.
    pub const fn schema(self) -> &'static [FieldSchema] {
        match self {
            Self::ApiKey => API_KEY,
            Self::Authorization => AUTHORIZATION,
            Self::CheckNothing | Self::ReportNothing => &[],
            Self::Edge => EDGE,
            Self::KeyVal => KEY_VAL,
            Self::Kubernetes => KUBERNETES,
            Self::ListEntry => LIST_ENTRY,
            Self::LogEntry => LOG_ENTRY,
            Self::Metric => METRIC,
            Self::Quota => QUOTA,
            Self::TraceSpan => TRACE_SPAN,
        }
    }

    /// What an adapter gives back besides its verdict, by name: `$out.NAME` in attribute bindings,
    /// `ACTION.output.NAME` in header operations.
    pub const fn outputs(self) -> &'static [(&'static str, ValueType)] {
        match self {
            Self::KeyVal => &[("value", String)],
            Self::Kubernetes => KUBERNETES_OUTPUTS,
            _ => &[],
        }
    }
}

const KEY_VAL: &[FieldSchema] = &[field("key", String)];

const LIST_ENTRY: &[FieldSchema] = &[any("value")];

const QUOTA: &[FieldSchema] = &[map("dimensions")];

const METRIC: &[FieldSchema] = &[
    any("value"),
    map("dimensions"),
    field("monitored_resource_type", String),
    map("monitored_resource_dimensions"),
];

const LOG_ENTRY: &[FieldSchema] = &[
    map("variables"),
    field("timestamp", Timestamp),
    field("severity", String),
    field("monitored_resource_type", String),
    map("monitored_resource_dimensions"),
];

const TRACE_SPAN: &[FieldSchema] = &[
    field("trace_id", String),
    field("span_id", String),
    field("parent_span_id", String),
    field("span_name", String),
    field("start_time", Timestamp),
    field("end_time", Timestamp),
    map("span_tags"),
    field("http_status_code", Int64),
    field("client_span", Bool),
    field("rewrite_client_span_id", Bool),
    field("source_name", String),
    field("source_ip", IpAddress),
    field("destination_name", String),
    field("destination_ip", IpAddress),
    field("request_size", Int64),
    field("request_total_size", Int64),
    field("response_size", Int64),
    field("response_total_size", Int64),
    field("api_protocol", String),
];

const EDGE: &[FieldSchema] = &[
    field("timestamp", Timestamp),
    field("source_workload_namespace", String),
    field("source_workload_name", String),
    field("source_owner", String),
    field("source_uid", String),
    field("destination_workload_namespace", String),
    field("destination_workload_name", String),
    field("destination_owner", String),
    field("destination_uid", String),
    field("destination_service_namespace", String),
    field("destination_service_name", String),
    field("context_protocol", String),
    field("api_protocol", String),
];

const API_KEY: &[FieldSchema] = &[
    field("api", String),
    field("api_version", String),
    field("api_operation", String),
    field("api_key", String),
    field("timestamp", Timestamp),
];

const AUTHORIZATION: &[FieldSchema] = &[
    field("subject.user", String),
    field("subject.groups", String),
    map("subject.properties"),
    field("action.namespace", String),
    field("action.service", String),
    field("action.method", String),
    field("action.path", String),
    map("action.properties"),
];

const KUBERNETES: &[FieldSchema] = &[
    field("source_uid", String),
    field("source_ip", IpAddress),
    field("destination_uid", String),
    field("destination_ip", IpAddress),
    field("destination_port", Int64),
];

const KUBERNETES_OUTPUTS: &[(&str, ValueType)] = &[
    ("source_pod_uid", String),
    ("source_pod_ip", IpAddress),
    ("source_pod_name", String),
    ("source_labels", StringMap),
    ("source_namespace", String),
    ("source_service_account_name", String),
    ("source_host_ip", IpAddress),
    ("source_workload_uid", String),
    ("source_workload_name", String),
    ("source_workload_namespace", String),
    ("source_owner", String),
    ("destination_pod_uid", String),
    ("destination_pod_ip", IpAddress),
    ("destination_pod_name", String),
    ("destination_container_name", String),
    ("destination_labels", StringMap),
    ("destination_namespace", String),
    ("destination_service_account_name", String),
    ("destination_host_ip", IpAddress),
    ("destination_workload_uid", String),
    ("destination_workload_name", String),
    ("destination_workload_namespace", String),
    ("destination_owner", String),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_snake_case_and_each_is_there_once() {
        for template in CompiledTemplate::ALL {
            let fields = template.schema().iter().map(|field| field.name);
            let outputs = template.outputs().iter().map(|(name, _)| *name);
            for names in [fields.collect::<Vec<_>>(), outputs.collect()] {
                let unique: BTreeSet<_> = names.iter().collect();
                assert_eq!(unique.len(), names.len(), "{template:?}");
                let allowed = |b: u8| {
                    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.')
                };
                assert!(names.iter().all(|name| name.bytes().all(allowed)), "{names:?}");
            }
        }
    }

    #[test]
    fn only_what_answers_with_values_has_outputs() {
        for template in CompiledTemplate::ALL {
            let answers = matches!(
                template.variety(),
                Variety::CheckWithOutput | Variety::AttributeGenerator
            );
            assert_eq!(answers, !template.outputs().is_empty(), "{template:?}");
        }
    }
}
