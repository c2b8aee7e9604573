use smallvec::SmallVec;

use super::reader::{Reader, Tag};
use super::{DecodeError, field};
use crate::GlobalWord;

/// How many words a message may list. A report of a hundred requests with a hundred headers each
/// lists 23,000 if no two are alike; 65,536 take 1 MiB while they are read.
pub const MAX_WORDS: usize = 65_536;

/// Words that a request's attributes commonly bring along; more cost an allocation.
const INLINE_WORDS: usize = 64;

/// The words that a message lists, by slot.
pub(super) type Words<'a> = SmallVec<[&'a str; INLINE_WORDS]>;

pub(super) fn push_word<'a>(
    words: &mut Words<'a>,
    message: &mut Reader<'a>,
    tag: Tag,
) -> Result<(), DecodeError> {
    if words.len() == MAX_WORDS {
        return Err(DecodeError::TooMany { offset: tag.offset(), what: "words", limit: MAX_WORDS });
    }
    words.push(message.text(tag)?);
    Ok(())
}

/// Appends the words that a `CompressedAttributes` message lists.
pub(super) fn read_words<'a>(
    words: &mut Words<'a>,
    mut message: Reader<'a>,
) -> Result<(), DecodeError> {
    while let Some(tag) = message.tag()? {
        match tag.field {
            field::WORDS => push_word(words, &mut message, tag)?,
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

/// The dictionary's word with this index on the wire, if it is one of the dictionary's.
#[inline]
pub(super) fn global(index: i32) -> Option<GlobalWord> {
    usize::try_from(index).ok().and_then(GlobalWord::from_index)
}

/// The text of a word by its index on the wire: from 0 up the global dictionary, from -1 down the
/// message's own. `None` when neither has it.
#[inline]
pub(super) fn resolve<'a>(words: &[&'a str], index: i32) -> Option<&'a str> {
    if index < 0 {
        return words.get(!index as usize).copied();
    }
    global(index).map(GlobalWord::as_str)
}
