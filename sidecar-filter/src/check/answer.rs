use std::rc::Rc;
use std::time::Duration;

use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_api::mixer::v1::{CheckResponse, ReferencedAttributes};
use mesh_attributes::References;
use mesh_attributes::wire::resolve_references;
use prost::Message;

use super::code;
use super::verdict::{Denial, Verdict};
use crate::generations::Generation;

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
}

/// What travels with an answer, in headers.
#[derive(Debug, Default)]
pub struct AnswerHeaders {
    /// The namespace whose rules gave the answer.
    pub namespace: Option<String>,
    /// Their generation.
    pub generation: Option<Generation>,
    /// Mixer knows that it is behind.
    pub stale: bool,
}

impl AnswerHeaders {
    /// Takes in one header. Names that this type has no use for are ignored.
    pub fn header(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"mixmesh-namespace" => {
                self.namespace = std::str::from_utf8(value).ok().map(str::to_owned);
            }
            b"mixmesh-generation" => self.generation = Generation::parse(value),
            b"mixmesh-cache" => self.stale = value == b"stale",
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
        let Some(precondition) = CheckResponse::decode(message)?.precondition else {
            // Whoever answers a check without a verdict has not understood the question.
            let denial = Denial::new(code::INVALID_ARGUMENT, "Mixer's answer has no precondition");
            return Ok(Self {
                verdict: Verdict::Deny(Rc::new(denial)),
                lifetime: Some(Duration::ZERO),
                uses: Some(0),
                references: None,
            });
        };
        Ok(Self {
            verdict: verdict(&precondition),
            lifetime: precondition.valid_duration.as_ref().map(|duration| {
                let seconds = Duration::from_secs(u64::try_from(duration.seconds).unwrap_or(0));
                let nanos = u64::try_from(duration.nanos).unwrap_or(0);
                if duration.seconds < 0 {
                    Duration::ZERO
                } else {
                    seconds + Duration::from_nanos(nanos)
                }
            }),
            uses: u32::try_from(precondition.valid_use_count).ok(),
            references: precondition
                .referenced_attributes
                .as_ref()
                .map_or_else(|| Some(References::new()), references),
        })
    }
}

fn verdict(precondition: &PreconditionResult) -> Verdict {
    let directive = precondition.route_directive.as_ref();
    match &precondition.status {
        Some(status) if status.code != code::OK => {
            let denial = Denial::new(status.code, &status.message);
            let direct = directive.filter(|directive| directive.direct_response_code != 0);
            Verdict::Deny(Rc::new(match direct {
                None => denial,
                Some(direct) => {
                    denial.with_response(direct.direct_response_code, &direct.direct_response_body)
                }
            }))
        }
        _ => match directive.filter(|directive| directive.direct_response_code != 0) {
            None => Verdict::Allow,
            Some(direct) => Verdict::Deny(Rc::new(
                Denial::new(code::OK, "answered by policy")
                    .with_response(direct.direct_response_code, &direct.direct_response_body),
            )),
        },
    }
}

fn references(message: &ReferencedAttributes) -> Option<References> {
    let matches = message.attribute_matches.iter().map(|m| (m.name, m.condition, m.map_key));
    resolve_references(&message.words, matches).ok()
}
