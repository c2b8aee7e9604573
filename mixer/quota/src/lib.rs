//! Counts what quotas grant, in memory or in Redis.
//!
//! For the adapter host, which lends counters to adapters. [`MemoryStore`] counts for one process,
//! [`RedisStore`] for all that share a server; both follow the same rules for limits, windows, partial
//! grants, releases and repeated asks. Which quota a request has, and what happens to it when there is
//! no decision, is not known here.

mod ask;
mod clock;
mod error;
mod key;
mod limit;
mod memory;
mod metrics;
mod remote;

pub use self::ask::{Ask, Deduplication, FOREVER, Grant};
pub use self::clock::{Clock, Monotonic};
pub use self::error::{OpenError, StoreError};
pub use self::key::CounterKey;
pub use self::limit::{Limit, LimitError, MAX_AMOUNT, MAX_BUCKETS, MAX_SPAN, Window};
pub use self::memory::{MemoryOptions, MemoryStore};
pub use self::metrics::QuotaMetrics;
pub use self::remote::{RedisOptions, RedisStore};
