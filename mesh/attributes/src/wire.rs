//! Attributes on the wire: the messages of `istio.mixer.v1`, read in place and written directly.
//!
//! Reading borrows from the message: an attribute's text is a slice of the request's bytes. What a
//! message may hold is bounded (see [`MAX_WORDS`] and its neighbours), so memory stays within a few
//! times the message's size. Malformed protobuf is a [`DecodeError`]; a well-formed message that
//! names a word nobody knows lacks that attribute and counts it in [`WireBag::skipped`].

mod bag;
mod build;
mod check;
mod dictionary;
mod encode;
mod error;
mod reader;
mod references;
mod report;
mod word_count;
mod words;
mod writer;

pub use bag::WireBag;
pub use build::{MAX_ATTRIBUTES, MAX_MAP_ENTRIES};
pub use check::{CheckRequest, MAX_QUOTAS, QuotaRequest};
pub use encode::{ReportEncoder, encode_check_request};
pub use error::{DecodeError, ElementError};
pub use references::{MAX_REFERENCES, encode_references, resolve_references};
pub use report::{ReportBags, ReportRequest};
pub use word_count::{check_word_count, report_word_count};
pub use words::MAX_WORDS;

/// Field numbers of `CompressedAttributes`.
mod field {
    pub(super) const WORDS: u32 = 1;
    pub(super) const STRINGS: u32 = 2;
    pub(super) const INT64S: u32 = 3;
    pub(super) const DOUBLES: u32 = 4;
    pub(super) const BOOLS: u32 = 5;
    pub(super) const TIMESTAMPS: u32 = 6;
    pub(super) const DURATIONS: u32 = 7;
    pub(super) const BYTES: u32 = 8;
    pub(super) const STRING_MAPS: u32 = 9;

    /// Field number of `StringMap`.
    pub(super) const MAP_ENTRIES: u32 = 1;

    /// Field numbers of every map's entry.
    pub(super) const KEY: u32 = 1;
    pub(super) const VALUE: u32 = 2;
}
