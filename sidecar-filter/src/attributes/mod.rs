//! What the filter knows about a request, as attributes.
//!
//! The same bag makes cache keys and messages, so that what was looked up is what was asked. Nothing
//! is read before it is asked for.

mod address;
mod flags;
mod headers;
mod query;
mod request;
mod response;
mod statics;
#[cfg(test)]
mod tests;

pub use headers::HeaderMap;
pub use query::QueryParameters;
pub use request::{Original, RequestBag};
pub use response::{CheckOutcome, Refused, ServedBag};
pub use statics::Statics;
