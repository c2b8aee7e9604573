//! Connections that are checked and reported each by itself, for protocols that are not HTTP.
//!
//! A connection is a request that lasts: it is checked once, when it opens, by the same
//! [`Filter`](crate::filter::Filter) with the same caches, and reported when it was let through, at
//! each interval and at its end. One that is refused is reported at its end alone. Bytes are counted
//! here, since the proxy tells modules none: what is held while the check runs is counted once, when
//! it is let go.

mod connection;
#[cfg(test)]
mod tests;

pub use connection::Connection;
