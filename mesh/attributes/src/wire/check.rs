use smallvec::SmallVec;

use super::build::read_attributes;
use super::reader::Reader;
use super::{DecodeError, WireBag};

/// How many quotas one request may ask for. Proxies ask for those of one QuotaSpec, a handful.
pub const MAX_QUOTAS: usize = 100;

/// How many pieces the attributes of a request may come in. Every encoder at hand writes one;
/// protobuf allows more and merges them.
const MAX_SEGMENTS: usize = 16;

/// A Check call's request, read in place.
pub struct CheckRequest<'a> {
    /// The facts about the request that is to be checked.
    pub attributes: WireBag<'a>,
    /// How many words of the global dictionary the caller knows; 0 is legal. The answer may use no
    /// others, and a server that knows fewer refuses the call.
    pub global_word_count: u32,
    /// The same over retries of one call, so that quota is spent once; empty when not sent.
    pub deduplication_id: &'a str,
    /// The quotas asked for; names are unique.
    pub quotas: SmallVec<[QuotaRequest<'a>; 2]>,
}

/// An amount of quota that a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaRequest<'a> {
    /// The quota's name.
    pub name: &'a str,
    /// How much is asked for.
    pub amount: i64,
    /// Whether less than the whole amount is welcome.
    pub best_effort: bool,
}

impl<'a> CheckRequest<'a> {
    /// Reads `bytes` as an `istio.mixer.v1.CheckRequest`. Costs about a microsecond for a common
    /// request and allocates nothing for it.
    ///
    /// # Errors
    /// When the protobuf is malformed, a text is not UTF-8, a time is out of range or there is more
    /// of something than the limits allow.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut request = Self {
            attributes: WireBag::empty(),
            global_word_count: 0,
            deduplication_id: "",
            quotas: SmallVec::new(),
        };
        let mut segments = SmallVec::<[Reader<'a>; 1]>::new();
        let mut message = Reader::new(bytes);
        while let Some(tag) = message.tag()? {
            let too_many = |what, limit| DecodeError::TooMany { offset: tag.offset(), what, limit };
            match tag.field {
                1 if segments.len() == MAX_SEGMENTS => {
                    return Err(too_many("pieces of attributes", MAX_SEGMENTS));
                }
                1 => segments.push(message.message(tag)?),
                2 => request.global_word_count = message.uint32(tag)?,
                3 => request.deduplication_id = message.text(tag)?,
                4 => {
                    let quota = QuotaRequest::read(message.message(tag)?)?;
                    let known = request.quotas.iter().position(|known| known.name == quota.name);
                    match known {
                        Some(at) => request.quotas[at] = quota,
                        None if request.quotas.len() == MAX_QUOTAS => {
                            return Err(too_many("quotas", MAX_QUOTAS));
                        }
                        None => request.quotas.push(quota),
                    }
                }
                _ => message.skip(tag)?,
            }
        }
        read_attributes(&mut request.attributes, &segments, &[], 0)?;
        Ok(request)
    }
}

impl<'a> QuotaRequest<'a> {
    fn read(mut entry: Reader<'a>) -> Result<Self, DecodeError> {
        let mut quota = Self { name: "", amount: 0, best_effort: false };
        while let Some(tag) = entry.tag()? {
            match tag.field {
                1 => quota.name = entry.text(tag)?,
                2 => {
                    let mut params = entry.message(tag)?;
                    while let Some(tag) = params.tag()? {
                        match tag.field {
                            1 => quota.amount = params.int64(tag)?,
                            2 => quota.best_effort = params.bool(tag)?,
                            _ => params.skip(tag)?,
                        }
                    }
                }
                _ => entry.skip(tag)?,
            }
        }
        Ok(quota)
    }
}
