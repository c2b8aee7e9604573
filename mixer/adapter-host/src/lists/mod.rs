//! Documents that adapters decide by and that somebody else keeps: lists of addresses, for example.
//!
//! The goal is that a check never waits for a web server. A task of the handler fetches the document when
//! the handler is built and then again and again; adapters read memory. A version number tells them
//! whether to read at all: it is counted here, so that all instances of the component see the same one.
//!
//! When a fetch fails, is too large or is refused, the last version holds until the time is over for which
//! the adapter wants it kept; then there is none, and the adapter's own policy for that applies. The
//! handler is built nevertheless: a policy must not be unusable because a server is down at the wrong
//! moment. Building waits for the first fetch only for as long as a healthy server may need.
//!
//! Redirects are not followed: the operator wrote where the document is.

mod fetch;
mod list;
mod set;
mod source;
mod status;

pub(crate) use self::list::Document;
pub(crate) use self::set::{Fetching, Lists};
pub(crate) use self::source::ListSpec;
pub use self::status::{Fetches, ListStatus};
