use std::borrow::Cow;
use std::fmt;

use mesh_attributes::{Bag, Span, Timestamp, Value as Held, ValueType};

use crate::cel::program::Op;
use crate::cel::value::{Map, Value};
use crate::check::check;
use crate::program::typed::Typed;
use crate::syntax::parse::parse;
use crate::{Address, AttributeTypes, CompileError, EvalError, Language, MapValue, cel};

/// A checked expression, ready to run on any number of bags and from any number of threads.
pub struct Expression {
    text: Box<str>,
    language: Language,
    program: Program,
}

enum Program {
    Cexl(Typed),
    Cel(Op, ValueType),
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

/// Checks `text`, in Istio's attribute language, against the declared attributes and makes it ready to
/// run.
///
/// # Errors
/// As [`compile_in`].
pub fn compile(text: &str, types: &dyn AttributeTypes) -> Result<Expression, CompileError> {
    compile_in(text, Language::Cexl, types)
}

/// Checks `text` against the declared attributes and makes it ready to run.
///
/// # Errors
/// When the text is too long or too deep, does not follow the grammar, uses what is not declared or
/// mixes types. The error is about the first fault; its offset says where.
pub fn compile_in(
    text: &str,
    language: Language,
    types: &dyn AttributeTypes,
) -> Result<Expression, CompileError> {
    let cel = |node| {
        let (program, value_type) = cel::check::check(&node, types)?;
        Ok(Program::Cel(program, value_type))
    };
    let program = match language {
        Language::Cexl => Program::Cexl(check(&parse(text)?, types)?),
        Language::Cel => cel(cel::parse::parse(text)?)?,
        Language::Compat => cel(cel::compat::rewrite(&parse(text)?)?)?,
    };
    Ok(Expression { text: text.into(), language, program })
}

impl Expression {
    /// The type of every value that [`eval`](Self::eval) yields.
    pub fn value_type(&self) -> ValueType {
        match &self.program {
            Program::Cexl(program) => program.value_type(),
            Program::Cel(_, value_type) => *value_type,
        }
    }

    /// The text as it was compiled.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The language that the text is in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The value for `bag`. Reads from left to right, only what the value depends on; allocates only
    /// for texts that it makes.
    ///
    /// # Errors
    /// When an attribute that is read plainly is absent, when one is of another type than declared,
    /// or when a function refuses its argument.
    pub fn eval<'a, B: Bag + ?Sized>(&'a self, bag: &'a B) -> Result<Evaluated<'a>, EvalError> {
        let program = match &self.program {
            Program::Cexl(program) => program,
            Program::Cel(program, _) => return evaluated(program.eval(bag)?, bag),
        };
        Ok(match program {
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
            Program::Cexl(Typed::Truth(term)) => term.eval(bag),
            Program::Cel(program, ValueType::Bool) => program.truth(bag),
            _ => Err(EvalError::NotBool(self.value_type())),
        }
    }
}

/// CEL's value as that of an expression. What cannot be the outcome was refused by the checker.
fn evaluated<'a, B: Bag + ?Sized>(
    value: Value<'a>,
    bag: &'a B,
) -> Result<Evaluated<'a>, EvalError> {
    Ok(match value {
        Value::Text(text) | Value::Formatted(_, text) => Evaluated::String(text),
        Value::Int(number) => Evaluated::Int64(number),
        Value::Double(number) => Evaluated::Double(number),
        Value::Bool(truth) => Evaluated::Bool(truth),
        Value::Timestamp(at) => Evaluated::Timestamp(at),
        Value::Duration(span) => Evaluated::Duration(span),
        Value::Address(address) => Evaluated::IpAddress(address),
        Value::Map(Map::Attribute(name)) => Evaluated::StringMap(match bag.get(name) {
            Some(Held::StringMap(map)) => MapValue::Borrowed(map),
            _ => MapValue::Empty,
        }),
        Value::Map(Map::Made(entries)) if entries.is_empty() => {
            Evaluated::StringMap(MapValue::Empty)
        }
        Value::Map(Map::Made(entries)) => Evaluated::StringMap(MapValue::Made(entries)),
        Value::Uint(_) | Value::Bytes(_) | Value::List(_) => {
            unreachable!("no field takes it: {value:?}")
        }
    })
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?}: {})", self.text, self.value_type().name())
    }
}
