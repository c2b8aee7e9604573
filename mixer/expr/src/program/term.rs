use mesh_attributes::{AttributeName, Bag, Value};

use crate::program::kinds::{Text, Truth};
use crate::program::text::TextOperation;
use crate::program::typed::Typed;
use crate::{EvalError, WrongType};

/// One representation of values at run time, and what can be computed in it.
///
/// The checker builds terms by kind, so an ill-typed program cannot be put together.
pub(crate) trait Kind: Sized {
    /// A value, borrowed from the bag or the program where possible.
    type Value<'a>;
    /// A value that the program owns.
    type Constant;
    /// What computes a value of this kind.
    type Operation;

    /// The types in words, for the error about a value of another type.
    const EXPECTED: &'static str;

    /// The value, when the bag's is of this kind.
    fn accept(value: Value<'_>) -> Option<Self::Value<'_>>;

    fn borrow(constant: &Self::Constant) -> Self::Value<'_>;

    fn operate<'a, B: Bag + ?Sized>(
        operation: &'a Self::Operation,
        bag: &'a B,
    ) -> Result<Self::Value<'a>, EvalError>;

    /// As [`Kind::operate`] on the left of `|`: `None` when a map or its key is absent. Everything
    /// else yields a value or fails.
    fn operate_if_present<'a, B: Bag + ?Sized>(
        operation: &'a Self::Operation,
        bag: &'a B,
    ) -> Result<Option<Self::Value<'a>>, EvalError> {
        Self::operate(operation, bag).map(Some)
    }

    /// The term in `typed`, when it is of this kind.
    fn unwrap(typed: Typed) -> Option<Term<Self>>;
}

/// A checked expression of one kind.
pub(crate) enum Term<K: Kind> {
    Constant(K::Constant),
    Attribute(AttributeName),
    /// `a | b | c`: the first that is present; the last is read plainly.
    FirstPresent(Box<[Self]>),
    Conditional(Box<Conditional<K>>),
    Operation(K::Operation),
}

/// `conditional(c, a, b)`: only the chosen arm is evaluated.
pub(crate) struct Conditional<K: Kind> {
    pub(crate) condition: Term<Truth>,
    pub(crate) then: Term<K>,
    pub(crate) otherwise: Term<K>,
}

impl<K: Kind> Term<K> {
    /// The value; absence is an error.
    pub(crate) fn eval<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<K::Value<'a>, EvalError> {
        match self {
            Self::Constant(constant) => Ok(K::borrow(constant)),
            Self::Attribute(name) => match bag.get(name) {
                Some(value) => accept::<K>(name, value),
                None => Err(EvalError::Absent(name.clone())),
            },
            Self::FirstPresent(terms) => {
                let Some((last, others)) = terms.split_last() else {
                    unreachable!("a chain has at least two terms")
                };
                for term in others {
                    if let Some(value) = term.eval_if_present(bag)? {
                        return Ok(value);
                    }
                }
                last.eval(bag)
            }
            Self::Conditional(conditional) => conditional.arm(bag)?.eval(bag),
            Self::Operation(operation) => K::operate(operation, bag),
        }
    }

    /// The value on the left of `|`: `None` when it is absent.
    pub(crate) fn eval_if_present<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Option<K::Value<'a>>, EvalError> {
        match self {
            Self::Attribute(name) => {
                bag.get(name).map(|value| accept::<K>(name, value)).transpose()
            }
            Self::FirstPresent(terms) => {
                for term in terms {
                    if let Some(value) = term.eval_if_present(bag)? {
                        return Ok(Some(value));
                    }
                }
                Ok(None)
            }
            Self::Operation(operation) => K::operate_if_present(operation, bag),
            Self::Constant(_) | Self::Conditional(_) => self.eval(bag).map(Some),
        }
    }
}

impl Term<Text> {
    /// The text, when it is simply there: a constant, or lying in the bag under a name or a key. `None`
    /// leaves the matter to [`Self::eval`], which reads the same again. For the operands of comparisons,
    /// most of which it spares an owner and an error.
    #[inline]
    pub(crate) fn at_hand<'a, B: Bag + ?Sized>(&'a self, bag: &'a B) -> Option<&'a str> {
        match self {
            Self::Constant(text) => Some(text),
            Self::Attribute(name) => match bag.get(name) {
                Some(Value::String(text)) => Some(text),
                _ => None,
            },
            Self::Operation(TextOperation::Lookup(lookup)) => lookup.at_hand(bag),
            _ => None,
        }
    }
}

impl<K: Kind> Conditional<K> {
    pub(crate) fn arm<B: Bag + ?Sized>(&self, bag: &B) -> Result<&Term<K>, EvalError> {
        Ok(if self.condition.eval(bag)? { &self.then } else { &self.otherwise })
    }
}

fn accept<'a, K: Kind>(name: &AttributeName, value: Value<'a>) -> Result<K::Value<'a>, EvalError> {
    K::accept(value).ok_or_else(|| WrongType::error(name, K::EXPECTED, value))
}
