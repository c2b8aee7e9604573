use std::collections::BTreeMap;

use super::{ServiceRef, SpecRef};
use crate::Text;

/// Which quotas a request uses up, and how much of each (`kind: QuotaSpec`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuotaSpec {
    /// At least one; all that match count.
    pub rules: Vec<QuotaRule>,
}

/// Quotas that the requests which match use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRule {
    /// One of them must hold; without any, all requests match.
    pub matches: Vec<AttributeMatch>,
    /// At least one.
    pub quotas: Vec<QuotaCharge>,
}

/// A condition on attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeMatch {
    /// What must hold of each attribute, by its name; at least one. An attribute that is missing, or
    /// that is not text, does not match.
    pub clause: BTreeMap<String, StringMatch>,
}

/// A condition on text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StringMatch {
    /// Any text.
    Any,
    /// This text.
    Exact(Text),
    /// Text that begins so.
    Prefix(Text),
    /// Text that as a whole matches this regular expression; as written, not judged here.
    Regex(Text),
}

/// How much of a quota one request uses up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaCharge {
    /// The quota's name; not empty.
    pub quota: Text,
    /// The amount; 1 if it is not written.
    pub charge: u32,
}

/// To which services quota specifications apply (`kind: QuotaSpecBinding`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuotaSpecBinding {
    /// At least one.
    pub services: Vec<ServiceRef>,
    /// At least one.
    pub quota_specs: Vec<SpecRef>,
}
