use std::time::Duration;

use crate::bindings::quota::exports::mixmesh::adapter::quota as wire;
use crate::{Adapter, CallError, Code, InstanceIndex, Value};

pub use wire::Request as QuotaRequest;

/// Serves the template `quota`.
pub trait Quota: Adapter {
    /// Grants all or a part of what is asked for, or nothing. `dimensions` are in the order of the
    /// instance's fields.
    ///
    /// # Errors
    /// When nobody knows what was granted. That nothing is left is no error.
    fn allocate(
        &mut self,
        instance: InstanceIndex,
        dimensions: &[Value<'_>],
        request: &QuotaRequest,
    ) -> Result<Grant, CallError>;
}

/// How much of a quota may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// [`Code::OK`] unless the client is to know why nothing was granted.
    pub code: Code,
    /// For the client.
    pub message: String,
    /// What may be used: 0 to what was asked for.
    pub amount: i64,
    /// How long it may be used.
    pub valid_duration: Duration,
}

impl Grant {
    /// `amount`, for a time.
    pub fn of(amount: i64, valid_duration: Duration) -> Self {
        Self { code: Code::OK, message: String::new(), amount, valid_duration }
    }
}

impl From<Grant> for wire::Grant {
    fn from(grant: Grant) -> Self {
        Self {
            code: grant.code.number(),
            message: grant.message,
            amount: grant.amount,
            valid_duration: i64::try_from(grant.valid_duration.as_nanos()).unwrap_or(i64::MAX),
        }
    }
}
