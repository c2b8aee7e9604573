use mesh_attributes::Bag;

use crate::EvalError;
use crate::program::kinds::Text;
use crate::program::term::Term;

/// `match`, `startsWith` and `endsWith`: a text against a pattern.
pub(crate) struct PatternMatch {
    pub(crate) text: Term<Text>,
    pub(crate) pattern: Pattern,
}

pub(crate) enum Pattern {
    Exactly(Term<Text>),
    Prefix(Term<Text>),
    Suffix(Term<Text>),
    /// A pattern of `match` that is known only at run time.
    Stars(Term<Text>),
}

impl Pattern {
    /// The pattern of `match`: one star, at the end or else at the start, stands for any text. A
    /// constant is classified now.
    pub(crate) fn of_match(pattern: Term<Text>) -> Self {
        let Term::Constant(text) = pattern else { return Self::Stars(pattern) };
        if let Some(prefix) = text.strip_suffix('*') {
            Self::Prefix(Term::Constant(prefix.into()))
        } else if let Some(suffix) = text.strip_prefix('*') {
            Self::Suffix(Term::Constant(suffix.into()))
        } else {
            Self::Exactly(Term::Constant(text))
        }
    }
}

impl PatternMatch {
    pub(crate) fn eval<B: Bag + ?Sized>(&self, bag: &B) -> Result<bool, EvalError> {
        let text = self.text.eval(bag)?;
        Ok(match &self.pattern {
            Pattern::Exactly(pattern) => text == pattern.eval(bag)?,
            Pattern::Prefix(pattern) => text.starts_with(&*pattern.eval(bag)?),
            Pattern::Suffix(pattern) => text.ends_with(&*pattern.eval(bag)?),
            Pattern::Stars(pattern) => matches(&text, &pattern.eval(bag)?),
        })
    }
}

/// `match(text, pattern)`.
pub(crate) fn matches(text: &str, pattern: &str) -> bool {
    if let Some(prefix) = pattern.strip_suffix('*') {
        text.starts_with(prefix)
    } else if let Some(suffix) = pattern.strip_prefix('*') {
        text.ends_with(suffix)
    } else {
        text == pattern
    }
}
