//! Answers to Check, as bytes.
//!
//! A cached answer is sent many times, each time with another remaining lifetime. So its unchanging
//! parts are kept encoded, and an answer is put together with a single allocation.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use mesh_api::mixer::v1::RouteDirective;
use mesh_attributes::wire::encode_references;
use mesh_attributes::{GlobalWord, References};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// Field numbers of `istio.mixer.v1.CheckResponse` and its `PreconditionResult`.
const PRECONDITION: u32 = 2;
const STATUS: u32 = 1;
const VALID_DURATION: u32 = 2;
const VALID_USE_COUNT: u32 = 3;
const REFERENCED_ATTRIBUTES: u32 = 5;
const ROUTE_DIRECTIVE: u32 = 6;

/// The longest `PreconditionResult` beside its status and references: keys, lengths, a duration of two
/// varints and the use count.
const REST_LEN: usize = 64;

/// How often an answer may be used; negative without limit, 0 never again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UseCount(pub i32);

impl UseCount {
    /// The one that ends first.
    #[must_use]
    pub fn fewer(self, other: Self) -> Self {
        match (self.0 < 0, other.0 < 0) {
            (true, _) => other,
            (_, true) => self,
            _ => Self(self.0.min(other.0)),
        }
    }
}

/// A decision on a request, as the caller is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// A code of `google.rpc.Code`; 0 is OK.
    pub code: i32,
    /// Why, for people.
    pub message: String,
    /// How long the answer holds.
    pub valid_duration: Duration,
    /// How often it may be used.
    pub valid_use_count: UseCount,
    /// What is done to the headers, and the response that a denied client is sent.
    pub directive: RouteDirective,
    /// The first rule that refused, as `name.rule.namespace`.
    pub rule: Option<Arc<str>>,
}

/// What a request is told of a quota.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QuotaAnswer {
    /// The name that it was asked for by.
    pub(crate) name: String,
    pub(crate) granted_amount: i64,
    pub(crate) valid_duration: Duration,
    /// A code of `google.rpc.Code`.
    pub(crate) code: i32,
    pub(crate) message: String,
    /// What the answer depends on.
    pub(crate) references: References,
}

/// The parts of an answer that do not change while it is cached.
#[derive(Debug)]
pub(crate) struct EncodedAnswer {
    status: Box<[u8]>,
    /// For callers with our dictionary; others are encoded for when they come.
    references: Box<[u8]>,
    /// A `RouteDirective`; empty when there is none.
    directive: Box<[u8]>,
    referenced: References,
    rule: Option<Arc<str>>,
}

impl EncodedAnswer {
    pub(crate) fn new(verdict: &Verdict, referenced: References) -> Self {
        let mut references = Vec::new();
        encode_references(&referenced, GlobalWord::COUNT as u32, &mut references);
        Self {
            status: encode_status(verdict.code, &verdict.message).into(),
            references: references.into(),
            directive: verdict.directive.encode_to_vec().into(),
            referenced,
            rule: verdict.rule.clone(),
        }
    }

    /// The rule that refused.
    pub(crate) fn rule(&self) -> Option<&Arc<str>> {
        self.rule.as_ref()
    }

    /// What the answer depends on.
    pub(crate) fn referenced(&self) -> &References {
        &self.referenced
    }

    /// Bytes that the parts take in memory, for the cache's bound.
    pub(crate) fn weight(&self) -> usize {
        // The list of references is about as large as its encoding.
        self.status.len() + self.directive.len() + 2 * self.references.len() + size_of::<Self>()
    }

    /// The `CheckResponse` for a caller that knows `global_words` words of the dictionary.
    pub(crate) fn response(
        &self,
        valid_duration: Duration,
        valid_use_count: UseCount,
        quotas: &[QuotaAnswer],
        global_words: u32,
    ) -> Bytes {
        let quotas = encode_quotas(quotas, global_words);
        if global_words as usize >= GlobalWord::COUNT {
            return self.encode(&self.references, valid_duration, valid_use_count, &quotas);
        }
        let mut references = Vec::new();
        encode_references(&self.referenced, global_words, &mut references);
        self.encode(&references, valid_duration, valid_use_count, &quotas)
    }

    /// The whole response; `quotas` are its last fields, encoded.
    fn encode(&self, references: &[u8], valid: Duration, uses: UseCount, quotas: &[u8]) -> Bytes {
        let seconds = valid.as_secs();
        let nanos = u64::from(valid.subsec_nanos());
        let duration_len = varint_field_len(seconds) + varint_field_len(nanos);
        // A negative count is a 64-bit varint on the wire.
        let uses = i64::from(uses.0) as u64;
        let precondition_len = field_len(self.status.len())
            + field_len(duration_len)
            + varint_field_len(uses)
            + field_len(references.len())
            + if self.directive.is_empty() { 0 } else { field_len(self.directive.len()) };

        let mut out = BytesMut::with_capacity(precondition_len + REST_LEN + quotas.len());
        encode_key(PRECONDITION, WireType::LengthDelimited, &mut out);
        encode_varint(precondition_len as u64, &mut out);
        encode_field(STATUS, &self.status, &mut out);
        // Always present, even at zero: old proxies take an absent duration for an endless one.
        encode_key(VALID_DURATION, WireType::LengthDelimited, &mut out);
        encode_varint(duration_len as u64, &mut out);
        encode_varint_field(1, seconds, &mut out);
        encode_varint_field(2, nanos, &mut out);
        encode_varint_field(VALID_USE_COUNT, uses, &mut out);
        encode_field(REFERENCED_ATTRIBUTES, references, &mut out);
        if !self.directive.is_empty() {
            encode_field(ROUTE_DIRECTIVE, &self.directive, &mut out);
        }
        out.put_slice(quotas);
        out.freeze()
    }
}

