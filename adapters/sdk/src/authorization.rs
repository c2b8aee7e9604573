use crate::bindings::apikey::exports::mixmesh::adapter::apikey as api_key;
use crate::bindings::authorization::exports::mixmesh::adapter::authorization as wire;
use crate::bindings::base::mixmesh::adapter::types;
use crate::{Adapter, CallError, CheckResult, InstanceIndex, Value};

pub use api_key::Request as ApiKeyRequest;
pub use types::Property;
pub use wire::{Action, Subject};

/// Serves the template `authorization`.
pub trait Authorization: Adapter {
    /// Decides whether a subject may do something.
    ///
    /// # Errors
    /// When there is no decision. A denial is no error.
    fn authorize(
        &mut self,
        instance: InstanceIndex,
        subject: &Subject,
        action: &Action,
    ) -> Result<CheckResult, CallError>;
}

/// Serves the template `apikey`.
pub trait ApiKey: Adapter {
    /// Decides whether the holder of a key may call an operation.
    ///
    /// # Errors
    /// When there is no decision. A denial is no error.
    fn api_key(
        &mut self,
        instance: InstanceIndex,
        request: &ApiKeyRequest,
    ) -> Result<CheckResult, CallError>;
}

impl Property {
    /// Its value, borrowed.
    pub fn value(&self) -> Value<'_> {
        Value::from(&self.value)
    }
}
