//! What a request carries for this filter, taken at its beginning and kept, since headers are taken off.

use mesh_attributes::{AttributeName, Value};

use super::claims::Token;
use super::forwarded::Forwarded;

/// What a request carries for this filter beside what every request has.
#[derive(Debug, Default)]
pub struct Carried {
    /// Attributes of the proxy before us.
    pub forwarded: Forwarded,
    /// The token that was verified.
    pub token: Option<Token>,
}

impl Carried {
    /// The forwarded value of `name`.
    pub(super) fn forwarded(&self, name: &AttributeName) -> Option<Value<'_>> {
        self.forwarded.get(name).map(Value::String)
    }
}
