use std::cell::RefCell;

use mesh_attributes::Bag;
use regex::Regex;

use crate::program::kinds::Text;
use crate::program::re2;
use crate::program::term::Term;
use crate::{EvalError, error};

/// How many patterns known only at run time each thread keeps compiled. Such patterns are rare and
/// few; requests that bring ever new ones pay for compiling, not others.
const KEPT: usize = 8;

/// The longest pattern in bytes that is compiled at run time.
const MAX_PATTERN: usize = 1024;

/// The most bytes that a constant pattern takes when compiled.
pub(crate) const MAX_CONSTANT: usize = 1024 * 1024;

/// The most bytes that a pattern of run time takes: less, because requests may choose it.
const MAX_DYNAMIC: usize = 256 * 1024;

/// `pattern.matches(text)`: whether the pattern is found anywhere in the text.
pub(crate) enum RegexMatch {
    Constant { pattern: Regex, text: Term<Text> },
    Dynamic { pattern: Term<Text>, text: Term<Text> },
}

impl RegexMatch {
    /// The match with this pattern, compiled now if it is constant. The error holds the pattern and
    /// what is wrong with it.
    pub(crate) fn new(pattern: Term<Text>, text: Term<Text>) -> Result<Self, (Box<str>, String)> {
        let Term::Constant(pattern) = pattern else { return Ok(Self::Dynamic { pattern, text }) };
        match re2::compile(&pattern, MAX_CONSTANT) {
            Ok(pattern) => Ok(Self::Constant { pattern, text }),
            Err(reason) => Err((error::excerpt(&pattern), reason)),
        }
    }

    pub(crate) fn eval<B: Bag + ?Sized>(&self, bag: &B) -> Result<bool, EvalError> {
        match self {
            Self::Constant { pattern, text } => Ok(pattern.is_match(&text.eval(bag)?)),
            Self::Dynamic { pattern, text } => {
                let pattern = pattern.eval(bag)?;
                is_match(&pattern, &text.eval(bag)?)
            }
        }
    }
}

thread_local! {
    /// The patterns used last, the very last first.
    static COMPILED: RefCell<Vec<(Box<str>, Regex)>> = const { RefCell::new(Vec::new()) };
}

/// Whether `pattern`, known only now, is found anywhere in `text`.
pub(crate) fn is_match(pattern: &str, text: &str) -> Result<bool, EvalError> {
    COMPILED.with_borrow_mut(|compiled| {
        match compiled.iter().position(|(known, _)| **known == *pattern) {
            Some(0) => {}
            Some(at) => compiled[..=at].rotate_right(1),
            None => {
                let regex = compile(pattern)?;
                compiled.truncate(KEPT - 1);
                compiled.insert(0, (pattern.into(), regex));
            }
        }
        Ok(compiled[0].1.is_match(text))
    })
}

fn compile(pattern: &str) -> Result<Regex, EvalError> {
    let compiled = if pattern.len() > MAX_PATTERN {
        Err(format!("longer than the {MAX_PATTERN} bytes that are compiled for a request"))
    } else {
        re2::compile(pattern, MAX_DYNAMIC)
    };
    compiled.map_err(|reason| EvalError::Regex(Box::new((error::excerpt(pattern), reason))))
}
