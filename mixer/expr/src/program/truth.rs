use mesh_attributes::Bag;

use crate::EvalError;
use crate::program::comparison::Compare;
use crate::program::formatted::CompareFormat;
use crate::program::kinds::{Double, Instant, Integer, Ip, Text, Truth};
use crate::program::matches::RegexMatch;
use crate::program::pattern::PatternMatch;
use crate::program::term::Term;

/// What computes a truth value.
pub(crate) enum TruthOperation {
    /// `&&`: stops at the first that is false.
    All(Box<[Term<Truth>]>),
    /// `||`: stops at the first that is true.
    Any(Box<[Term<Truth>]>),
    Truths(Box<Compare<Truth>>),
    Texts(Box<Compare<Text>>),
    Integers(Box<Compare<Integer>>),
    Doubles(Box<Compare<Double>>),
    Instants(Box<Compare<Instant>>),
    Addresses(Box<Compare<Ip>>),
    Formats(Box<CompareFormat>),
    Pattern(Box<PatternMatch>),
    Regex(Box<RegexMatch>),
}

impl TruthOperation {
    pub(crate) fn eval<B: Bag + ?Sized>(&self, bag: &B) -> Result<bool, EvalError> {
        match self {
            Self::All(terms) => {
                for term in terms {
                    if !term.eval(bag)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(terms) => {
                for term in terms {
                    if term.eval(bag)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Truths(compare) => compare.eval(bag),
            Self::Texts(compare) => compare.eval_text(bag),
            Self::Integers(compare) => compare.eval(bag),
            Self::Doubles(compare) => compare.eval(bag),
            Self::Instants(compare) => compare.eval(bag),
            Self::Addresses(compare) => compare.eval(bag),
            Self::Formats(compare) => compare.eval(bag),
            Self::Pattern(pattern) => pattern.eval(bag),
            Self::Regex(pattern) => pattern.eval(bag),
        }
    }
}
