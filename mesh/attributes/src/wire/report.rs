//! Reports: many bags in one message.
//!
//! Elements either stand alone or, in the delta encoding, each say what changed since the one before.
//! They are read one after the other into the same [`WireBag`], so a report takes the memory of its
//! largest element, whatever it holds.
//!
//! An element that is not understood is an error of its own and the next one is tried. In the delta
//! encoding its intelligible attributes still count for the elements after it, and those with a word
//! nobody knows are absent from then on: an attribute that is missing misleads less than one of
//! another request. An element whose protobuf is cut in the middle may have set a part of its own.

use super::build::read_attributes;
use super::reader::{Reader, Tag};
use super::words::{Words, push_word};
use super::{DecodeError, ElementError, WireBag};

/// The value of `repeated_attributes_semantics` for elements that stand alone.
pub(super) const INDEPENDENT: u32 = 1;

/// A Report call's request; its elements are read by [`Self::bags`].
pub struct ReportRequest<'a> {
    message: Reader<'a>,
    default_words: Words<'a>,
    global_word_count: u32,
    delta: bool,
    len: usize,
}

/// The bags of a report, one at a time.
pub struct ReportBags<'r, 'a> {
    message: Reader<'a>,
    default_words: &'r [&'a str],
    delta: bool,
    next: usize,
    bag: WireBag<'a>,
}

impl<'a> ReportRequest<'a> {
    /// Reads all of `bytes`, an `istio.mixer.v1.ReportRequest`, but the elements.
    ///
    /// # Errors
    /// When the outer message is malformed or lists more than [`MAX_WORDS`](super::MAX_WORDS).
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut request = Self {
            message: Reader::new(bytes),
            default_words: Words::new(),
            global_word_count: 0,
            delta: true,
            len: 0,
        };
        let mut message = request.message;
        while let Some(tag) = message.tag()? {
            match tag.field {
                1 => {
                    message.message(tag)?;
                    request.len += 1;
                }
                2 => push_word(&mut request.default_words, &mut message, tag)?,
                3 => request.global_word_count = message.uint32(tag)?,
                4 => request.delta = message.uint32(tag)? != INDEPENDENT,
                _ => message.skip(tag)?,
            }
        }
        Ok(request)
    }

    /// How many elements the report has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the report has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many words of the global dictionary the caller knows.
    pub fn global_word_count(&self) -> u32 {
        self.global_word_count
    }

    /// The elements' bags, from the first.
    pub fn bags(&self) -> ReportBags<'_, 'a> {
        ReportBags {
            message: self.message,
            default_words: &self.default_words,
            delta: self.delta,
            next: 0,
            bag: WireBag::empty(),
        }
    }
}

impl<'a> ReportBags<'_, 'a> {
    /// The next element's bag, or why it was not understood; `None` after the last. The bag is
    /// overwritten by the next call.
    pub fn next_bag(&mut self) -> Option<Result<&WireBag<'a>, ElementError>> {
        let element = self.next_element()?;
        let index = self.next;
        self.next += 1;
        let independent = !self.delta || index == 0;
        if independent {
            self.bag.clear();
        }
        self.bag.skipped = 0;
        let read = read_attributes(&mut self.bag, &[element], self.default_words, index as u32);
        Some(match read {
            Err(source) => Err(ElementError { index, source }),
            Ok(Some(source)) if !independent => Err(ElementError { index, source }),
            Ok(_) => Ok(&self.bag),
        })
    }

    fn next_element(&mut self) -> Option<Reader<'a>> {
        loop {
            let tag: Tag = self.message.tag().ok()??;
            match tag.field {
                1 => return self.message.message(tag).ok(),
                _ => self.message.skip(tag).ok()?,
            }
        }
    }
}
