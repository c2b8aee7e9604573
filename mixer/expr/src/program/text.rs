use std::borrow::Cow;

use mesh_attributes::Bag;
use smallvec::SmallVec;

use crate::EvalError;
use crate::program::formatted::CheckFormat;
use crate::program::kinds::Text;
use crate::program::map::Lookup;
use crate::program::term::{Conditional, Term};

/// The longest text that `+` makes: chains of `+` over long attributes must not take the memory away.
pub(crate) const MAX_COMPUTED: usize = 1024 * 1024;

/// What computes a text.
pub(crate) enum TextOperation {
    Lookup(Box<Lookup>),
    Concat(Box<[Term<Text>]>),
    ToLower(Box<Term<Text>>),
    Format(Box<CheckFormat>),
    /// `conditionalString(c, a, b)`: both arms are evaluated, unlike `conditional`.
    EagerConditional(Box<Conditional<Text>>),
}

impl TextOperation {
    pub(crate) fn eval<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Cow<'a, str>, EvalError> {
        match self {
            Self::Lookup(lookup) => lookup.eval(bag),
            Self::Concat(terms) => concat(terms, bag).map(Cow::Owned),
            Self::Format(check) => check.eval(bag),
            Self::ToLower(text) => text.eval(bag).map(to_lower),
            Self::EagerConditional(conditional) => {
                let condition = conditional.condition.eval(bag)?;
                let then = conditional.then.eval(bag)?;
                let otherwise = conditional.otherwise.eval(bag)?;
                Ok(if condition { then } else { otherwise })
            }
        }
    }

    pub(crate) fn eval_if_present<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Option<Cow<'a, str>>, EvalError> {
        match self {
            Self::Lookup(lookup) => lookup.eval_if_present(bag),
            other => other.eval(bag).map(Some),
        }
    }
}

fn concat<B: Bag + ?Sized>(terms: &[Term<Text>], bag: &B) -> Result<String, EvalError> {
    let mut pieces = SmallVec::<[Cow<'_, str>; 8]>::new();
    let mut length = 0;
    for term in terms {
        let piece = term.eval(bag)?;
        length += piece.len();
        if length > MAX_COMPUTED {
            return Err(EvalError::TextTooLong { limit: MAX_COMPUTED });
        }
        pieces.push(piece);
    }
    let mut joined = String::with_capacity(length);
    joined.extend(pieces);
    Ok(joined)
}

/// Lower case character by character, without regard to neighbours, as Go does it. A text that is
/// in lower case already is not copied.
pub(crate) fn to_lower(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.char_indices().find(|(_, c)| lower(*c) != *c) {
        None => text,
        Some((changed, _)) => {
            let mut lowered = String::with_capacity(text.len());
            lowered.push_str(&text[..changed]);
            lowered.extend(text[changed..].chars().map(lower));
            Cow::Owned(lowered)
        }
    }
}

fn lower(c: char) -> char {
    // One character to one: the only lower case of two is that of U+0130, whose first is the answer.
    c.to_lowercase().next().unwrap_or(c)
}
