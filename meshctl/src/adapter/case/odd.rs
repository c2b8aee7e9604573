use adapter_host::{InstanceIndex, Template, Variety};
use mesh_attributes::{OwnedValue, Span, Timestamp, ValueType};
use serde_json::{Map, Value, json};

use super::call::{Call, Kind};
use super::document::WrittenInstance;
use super::instance::{Instance, Values};
use super::suite::Suite;

/// Values that broken clients and careless rules send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Nothing, zero, the epoch.
    Empty,
    /// The longest and largest ones.
    Longest,
    /// Below zero, not a number, control characters, addresses of wrong length.
    Strange,
}

/// The longest text that the host hands in.
const LONGEST: usize = 64 << 10;
/// Elements of a large report.
const MANY: usize = 1000;

impl Odd {
    pub(crate) const ALL: [Self; 3] = [Self::Empty, Self::Longest, Self::Strange];

    fn value(self, declared: ValueType) -> OwnedValue {
        use ValueType as T;
        match declared {
            T::String | T::EmailAddress | T::Uri | T::DnsName => OwnedValue::String(match self {
                Self::Empty => String::new(),
                Self::Longest => "x".repeat(LONGEST),
                Self::Strange => "\u{0}\n\"\\\u{7f}\u{202e}ß{}=;,|".to_owned(),
            }),
            T::Int64 => OwnedValue::Int64(match self {
                Self::Empty => 0,
                Self::Longest => i64::MAX,
                Self::Strange => i64::MIN,
            }),
            T::Double => OwnedValue::Double(match self {
                Self::Empty => 0.0,
                Self::Longest => f64::MAX,
                Self::Strange => f64::NAN,
            }),
            T::Bool => OwnedValue::Bool(self == Self::Longest),
            T::Timestamp => OwnedValue::Timestamp(match self {
                Self::Empty => Timestamp::default(),
                Self::Longest => Timestamp { seconds: i64::MAX, nanos: 999_999_999 },
                Self::Strange => Timestamp { seconds: i64::MIN, nanos: 0 },
            }),
            T::Duration => OwnedValue::Duration(match self {
                Self::Empty => Span::default(),
                Self::Longest => Span { seconds: i64::MAX, nanos: 0 },
                Self::Strange => Span { seconds: -1, nanos: -1 },
            }),
            T::IpAddress => OwnedValue::Bytes(match self {
                Self::Empty => Vec::new(),
                Self::Longest => vec![0xff; 16],
                Self::Strange => vec![1, 2, 3, 4, 5],
            }),
            T::StringMap => OwnedValue::StringMap(match self {
                Self::Empty => Default::default(),
                Self::Longest => (0..100).map(|n| (format!("key{n}"), "x".repeat(500))).collect(),
                Self::Strange => [(String::new(), "\u{0}".to_owned())].into(),
            }),
        }
    }
}

impl Suite {
    /// An instance of each template with fields of all kinds, and no calls.
    pub(crate) fn made_up(templates: &[Template]) -> Self {
        let made_up = |template: &Template| {
            let params = match template.name() {
                "metric" => {
                    json!({ "value": "DOUBLE", "dimensions": { "a": "STRING", "b": "INT64" } })
                }
                "logentry" => json!({
                    "severity": "STRING",
                    "timestamp": "TIMESTAMP",
                    "variables": { "a": "STRING", "b": "INT64", "c": "IP_ADDRESS", "d": "STRING_MAP" },
                }),
                "tracespan" => json!({
                    "trace_id": "STRING", "span_id": "STRING", "span_name": "STRING",
                    "start_time": "TIMESTAMP", "end_time": "TIMESTAMP", "http_status_code": "INT64",
                    "source_ip": "IP_ADDRESS", "span_tags": { "a": "STRING" },
                }),
                "edge" => json!({ "timestamp": "TIMESTAMP", "source_workload_name": "STRING" }),
                "listentry" => json!({ "value": "STRING" }),
                "apikey" => json!({ "api_key": "STRING", "timestamp": "TIMESTAMP" }),
                "authorization" => json!({
                    "subject": { "user": "STRING", "properties": { "a": "STRING_MAP" } },
                    "action": { "path": "STRING" },
                }),
                "keyval" => json!({ "key": "STRING" }),
                "quota" => json!({ "dimensions": { "a": "STRING" } }),
                "kubernetes" => json!({ "source_uid": "STRING", "source_ip": "IP_ADDRESS" }),
                _ => json!({}),
            };
            let params: Map<String, Value> = serde_json::from_value(params).unwrap_or_default();
            let written = WrittenInstance { template: template.name().to_owned(), params };
            Instance::read(template.name(), &written).ok()
        };
        let instances = templates.iter().filter_map(made_up).collect();
        Self { servers: Default::default(), instances, cases: Vec::new() }
    }

    /// Calls with odd values to each instance.
    pub(crate) fn odd_calls(&self, kinds: &[Odd]) -> Vec<Call> {
        let mut calls = Vec::new();
        for (index, instance) in (0..).map(InstanceIndex).zip(&self.instances) {
            let kind = match instance.decl.template.variety() {
                Variety::Check => Kind::Check,
                Variety::Quota => Kind::Quota,
                Variety::AttributeGenerator => Kind::Generate,
                Variety::Report => Kind::Report,
            };
            let values = |odd: Odd| Values::of(instance, |declared| odd.value(declared));
            for odd in kinds {
                calls.push(Call::probing(kind, index, vec![values(*odd)]));
            }
            if kind == Kind::Report {
                let many = (0..MANY).map(|n| values(Odd::ALL[n % 2 * 2])).collect();
                calls.push(Call::probing(kind, index, many));
            }
        }
        calls
    }
}
