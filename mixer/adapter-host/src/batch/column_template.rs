use mesh_attributes::ValueType;
use mesh_attributes::ValueType::{Bool, Int64, IpAddress, String, Timestamp};

use crate::Template;

/// A template whose instances cross the border in columns, [`crate::ColumnBatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnTemplate {
    /// Log entries.
    LogEntry,
    /// Spans of traces.
    TraceSpan,
    /// Edges of the graph of workloads.
    Edge,
}

impl ColumnTemplate {
    /// As one of all templates.
    pub const fn template(self) -> Template {
        match self {
            Self::LogEntry => Template::LogEntry,
            Self::TraceSpan => Template::TraceSpan,
            Self::Edge => Template::Edge,
        }
    }

    /// The fields that every instance has, in the order in which their values are pushed.
    pub const fn fields(self) -> &'static [(&'static str, ValueType)] {
        match self {
            Self::LogEntry => &[("severity", String), ("timestamp", Timestamp)],
            Self::TraceSpan => &[
                ("trace_id", String),
                ("span_id", String),
                ("parent_span_id", String),
                ("span_name", String),
                ("start_time", Timestamp),
                ("end_time", Timestamp),
                ("http_status_code", Int64),
                ("client_span", Bool),
                ("rewrite_client_span_id", Bool),
                ("source_name", String),
                ("source_ip", IpAddress),
                ("destination_name", String),
                ("destination_ip", IpAddress),
                ("request_size", Int64),
                ("request_total_size", Int64),
                ("response_size", Int64),
                ("response_total_size", Int64),
            ],
            Self::Edge => &[
                ("timestamp", Timestamp),
                ("source_workload_namespace", String),
                ("source_workload_name", String),
                ("source_owner", String),
                ("source_uid", String),
                ("destination_workload_namespace", String),
                ("destination_workload_name", String),
                ("destination_owner", String),
                ("destination_uid", String),
                ("destination_service_namespace", String),
                ("destination_service_name", String),
                ("context_protocol", String),
                ("api_protocol", String),
            ],
        }
    }

    /// The field that holds values under names of the configuration's choice: the instance's declared
    /// fields.
    pub const fn map(self) -> Option<&'static str> {
        match self {
            Self::LogEntry => Some("variables"),
            Self::TraceSpan => Some("span_tags"),
            Self::Edge => None,
        }
    }
}
