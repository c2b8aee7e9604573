//! The messages of `istio.mixer.v1` as prost reads and writes them: a second opinion on the bytes.

use std::collections::BTreeMap;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) attributes: Option<CompressedAttributes>,
    #[prost(uint32, tag = "2")]
    pub(crate) global_word_count: u32,
    #[prost(string, tag = "3")]
    pub(crate) deduplication_id: String,
    #[prost(btree_map = "string, message", tag = "4")]
    pub(crate) quotas: BTreeMap<String, QuotaParams>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct QuotaParams {
    #[prost(int64, tag = "1")]
    pub(crate) amount: i64,
    #[prost(bool, tag = "2")]
    pub(crate) best_effort: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReportRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) attributes: Vec<CompressedAttributes>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) default_words: Vec<String>,
    #[prost(uint32, tag = "3")]
    pub(crate) global_word_count: u32,
    #[prost(int32, tag = "4")]
    pub(crate) semantics: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CompressedAttributes {
    #[prost(string, repeated, tag = "1")]
    pub(crate) words: Vec<String>,
    #[prost(btree_map = "sint32, sint32", tag = "2")]
    pub(crate) strings: BTreeMap<i32, i32>,
    #[prost(btree_map = "sint32, int64", tag = "3")]
    pub(crate) int64s: BTreeMap<i32, i64>,
    #[prost(btree_map = "sint32, double", tag = "4")]
    pub(crate) doubles: BTreeMap<i32, f64>,
    #[prost(btree_map = "sint32, bool", tag = "5")]
    pub(crate) bools: BTreeMap<i32, bool>,
    #[prost(btree_map = "sint32, message", tag = "6")]
    pub(crate) timestamps: BTreeMap<i32, Time>,
    #[prost(btree_map = "sint32, message", tag = "7")]
    pub(crate) durations: BTreeMap<i32, Time>,
    #[prost(btree_map = "sint32, bytes", tag = "8")]
    pub(crate) bytes: BTreeMap<i32, Vec<u8>>,
    #[prost(btree_map = "sint32, message", tag = "9")]
    pub(crate) string_maps: BTreeMap<i32, StringMap>,
}

/// Both `google.protobuf.Timestamp` and `Duration`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Time {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StringMap {
    #[prost(btree_map = "sint32, sint32", tag = "1")]
    pub(crate) entries: BTreeMap<i32, i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReferencedAttributes {
    #[prost(string, repeated, tag = "1")]
    pub(crate) words: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) matches: Vec<AttributeMatch>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AttributeMatch {
    #[prost(sint32, tag = "1")]
    pub(crate) name: i32,
    #[prost(int32, tag = "2")]
    pub(crate) condition: i32,
    #[prost(string, tag = "3")]
    pub(crate) regex: String,
    #[prost(sint32, tag = "4")]
    pub(crate) map_key: i32,
}
