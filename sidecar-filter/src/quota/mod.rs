//! Quotas: what requests are charged, and the grants of Mixer that they are paid from.
//!
//! Goal: a limit holds exactly across all proxies, and most requests need no call for it. Choice: a pool
//! for each set of dimensions holds tokens that Mixer has granted, and a request passes when its charge
//! is in the pool. More is asked for ahead, as much as the last second used, as the old proxy did.
//! Refused: passing requests on tokens that have been asked for and not granted (the old proxy's way,
//! which exceeds limits). So what is granted and not used before it expires is lost: a limit may be
//! under-used and is never exceeded.
//!
//! Pools belong to the process, not to a worker, or each worker would hoard its own share of a small
//! limit. Their lock is taken by requests that are charged, and by no other.

mod book;
mod pool;
mod spec;
#[cfg(test)]
mod tests;

pub use pool::PoolPolicy;

pub use book::{Ask, Grant, Prefetch, Quotas, Taken, Ticket};
pub use spec::{Charge, Charges, Clause, Pattern, QuotaRule, QuotaSpecs, TextMatch};
