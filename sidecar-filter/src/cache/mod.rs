//! Level 1 of the check cache: one for each worker, without locks.
//!
//! Goal: a verdict is reused exactly when Mixer would give it again. Choice: the key is everything
//! that the answer referenced, read from the request's own bag and compared whole; each entry carries
//! namespace and generation and is worth nothing once a newer one is known; lifetimes and use counts
//! are Mixer's. Refused: dropping entries when an edit is announced (they are judged when found, which
//! costs 16 bytes of comparison), and a cache shared by workers (a lock on the hottest path).

mod entry;
mod l1;
mod lru;
#[cfg(test)]
mod tests;

pub use entry::{Entry, Usability};
pub use l1::{Fingerprint, L1, LookUp, Stored, Validity};
pub use lru::{Lru, hash_key};
