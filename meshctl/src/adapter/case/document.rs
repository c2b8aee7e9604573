use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::server::ServerKind;

/// A case file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Document {
    /// Of cases that have none of their own.
    pub(super) parameters: Map<String, Value>,
    /// Back ends by the name that parameters use as `$NAME`.
    pub(super) servers: BTreeMap<String, ServerKind>,
    pub(super) instances: BTreeMap<String, WrittenInstance>,
    pub(super) cases: Vec<WrittenCase>,
}

/// An instance that rules would send to the handler.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenInstance {
    pub(super) template: String,
    /// As in a configuration, with the names of types in the place of expressions.
    #[serde(default)]
    pub(super) params: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenCase {
    pub(super) name: String,
    pub(super) parameters: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) calls: Vec<WrittenCall>,
    /// What is wrong with the configuration: then there are no calls.
    pub(super) problems: Option<Vec<String>>,
    /// All series with samples, in Prometheus' text format.
    pub(super) series: Option<Vec<String>>,
    /// All lines of the handler's stream.
    pub(super) lines: Option<Vec<String>>,
    /// All that each server has received.
    pub(super) sent: Option<BTreeMap<String, Vec<String>>>,
    /// All messages to the operator.
    pub(super) messages: Option<Vec<String>>,
}

/// Exactly one of `check`, `report`, `quota` and `generate` names the instance.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenCall {
    pub(super) check: Option<String>,
    pub(super) report: Option<String>,
    pub(super) quota: Option<String>,
    pub(super) generate: Option<String>,
    /// As in a configuration, with values in the place of expressions.
    pub(super) params: Option<Map<String, Value>>,
    /// Of a report: several elements at once.
    pub(super) batch: Option<Vec<Map<String, Value>>>,
    /// Of a report: how often `params` is reported, all in one batch.
    pub(super) count: Option<u32>,
    /// Of a quota: how much is asked for.
    pub(super) amount: Option<i64>,
    pub(super) best_effort: Option<bool>,
    pub(super) deduplication_id: Option<String>,
    /// What is expected of the answer; what is not named may be anything.
    pub(super) answer: Option<Map<String, Value>>,
    /// The adapter's own word that it cannot.
    pub(super) error: Option<WrittenError>,
    /// Of a report: the elements that are not taken, with the reason.
    pub(super) failed: Option<BTreeMap<u32, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenError {
    pub(super) fault: Option<String>,
    pub(super) retry: Option<bool>,
    pub(super) message: Option<String>,
}
