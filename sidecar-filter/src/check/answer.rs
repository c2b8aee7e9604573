use std::rc::Rc;
use std::time::Duration;

use mesh_api::code;
use mesh_api::mixer::v1::check_response::{PreconditionResult, QuotaResult};
use mesh_api::mixer::v1::{CheckResponse, ReferencedAttributes};
use mesh_attributes::References;
use mesh_attributes::wire::resolve_references;
use prost::Message;

use super::HeaderOperations;
use super::verdict::{Denial, Verdict};
use crate::generations::Generation;
use crate::quota::Grant;

/// The most bytes of an answer; a verdict with a thousand referenced attributes has a tenth.
pub(crate) const MAX_ANSWER_BYTES: usize = 256 << 10;

/// What Mixer said about a request.
#[derive(Debug)]
pub struct Answer {
    /// May it pass?
    pub verdict: Verdict,
    /// How long the verdict may be reused; `None` for ever.
    pub lifetime: Option<Duration>,
    /// How often it may be reused; `None` without limit.
    pub uses: Option<u32>,
    /// What it depends on; `None` when that cannot be told, so that it must not be reused.
    pub references: Option<References>,
    /// What was granted of the quotas that were asked for.
    pub grants: Vec<Grant>,
    /// Header operations that this filter does not carry out.
    pub refused_operations: u32,
}

/// What travels with an answer, in headers.
#[derive(Debug, Default)]
pub struct AnswerHeaders {
    /// The namespace whose rules gave the answer.
    pub namespace: Option<String>,
    /// Their generation.
    pub generation: Option<Generation>,
    /// Where Mixer had the answer from.
    pub cache: Option<MixerCache>,
    /// The rule that refused the request.
    pub rule: Option<Box<str>>,
}

/// Where Mixer had an answer from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MixerCache {
    /// Its own cache.
    Level2,
    /// Its rules.
    Miss,
    /// Its own cache although it is past its time, or rules that it knows are behind.
    Stale,
}

impl AnswerHeaders {
    /// Whether Mixer knows that it is behind.
    pub fn is_stale(&self) -> bool {
        self.cache == Some(MixerCache::Stale)
    }

    /// Takes in one header. Names that this type has no use for are ignored.
    pub fn header(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"mixmesh-namespace" => {
                self.namespace = std::str::from_utf8(value).ok().map(str::to_owned);
            }
            b"mixmesh-generation" => self.generation = Generation::parse(value),
            b"mixmesh-cache" => {
                self.cache = match value {
                    b"l2" => Some(MixerCache::Level2),
                    b"miss" => Some(MixerCache::Miss),
                    b"stale" => Some(MixerCache::Stale),
                    _ => None,
                };
            }
            b"mixmesh-rule" => self.rule = std::str::from_utf8(value).ok().map(Into::into),
            _ => {}
        }
    }
}

impl Answer {
    /// Reads the message of an answer.
    ///
    /// # Errors
    /// When it is no such message.
    pub fn decode(message: &[u8]) -> Result<Self, prost::DecodeError> {
        let response = CheckResponse::decode(message)?;
        let Some(precondition) = response.precondition else {
            // Whoever answers a check without a verdict has not understood the question.
            let denial = Denial::new(code::INVALID_ARGUMENT, "Mixer's answer has no precondition");
            return Ok(Self {
                verdict: Verdict::Deny(Rc::new(denial)),
                lifetime: Some(Duration::ZERO),
                uses: Some(0),
                references: None,
                grants: Vec::new(),
                refused_operations: 0,
            });
        };
        let (verdict, refused_operations) = verdict(&precondition);
        Ok(Self {
            verdict,
            refused_operations,
            lifetime: precondition.valid_duration.as_ref().map(lifetime),
            grants: response.quotas.into_iter().map(grant).collect(),
            uses: u32::try_from(precondition.valid_use_count).ok(),
            references: precondition
                .referenced_attributes
                .as_ref()
                .map_or_else(|| Some(References::new()), references),
        })
    }
}

fn lifetime(duration: &prost_types::Duration) -> Duration {
    if duration.seconds < 0 {
        return Duration::ZERO;
    }
    let seconds = Duration::from_secs(u64::try_from(duration.seconds).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(duration.nanos).unwrap_or(0))
}

fn grant((quota, result): (String, QuotaResult)) -> Grant {
    Grant {
        quota,
        amount: result.granted_amount,
        lifetime: result.valid_duration.as_ref().map(lifetime),
        references: result
            .referenced_attributes
            .as_ref()
            .map_or_else(|| Some(References::new()), references),
    }
}

/// The verdict, and how many header operations of it are refused.
///
/// As the old proxy did it: a direct response is sent whatever the status, with the operations for
/// responses; without one, operations are carried out for requests that pass.
fn verdict(precondition: &PreconditionResult) -> (Verdict, u32) {
    let status = precondition.status.as_ref().filter(|status| status.code != code::OK);
    let refusal = status.map(|status| Denial::new(status.code, &status.message));
    let Some(directive) = &precondition.route_directive else {
        let verdict = refusal.map_or(Verdict::Allow, |denial| Verdict::Deny(Rc::new(denial)));
        return (verdict, 0);
    };
    let (operations, refused) = HeaderOperations::read(directive);
    let verdict = match (refusal, directive.direct_response_code) {
        (Some(denial), 0) => return (Verdict::Deny(Rc::new(denial)), 0),
        (None, 0) if operations.is_empty() => Verdict::Allow,
        (None, 0) => Verdict::AllowWith(Rc::new(operations)),
        (refusal, direct) => {
            let denial = refusal.unwrap_or_else(|| Denial::new(code::OK, "answered by policy"));
            let denial = denial.with_response(direct, &directive.direct_response_body);
            Verdict::Deny(Rc::new(Denial { operations: operations.response, ..denial }))
        }
    };
    (verdict, refused)
}

fn references(message: &ReferencedAttributes) -> Option<References> {
    let matches = message.attribute_matches.iter().map(|m| (m.name, m.condition, m.map_key));
    resolve_references(&message.words, matches).ok()
}
