//! The templates whose instances cross one at a time. The methods of [`TestHandler`] call an adapter with
//! the instance of an index and fail as it does.

use super::TestHandler;
use super::batch::to_wire;
use crate::bindings::base::mixmesh::adapter::types;
use crate::{
    Action, ApiKey, ApiKeyRequest, Authorization, CallError, CheckNothing, CheckResult, Endpoint,
    Grant, InstanceIndex, KeyVal, Kubernetes, ListEntry, Property, Quota, QuotaRequest,
    ReportNothing, Subject, Value, Workloads,
};

/// One end of a request, known by its uid alone, for [`TestHandler::generate`].
pub fn endpoint(uid: &str) -> Endpoint {
    Endpoint { uid: uid.to_owned(), ip: Vec::new(), port: 0 }
}

/// A property of a subject or an action, for [`TestHandler::authorize`], which wants them sorted by name.
pub fn property(name: &str, value: Value<'_>) -> Property {
    Property { name: name.to_owned(), value: to_wire(&value) }
}

/// As [`property`], with a map of texts.
pub fn map_property(name: &str, entries: &[(&str, &str)]) -> Property {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let mut entries: Vec<_> = entries.iter().map(own).collect();
    entries.sort();
    Property { name: name.to_owned(), value: types::Value::StringMap(entries) }
}

impl<A: CheckNothing> TestHandler<A> {
    /// Calls the adapter as the template `checknothing` does, with the instance of this index.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn check_nothing(&mut self, instance: u32) -> Result<CheckResult, CallError> {
        self.adapter.check_nothing(InstanceIndex::new(instance))
    }
}

impl<A: ListEntry> TestHandler<A> {
    /// Calls the adapter as the template `listentry` does, with the instance of this index.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn list_entry(
        &mut self,
        instance: u32,
        value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        self.adapter.list_entry(InstanceIndex::new(instance), value)
    }
}

impl<A: ApiKey> TestHandler<A> {
    /// Calls the adapter as the template `apikey` does, with the instance of this index.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn api_key(
        &mut self,
        instance: u32,
        request: &ApiKeyRequest,
    ) -> Result<CheckResult, CallError> {
        self.adapter.api_key(InstanceIndex::new(instance), request)
    }
}

impl<A: Authorization> TestHandler<A> {
    /// Calls the adapter as the template `authorization` does, with the instance of this index.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn authorize(
        &mut self,
        instance: u32,
        subject: &Subject,
        action: &Action,
    ) -> Result<CheckResult, CallError> {
        self.adapter.authorize(InstanceIndex::new(instance), subject, action)
    }
}

impl<A: KeyVal> TestHandler<A> {
    /// Calls the adapter as the template `keyval` does, with the instance of this index.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn key_val(
        &mut self,
        instance: u32,
        key: &str,
    ) -> Result<(CheckResult, Option<String>), CallError> {
        self.adapter.key_val(InstanceIndex::new(instance), key)
    }
}

impl<A: Quota> TestHandler<A> {
    /// Calls the adapter as the template `quota` does, with the instance of this index.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn allocate(
        &mut self,
        instance: u32,
        dimensions: &[Value<'_>],
        request: &QuotaRequest,
    ) -> Result<Grant, CallError> {
        self.adapter.allocate(InstanceIndex::new(instance), dimensions, request)
    }
}

impl<A: Kubernetes> TestHandler<A> {
    /// Calls the adapter as the template `kubernetes` does, with the instance of this index.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn generate(
        &mut self,
        instance: u32,
        source: &Endpoint,
        destination: &Endpoint,
    ) -> Result<Workloads, CallError> {
        self.adapter.generate(InstanceIndex::new(instance), source, destination)
    }
}

impl<A: ReportNothing> TestHandler<A> {
    /// Calls the adapter as the template `reportnothing` does, with the instance of this index.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn report_nothing(&mut self, instance: u32, count: u32) -> Result<(), CallError> {
        self.adapter.report_nothing(InstanceIndex::new(instance), count)
    }
}
