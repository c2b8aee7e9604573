use super::DecodeError;
use super::dictionary::Dictionary;
use super::words::resolve;
use super::writer::{put_message, put_sint32, put_uint};
use crate::{AttributeName, Condition, References};

/// How many references an answer may have. Caches refuse far fewer; this bounds the time to read them.
pub const MAX_REFERENCES: usize = 1000;

/// Appends to `out` the content of an `istio.mixer.v1.ReferencedAttributes` message for a client that
/// knows the first `global_word_count` words of the global dictionary.
///
/// A map's key is never written as index 0, which the message cannot tell from no key; the word of
/// that index, `source.ip`, is listed instead.
pub fn encode_references(references: &References, global_word_count: u32, out: &mut Vec<u8>) {
    let known = usize::try_from(global_word_count).unwrap_or(usize::MAX);
    let mut words = Dictionary::new(known);
    for (name, key, condition) in references.iter() {
        let name = words.index(name.as_str());
        let key = key.map(|key| match words.index(key) {
            0 => words.listed(key),
            index => index,
        });
        put_message(out, 2, |out| {
            put_sint32(out, 1, name);
            put_uint(out, 2, condition as u64);
            if let Some(key) = key {
                put_sint32(out, 4, key);
            }
        });
    }
    words.write(1, out);
}

/// The references of an answer, from the parts of its `ReferencedAttributes` message: the `words` it
/// lists and for each match its name, condition and map key. A match without condition says nothing
/// and is passed over.
///
/// # Errors
/// When a word is unknown, a condition is not defined or there are more than [`MAX_REFERENCES`]; the
/// answer may be used but not cached.
pub fn resolve_references<S: AsRef<str>>(
    words: &[S],
    matches: impl Iterator<Item = (i32, i32, i32)>,
) -> Result<References, DecodeError> {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let word = |index| resolve(&words, index).ok_or(DecodeError::UnknownWord { index });
    let mut references = References::new();
    for (name, condition, key) in matches {
        let name = AttributeName::new(word(name)?);
        let key = if key == 0 { None } else { Some(word(key)?) };
        let condition = match condition {
            0 => continue,
            1 => Condition::Absence,
            2 => Condition::Exact,
            3 => Condition::Regex,
            _ => {
                let name = name.to_string();
                return Err(DecodeError::UnknownCondition { name, condition });
            }
        };
        references.record(&name, key, condition);
        if references.len() > MAX_REFERENCES {
            return Err(DecodeError::TooManyReferences { limit: MAX_REFERENCES });
        }
    }
    Ok(references)
}
