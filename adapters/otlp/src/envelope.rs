//! What stands around the data of a signal: the request, the resource that it comes from, and the scope,
//! which is this adapter. The three signals have the same shape with the same numbers.

use std::collections::BTreeMap;

use adapter_sdk::Value;

use crate::attribute::{AttributeWriter, Name};
use crate::wire::{self, Field};

/// `Export…ServiceRequest`.
const RESOURCE_DATA: Field = 1;
/// `ResourceMetrics`, `ResourceLogs`, `ResourceSpans`.
const RESOURCE: Field = 1;
const SCOPE_DATA: Field = 2;
/// `ScopeMetrics`, `ScopeLogs`, `ScopeSpans`.
const SCOPE: Field = 1;
/// A `Metric`, `LogRecord` or `Span` in its scope.
pub(crate) const DATA: Field = 2;
/// `Resource`.
const ATTRIBUTES: Field = 1;
/// `InstrumentationScope`.
const SCOPE_NAME: Field = 1;
const SCOPE_VERSION: Field = 2;

/// The beginning of requests from one resource.
#[derive(Debug)]
pub(crate) struct Envelope {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Envelope {
    pub(crate) fn new(attributes: &BTreeMap<String, String>) -> Self {
        let (mut fields, mut writer) = (Vec::new(), AttributeWriter::default());
        for (name, value) in attributes {
            writer.write(&mut fields, ATTRIBUTES, &Name::new(name), Value::Text(value));
        }
        let mut resource = Vec::new();
        wire::bytes(&mut resource, RESOURCE, &fields);
        let mut about = Vec::new();
        wire::bytes(&mut about, SCOPE_NAME, b"mixmesh");
        wire::bytes(&mut about, SCOPE_VERSION, env!("CARGO_PKG_VERSION").as_bytes());
        let mut scope = Vec::new();
        wire::bytes(&mut scope, SCOPE, &about);
        Self { resource, scope }
    }

    /// A request with this data: fields [`DATA`], one after the other.
    pub(crate) fn request(&self, data: &[u8]) -> Vec<u8> {
        let scoped = [self.scope.as_slice(), data].concat();
        let mut resource_data = self.resource.clone();
        wire::bytes(&mut resource_data, SCOPE_DATA, &scoped);
        let mut request = Vec::with_capacity(resource_data.len() + 8);
        wire::bytes(&mut request, RESOURCE_DATA, &resource_data);
        request
    }
}
