use std::collections::BTreeMap;

use mesh_attributes::OwnedValue;

use super::{ServiceRef, SpecRef};
use crate::Text;

/// The operations of an HTTP API, from which sidecars make `api.*` attributes (`kind: HTTPAPISpec`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpApiSpec {
    /// Attributes of all its requests.
    pub attributes: BTreeMap<String, OwnedValue>,
    /// Its operations.
    pub patterns: Vec<ApiPattern>,
    /// Where requests carry their API key; the first that is there counts.
    pub api_keys: Vec<ApiKeyPlace>,
}

/// An operation of an API.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiPattern {
    /// Attributes of the requests that match.
    pub attributes: BTreeMap<String, OwnedValue>,
    /// The method, such as `GET`.
    pub http_method: Option<Text>,
    /// What the path must be.
    pub path: ApiPath,
}

/// A condition on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiPath {
    /// A template of RFC 6570, such as `/pets/{id}`; as written, not judged here.
    Template(Text),
    /// A regular expression; as written, not judged here.
    Regex(Text),
}

/// Where a request carries an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeyPlace {
    /// A parameter of the query.
    Query(Text),
    /// A header.
    Header(Text),
    /// A cookie.
    Cookie(Text),
}

/// To which services API specifications apply (`kind: HTTPAPISpecBinding`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpApiSpecBinding {
    /// At least one.
    pub services: Vec<ServiceRef>,
    /// At least one.
    pub api_specs: Vec<SpecRef>,
}