/// A `google.rpc.Status`.
fn encode_status(code: i32, message: &str) -> Vec<u8> {
    let mut status = Vec::new();
    encode_varint_field(1, i64::from(code) as u64, &mut status);
    if !message.is_empty() {
        encode_field(2, message.as_bytes(), &mut status);
    }
    status
}

/// The entries of `CheckResponse.quotas` (field 3): `QuotaResult`s by name.
fn encode_quotas(quotas: &[QuotaAnswer], global_words: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for quota in quotas {
        let mut duration = Vec::new();
        encode_varint_field(1, quota.valid_duration.as_secs(), &mut duration);
        encode_varint_field(2, u64::from(quota.valid_duration.subsec_nanos()), &mut duration);
        let mut references = Vec::new();
        let words = global_words.min(GlobalWord::COUNT as u32);
        encode_references(&quota.references, words, &mut references);
        let mut result = Vec::new();
        encode_field(1, &duration, &mut result);
        encode_varint_field(2, quota.granted_amount.cast_unsigned(), &mut result);
        encode_field(5, &references, &mut result);
        encode_field(6, &encode_status(quota.code, &quota.message), &mut result);
        let mut entry = Vec::new();
        encode_field(1, quota.name.as_bytes(), &mut entry);
        encode_field(2, &result, &mut entry);
        encode_field(3, &entry, &mut out);
    }
    out
}

/// All field numbers here are below 16: a key is one byte.
fn field_len(content: usize) -> usize {
    1 + encoded_len_varint(content as u64) + content
}

fn varint_field_len(value: u64) -> usize {
    if value == 0 { 0 } else { 1 + encoded_len_varint(value) }
}

fn encode_varint_field(number: u32, value: u64, out: &mut impl BufMut) {
    if value != 0 {
        encode_key(number, WireType::Varint, out);
        encode_varint(value, out);
    }
}

fn encode_field(number: u32, content: &[u8], out: &mut impl BufMut) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(content.len() as u64, out);
    out.put_slice(content);
}

#[cfg(test)]
mod tests {
    use mesh_api::mixer::v1::{CheckResponse, HeaderOperation};
    use mesh_attributes::{AttributeName, Condition};

    use super::*;

    fn references() -> References {
        let mut references = References::new();
        references.record(&AttributeName::new("request.path"), None, Condition::Exact);
        references.record(
            &AttributeName::new("request.headers"),
            Some("x-user"),
            Condition::Absence,
        );
        references
    }

    #[test]
    fn an_answer_reads_back_as_the_message_it_stands_for() {
        for (code, message, valid, uses) in [
            (0, "", Duration::from_secs(60), 10_000),
            (7, "denier.ns:no", Duration::new(1, 5), -1),
            (14, "away", Duration::ZERO, 0),
        ] {
            let header = HeaderOperation { name: "x".into(), value: "y".into(), operation: 2 };
            let directive = RouteDirective {
                response_header_operations: vec![header],
                direct_response_code: 418,
                direct_response_body: "tea".to_owned(),
                ..RouteDirective::default()
            };
            let verdict = Verdict {
                code,
                message: message.to_owned(),
                valid_duration: valid,
                valid_use_count: UseCount(uses),
                directive: if code == 7 { directive } else { RouteDirective::default() },
                rule: None,
            };
            let answer = EncodedAnswer::new(&verdict, references());
            let quota = QuotaAnswer {
                name: "requestcount".to_owned(),
                granted_amount: 3,
                valid_duration: Duration::from_millis(1500),
                code: 8,
                message: "q.ns:spent".to_owned(),
                references: references(),
            };
            for words in [0, 100, 222, 300] {
                let quotas = std::slice::from_ref(&quota);
                let bytes = answer.response(valid, UseCount(uses), quotas, words);
                let response = CheckResponse::decode(bytes).unwrap();
                let granted = &response.quotas["requestcount"];
                assert_eq!(granted.granted_amount, 3);
                let lifetime = granted.valid_duration.unwrap();
                assert_eq!((lifetime.seconds, lifetime.nanos), (1, 500_000_000));
                assert_eq!(granted.status.as_ref().unwrap().message, "q.ns:spent");
                let of_quota = granted.referenced_attributes.as_ref().unwrap();
                assert_eq!(of_quota.attribute_matches.len(), 2);
                let read = response.precondition.unwrap();
                let directed = read.route_directive.unwrap_or_default();
                assert_eq!(directed, verdict.directive);
                let status = read.status.unwrap();
                assert_eq!((status.code, status.message.as_str()), (code, message));
                let duration = read.valid_duration.unwrap();
                assert_eq!(duration.seconds as u64, valid.as_secs());
                assert_eq!(duration.nanos as u32, valid.subsec_nanos());
                assert_eq!(read.valid_use_count, uses);
                let matches = read.referenced_attributes.unwrap().attribute_matches;
                assert_eq!(matches.len(), 2);
                assert!(matches.iter().all(|m| m.name < words.cast_signed()));
            }
        }
    }
}
