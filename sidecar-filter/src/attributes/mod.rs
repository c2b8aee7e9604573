//! What the filter knows about a request, as attributes.
//!
//! The same bag makes cache keys and messages, so that what was looked up is what was asked. Nothing
//! is read before it is asked for.

mod address;
mod carried;
mod claims;
mod connection;
mod flags;
mod forwarded;
mod headers;
mod query;
mod request;
mod response;
mod statics;
#[cfg(test)]
mod tests;

pub use carried::Carried;
pub use claims::{Claims, Token, TokenSource};
pub use connection::{ConnectionBag, Traffic};
pub use forwarded::{FORWARDED_ATTRIBUTES, Forwarded, forward};
pub use headers::HeaderMap;
pub use query::QueryParameters;
pub use request::{Original, RequestBag};
pub use response::{CheckOutcome, Refused, ServedBag};
pub use statics::Statics;
