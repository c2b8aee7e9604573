//! Attributes: the typed facts about a request that sidecars send and policy is written on.
//!
//! For everything in the mesh that reads, writes or caches by attributes. A [`Bag`] is anything that
//! answers look-ups by [`AttributeName`]: bytes from the wire read in place, Envoy's headers, or an
//! owned [`AttributeBag`]. This crate is pure: it does no input or output and knows no caller.

mod bag;
#[cfg(feature = "json")]
mod json;
mod name;
mod owned;
mod reference;
mod rfc3339;
mod value;
pub mod wire;
mod words;

pub use bag::{Bag, EachAttribute, KeyState, StringMap};
#[cfg(feature = "json")]
pub use json::{JsonError, bag_from_json, bag_to_json};
pub use name::AttributeName;
pub use owned::{AttributeBag, OwnedValue};
pub use reference::{Condition, References, Tracked};
pub use value::{Span, Timestamp, Value, ValueType};
pub use words::GlobalWord;
