//! Following the keys below a prefix of etcd.
//!
//! Each value holds YAML or JSON documents, one or more, as a file does; the key is what problems name.
//! All values are read at one revision, in pages; then a watch tells of everything after that revision.
//! So nothing is missed between the two, and a transaction over several keys comes into force at once.
//!
//! - After every new connection everything is read again, although the watch could go on where it was.
//!   A store that was restored from a backup counts its revisions from an earlier number, and a watch
//!   from a number of the future would wait without a word.
//! - A watch from a revision that is compacted away is cancelled by etcd; everything is read again.
//! - A connection may be dead without a word. Every two seconds etcd is asked for its progress, and after
//!   ten seconds without any answer the next endpoint is tried. Calls demand that the member knows a
//!   leader: one that is cut off from the others does not pass for the store.
//!
//! Leases are not used: nothing is written. A key that some other program ties to a lease goes when etcd
//! removes it, as if it were deleted.

mod connection;
mod error;
mod follow;
mod snapshot;
mod source;

#[cfg(test)]
mod tests;

pub use source::EtcdSource;
