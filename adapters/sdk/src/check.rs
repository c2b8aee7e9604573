use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::bindings::base::mixmesh::adapter::types;

pub use crate::bindings::base::mixmesh::adapter::types::{DirectResponse, Fault, Header};

/// A code of google.rpc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "i32")]
pub struct Code(i32);

/// What an adapter decided.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckResult {
    /// [`Code::OK`] lets the request pass, every other code denies it.
    pub code: Code,
    /// For the client of a denied request.
    pub message: String,
    /// How long the answer may be used again for equal requests; zero: not at all.
    pub valid_duration: Duration,
    /// How many requests may use the answer; `None` is without limit.
    pub valid_use_count: Option<u32>,
    /// What the client of a denied request is sent in place of the denial's own words.
    pub direct_response: Option<DirectResponse>,
}

/// The adapter cannot decide, or not take an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// Who has to act.
    pub fault: Fault,
    /// Whether the same call may work a little later.
    pub retry: bool,
    /// What is wrong.
    pub message: String,
}

/// An element of a batch that the adapter cannot take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedElement {
    /// Its index in the batch.
    pub element: u32,
    /// Why.
    pub message: String,
}

impl Code {
    /// The request passes.
    pub const OK: Self = Self(0);
    /// A value is not what it should be.
    pub const INVALID_ARGUMENT: Self = Self(3);
    /// There is none of that name.
    pub const NOT_FOUND: Self = Self(5);
    /// The client may not.
    pub const PERMISSION_DENIED: Self = Self(7);
    /// Nothing is left.
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// The state of things forbids it.
    pub const FAILED_PRECONDITION: Self = Self(9);

    /// The highest code that google.rpc knows, UNAUTHENTICATED.
    const HIGHEST: i32 = 16;

    /// The number on the wire.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for Code {
    type Error = String;

    fn try_from(number: i32) -> Result<Self, String> {
        if (0..=Self::HIGHEST).contains(&number) {
            return Ok(Self(number));
        }
        Err(format!("{number} is no code of google.rpc, which go from 0 to {}", Self::HIGHEST))
    }
}

impl CheckResult {
    /// An answer that may not be used again.
    pub fn once(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            valid_duration: Duration::ZERO,
            valid_use_count: Some(0),
            direct_response: None,
        }
    }
}

impl CallError {
    /// The value handed in can never be handled.
    pub fn caller(message: impl Into<String>) -> Self {
        Self { fault: Fault::Caller, retry: false, message: message.into() }
    }

    /// The adapter itself has a problem.
    pub fn adapter(message: impl Into<String>) -> Self {
        Self { fault: Fault::Adapter, retry: false, message: message.into() }
    }

    /// What the adapter depends on has a problem; later the same call may work.
    pub fn backend(message: impl Into<String>) -> Self {
        Self { fault: Fault::Backend, retry: true, message: message.into() }
    }
}

impl From<CheckResult> for types::CheckResult {
    fn from(result: CheckResult) -> Self {
        Self {
            code: result.code.number(),
            message: result.message,
            valid_duration: i64::try_from(result.valid_duration.as_nanos()).unwrap_or(i64::MAX),
            valid_use_count: result.valid_use_count,
            direct_response: result.direct_response,
        }
    }
}

impl From<CallError> for types::CallError {
    fn from(error: CallError) -> Self {
        Self { fault: error.fault, retry: error.retry, message: error.message }
    }
}

impl From<FailedElement> for types::FailedElement {
    fn from(failed: FailedElement) -> Self {
        Self { element: failed.element, message: failed.message }
    }
}
