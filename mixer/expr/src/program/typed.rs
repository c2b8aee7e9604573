use mesh_attributes::{AttributeName, ValueType};

use crate::CompileError;
use crate::program::kinds::{Double, Instant, Integer, Ip, Length, Map, Text, Truth};
use crate::program::term::{Kind, Term};
use crate::program::text::TextOperation;
use crate::program::truth::TruthOperation;
use crate::syntax::ast::Literal;

/// A term with its type.
pub(crate) enum Typed {
    /// Of type STRING, DNS_NAME, EMAIL_ADDRESS or URI.
    Text(ValueType, Term<Text>),
    Integer(Term<Integer>),
    Double(Term<Double>),
    Truth(Term<Truth>),
    Instant(Term<Instant>),
    Length(Term<Length>),
    Ip(Term<Ip>),
    Map(Term<Map>),
}

impl Typed {
    pub(crate) fn value_type(&self) -> ValueType {
        match self {
            Self::Text(value_type, _) => *value_type,
            Self::Integer(_) => ValueType::Int64,
            Self::Double(_) => ValueType::Double,
            Self::Truth(_) => ValueType::Bool,
            Self::Instant(_) => ValueType::Timestamp,
            Self::Length(_) => ValueType::Duration,
            Self::Ip(_) => ValueType::IpAddress,
            Self::Map(_) => ValueType::StringMap,
        }
    }

    pub(crate) fn attribute(value_type: ValueType, name: AttributeName) -> Self {
        match value_type {
            ValueType::String | ValueType::EmailAddress | ValueType::Uri | ValueType::DnsName => {
                Self::Text(value_type, Term::Attribute(name))
            }
            ValueType::Int64 => Self::Integer(Term::Attribute(name)),
            ValueType::Double => Self::Double(Term::Attribute(name)),
            ValueType::Bool => Self::Truth(Term::Attribute(name)),
            ValueType::Timestamp => Self::Instant(Term::Attribute(name)),
            ValueType::IpAddress => Self::Ip(Term::Attribute(name)),
            ValueType::Duration => Self::Length(Term::Attribute(name)),
            ValueType::StringMap => Self::Map(Term::Attribute(name)),
        }
    }

    pub(crate) fn literal(literal: &Literal) -> Self {
        match literal {
            Literal::String(text) => {
                Self::Text(ValueType::String, Term::Constant(text.as_str().into()))
            }
            Literal::Int64(number) => Self::Integer(Term::Constant(*number)),
            Literal::Double(number) => Self::Double(Term::Constant(*number)),
            Literal::Bool(truth) => Self::Truth(Term::Constant(*truth)),
            Literal::Duration(span) => Self::Length(Term::Constant(*span)),
        }
    }

    pub(crate) fn string(operation: TextOperation) -> Self {
        Self::Text(ValueType::String, Term::Operation(operation))
    }

    pub(crate) fn truth(operation: TruthOperation) -> Self {
        Self::Truth(Term::Operation(operation))
    }

    /// This term taken one step further, its type unchanged.
    pub(crate) fn rebuild(self, step: impl Rebuild) -> Result<Self, CompileError> {
        let value_type = self.value_type();
        Ok(match self {
            Self::Text(_, term) => Self::Text(value_type, step.rebuild(term, value_type)?),
            Self::Integer(term) => Self::Integer(step.rebuild(term, value_type)?),
            Self::Double(term) => Self::Double(step.rebuild(term, value_type)?),
            Self::Truth(term) => Self::Truth(step.rebuild(term, value_type)?),
            Self::Instant(term) => Self::Instant(step.rebuild(term, value_type)?),
            Self::Length(term) => Self::Length(step.rebuild(term, value_type)?),
            Self::Ip(term) => Self::Ip(step.rebuild(term, value_type)?),
            Self::Map(term) => Self::Map(step.rebuild(term, value_type)?),
        })
    }
}

/// A step of the translation that makes a term of whatever kind from one of the same kind.
pub(crate) trait Rebuild {
    fn rebuild<K: Kind>(
        self,
        term: Term<K>,
        value_type: ValueType,
    ) -> Result<Term<K>, CompileError>;
}
