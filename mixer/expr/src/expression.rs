use std::borrow::Cow;
use std::fmt;

use mesh_attributes::{Bag, Span, Timestamp, ValueType};

use crate::check::check;
use crate::program::typed::Typed;
use crate::syntax::parse::parse;
use crate::{Address, AttributeTypes, CompileError, EvalError, MapValue};

/// A checked expression, ready to run on any number of bags and from any number of threads.
pub struct Expression {
    text: Box<str>,
    program: Typed,
}

/// The value of an expression, borrowed from the bag or the expression where possible.
#[derive(Debug, Clone)]
pub enum Evaluated<'a> {
    /// STRING, URI, DNS_NAME or EMAIL_ADDRESS.
    String(Cow<'a, str>),
    /// INT64.
    Int64(i64),
    /// DOUBLE.
    Double(f64),
    /// BOOL.
    Bool(bool),
    /// TIMESTAMP.
    Timestamp(Timestamp),
    /// DURATION.
    Duration(Span),
    /// IP_ADDRESS.
    IpAddress(Address<'a>),
    /// STRING_MAP.
    StringMap(MapValue<'a>),
}

/// Checks `text` against the declared attributes and makes it ready to run.
///
/// # Errors
/// When the text is too long or too deep, does not follow the grammar, uses what is not declared or
/// mixes types. The error is about the first fault; its offset says where.
pub fn compile(text: &str, types: &dyn AttributeTypes) -> Result<Expression, CompileError> {
    let program = check(&parse(text)?, types)?;
    Ok(Expression { text: text.into(), program })
}

impl Expression {
    /// The type of every value that [`eval`](Self::eval) yields.
    pub fn value_type(&self) -> ValueType {
        self.program.value_type()
    }

    /// The text as it was compiled.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value for `bag`. Reads from left to right, only what the value depends on; allocates only
    /// for texts that it makes.
    ///
    /// # Errors
    /// When an attribute that is read plainly is absent, when one is of another type than declared,
    /// or when a function refuses its argument.
    pub fn eval<'a, B: Bag + ?Sized>(&'a self, bag: &'a B) -> Result<Evaluated<'a>, EvalError> {
        Ok(match &self.program {
            Typed::Text(_, term) => Evaluated::String(term.eval(bag)?),
            Typed::Integer(term) => Evaluated::Int64(term.eval(bag)?),
            Typed::Double(term) => Evaluated::Double(term.eval(bag)?),
            Typed::Truth(term) => Evaluated::Bool(term.eval(bag)?),
            Typed::Instant(term) => Evaluated::Timestamp(term.eval(bag)?),
            Typed::Length(term) => Evaluated::Duration(term.eval(bag)?),
            Typed::Ip(term) => Evaluated::IpAddress(term.eval(bag)?),
            Typed::Map(term) => Evaluated::StringMap(term.eval(bag)?),
        })
    }

    /// The truth for `bag`, for expressions of type BOOL.
    ///
    /// # Errors
    /// As [`eval`](Self::eval), and [`EvalError::NotBool`] when the expression is of another type.
    pub fn eval_bool<B: Bag + ?Sized>(&self, bag: &B) -> Result<bool, EvalError> {
        match &self.program {
            Typed::Truth(term) => term.eval(bag),
            other => Err(EvalError::NotBool(other.value_type())),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?}: {})", self.text, self.value_type().name())
    }
}
