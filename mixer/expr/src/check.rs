//! From the tree to typed terms: every rule about types is a step of this translation, so what comes
//! out can run and what cannot run has no translation.

use std::fmt;

use mesh_attributes::{AttributeName, Timestamp, ValueType};

use crate::format::Format;
use crate::program::address::{self, ParseIp};
use crate::program::comparison::Compare;
use crate::program::formatted::{CheckFormat, CompareFormat};
use crate::program::kinds::{DoubleSum, IntegerOperation, ParseTimestamp, Text, Truth};
use crate::program::map::{EmptyMap, Lookup};
use crate::program::matches::RegexMatch;
use crate::program::pattern::{Pattern, PatternMatch};
use crate::program::term::{Conditional, Kind, Term};
use crate::program::text::TextOperation;
use crate::program::truth::TruthOperation;
use crate::program::typed::{Rebuild, Typed};
use crate::syntax::ast::{Chain, Comparison, Form, Node, Operator};
use crate::types::nearest;
use crate::{AttributeTypes, CompileError, Problem, error};

const FUNCTIONS: [&str; 11] = [
    "conditional",
    "conditionalString",
    "dnsName",
    "email",
    "emptyStringMap",
    "ip",
    "match",
    "size",
    "timestamp",
    "toLower",
    "uri",
];

const METHODS: [&str; 3] = ["endsWith", "matches", "startsWith"];

/// Messages repeat calls up to this length in bytes.
const MAX_PRINTED: usize = 512;

/// The typed form of `node`.
pub(crate) fn check(node: &Node, types: &dyn AttributeTypes) -> Result<Typed, CompileError> {
    match &node.form {
        Form::Literal { value, .. } => Ok(Typed::literal(value)),
        Form::Attribute(name) => match types.value_type(name) {
            Some(value_type) => Ok(Typed::attribute(value_type, AttributeName::new(name))),
            None => {
                let nearest = nearest(name, types.names());
                let name = error::excerpt(name).into();
                Err(fault(node, Problem::UnknownAttribute { name, nearest }))
            }
        },
        Form::Operation(operator, operands) => {
            Application { node, operator: Some(*operator), operands, types }.operation(*operator)
        }
        Form::Call { name, target, arguments } => {
            let call = Application { node, operator: None, operands: arguments, types };
            match target {
                Some(target) => call.method(name, target),
                None => call.function(name),
            }
        }
    }
}

fn fault(node: &Node, problem: Problem) -> CompileError {
    CompileError { problem, offset: node.at }
}

/// An operator or a function with its operands, while they are checked.
struct Application<'n> {
    node: &'n Node,
    /// Nothing for a call.
    operator: Option<Operator>,
    operands: &'n [Node],
    types: &'n dyn AttributeTypes,
}

impl Application<'_> {
    fn operation(&self, operator: Operator) -> Result<Typed, CompileError> {
        Ok(match operator {
            Operator::Unknown(name) => return Err(self.unknown(name)),
            _ if self.operands.len() < 2 => return Err(self.arity(2)),
            Operator::And => Typed::truth(TruthOperation::All(self.all(ValueType::Bool)?)),
            Operator::Or => Typed::truth(TruthOperation::Any(self.all(ValueType::Bool)?)),
            Operator::Index => Typed::string(TextOperation::Lookup(Box::new(Lookup {
                map: self.term(0, ValueType::StringMap)?,
                key: self.term(1, ValueType::String)?,
            }))),
            Operator::Either => self.typed(0)?.rebuild(Either(self))?,
            Operator::Add => self.sum()?,
            Operator::Compare(how) => self.comparison(how)?,
        })
    }

    fn function(&self, name: &str) -> Result<Typed, CompileError> {
        let arity = match name {
            "emptyStringMap" => 0,
            "dnsName" | "email" | "ip" | "size" | "timestamp" | "toLower" | "uri" => 1,
            "match" => 2,
            "conditional" | "conditionalString" => 3,
            _ if METHODS.contains(&name) => {
                let name = name.to_owned();
                return Err(fault(self.node, Problem::MethodWithoutTarget { name }));
            }
            _ => return Err(self.unknown(name)),
        };
        if self.operands.len() != arity {
            return Err(self.arity(arity));
        }
        // Constants are converted now. One that cannot be stays for run time: a fallback that is
        // never reached harms nobody.
        Ok(match name {
            "emptyStringMap" => Typed::Map(Term::Constant(EmptyMap)),
            "dnsName" => self.format(Format::DnsName)?,
            "email" => self.format(Format::Email)?,
            "uri" => self.format(Format::Uri)?,
            "timestamp" => Typed::Instant(match self.term::<Text>(0, ValueType::String)? {
                Term::Constant(text) if let Some(at) = Timestamp::from_rfc3339(&text) => {
                    Term::Constant(at)
                }
                text => Term::Operation(ParseTimestamp(Box::new(text))),
            }),
            "ip" => Typed::Ip(match self.term::<Text>(0, ValueType::String)? {
                Term::Constant(text) if let Ok(ip) = address::parse(&text) => Term::Constant(ip),
                text => Term::Operation(ParseIp(Box::new(text))),
            }),
            "size" => {
                let text = self.term(0, ValueType::String)?;
                Typed::Integer(Term::Operation(IntegerOperation::Size(text)))
            }
            "toLower" => {
                let text = self.term(0, ValueType::String)?;
                Typed::string(TextOperation::ToLower(Box::new(text)))
            }
            "match" => {
                let text = self.term(0, ValueType::String)?;
                let pattern = Pattern::of_match(self.term(1, ValueType::String)?);
                Typed::truth(TruthOperation::Pattern(Box::new(PatternMatch { text, pattern })))
            }
            "conditionalString" => {
                Typed::string(TextOperation::EagerConditional(Box::new(Conditional {
                    condition: self.term(0, ValueType::Bool)?,
                    then: self.term(1, ValueType::String)?,
                    otherwise: self.term(2, ValueType::String)?,
                })))
            }
            _ => {
                let condition = self.term(0, ValueType::Bool)?;
                self.typed(1)?.rebuild(Choose { call: self, condition })?
            }
        })
    }

    fn method(&self, name: &str, target: &Node) -> Result<Typed, CompileError> {
        if FUNCTIONS.contains(&name) {
            let name = name.to_owned();
            return Err(fault(self.node, Problem::FunctionWithTarget { name }));
        }
        if !METHODS.contains(&name) {
            return Err(self.unknown(name));
        }
        let target = check(target, self.types)?;
        let text = self.convert(target, ValueType::String, |got, expected| {
            Problem::TargetType { call: print(self.node), got, expected }
        })?;
        if self.operands.len() != 1 {
            return Err(self.arity(1));
        }
        let argument = self.term(0, ValueType::String)?;
        let pattern = match name {
            "startsWith" => Pattern::Prefix(argument),
            "endsWith" => Pattern::Suffix(argument),
            _ => {
                let operation = RegexMatch::new(text, argument).map_err(|(pattern, reason)| {
                    fault(self.node, Problem::Regex { pattern: pattern.into(), reason })
                })?;
                return Ok(Typed::truth(TruthOperation::Regex(Box::new(operation))));
            }
        };
        Ok(Typed::truth(TruthOperation::Pattern(Box::new(PatternMatch { text, pattern }))))
    }

    fn format(&self, format: Format) -> Result<Typed, CompileError> {
        let text = self.term::<Text>(0, ValueType::String)?;
        let term = match text {
            Term::Constant(text) if format.check(&text).is_ok() => Term::Constant(text),
            text => Term::Operation(TextOperation::Format(Box::new(CheckFormat { format, text }))),
        };
        Ok(Typed::Text(format.value_type(), term))
    }

    fn sum(&self) -> Result<Typed, CompileError> {
        let first = self.typed(0)?;
        Ok(match first {
            Typed::Text(ValueType::String, first) => {
                let terms = self.following(first, ValueType::String)?;
                Typed::string(TextOperation::Concat(terms))
            }
            Typed::Integer(first) => {
                let terms = self.following(first, ValueType::Int64)?;
                Typed::Integer(Term::Operation(IntegerOperation::Sum(terms)))
            }
            Typed::Double(first) => {
                let terms = self.following(first, ValueType::Double)?;
                Typed::Double(Term::Operation(DoubleSum(terms)))
            }
            other => {
                self.same_type(&other)?;
                return Err(self.not_implemented("Add", &other));
            }
        })
    }

    fn comparison(&self, how: Comparison) -> Result<Typed, CompileError> {
        let left = self.typed(0)?;
        let value_type = left.value_type();
        let ordered = !how.is_equality();
        Ok(Typed::truth(match left {
            Typed::Text(ValueType::String, left) => {
                TruthOperation::Texts(self.compare(how, left, value_type)?)
            }
            Typed::Text(_, left) if !ordered && let Some(format) = Format::of(value_type) => {
                let operands = *self.compare(how, left, value_type)?;
                TruthOperation::Formats(Box::new(CompareFormat { format, operands }))
            }
            Typed::Integer(left) => TruthOperation::Integers(self.compare(how, left, value_type)?),
            Typed::Double(left) => TruthOperation::Doubles(self.compare(how, left, value_type)?),
            Typed::Instant(left) => TruthOperation::Instants(self.compare(how, left, value_type)?),
            Typed::Truth(left) if !ordered => {
                TruthOperation::Truths(self.compare(how, left, value_type)?)
            }
            Typed::Ip(left) if !ordered => {
                TruthOperation::Addresses(self.compare(how, left, value_type)?)
            }
            other => {
                self.same_type(&other)?;
                return Err(self.not_implemented(how.words(), &other));
            }
        }))
    }

    fn compare<K: Kind>(
        &self,
        how: Comparison,
        left: Term<K>,
        value_type: ValueType,
    ) -> Result<Box<Compare<K>>, CompileError> {
        Ok(Box::new(Compare { how, left, right: self.term(1, value_type)? }))
    }

    fn typed(&self, index: usize) -> Result<Typed, CompileError> {
        check(&self.operands[index], self.types)
    }

    /// The operand as a term of the `expected` type, which must be of kind `K`.
    fn term<K: Kind>(&self, index: usize, expected: ValueType) -> Result<Term<K>, CompileError> {
        let typed = self.typed(index)?;
        self.convert(typed, expected, |got, expected| self.argument_type(index, got, expected))
    }

    /// All operands, of one type.
    fn all<K: Kind>(&self, expected: ValueType) -> Result<Box<[Term<K>]>, CompileError> {
        let first = self.term(0, expected)?;
        self.following(first, expected)
    }

    /// The first operand and all others, which must be of its type.
    fn following<K: Kind>(
        &self,
        first: Term<K>,
        expected: ValueType,
    ) -> Result<Box<[Term<K>]>, CompileError> {
        let rest = (1..self.operands.len()).map(|index| self.term(index, expected));
        std::iter::once(Ok(first)).chain(rest).collect()
    }

    fn convert<K: Kind>(
        &self,
        typed: Typed,
        expected: ValueType,
        problem: impl FnOnce(ValueType, ValueType) -> Problem,
    ) -> Result<Term<K>, CompileError> {
        let got = typed.value_type();
        match K::unwrap(typed) {
            Some(term) if got == expected => Ok(term),
            _ => Err(fault(self.node, problem(got, expected))),
        }
    }

    fn same_type(&self, first: &Typed) -> Result<(), CompileError> {
        let (got, expected) = (self.typed(1)?.value_type(), first.value_type());
        if got == expected {
            return Ok(());
        }
        Err(fault(self.node, self.argument_type(1, got, expected)))
    }

    fn argument_type(&self, index: usize, got: ValueType, expected: ValueType) -> Problem {
        let argument = print(&self.operands[index]);
        match self.operator {
            Some(operator) => {
                let seen = &self.operands[..=index.max(1)];
                let call = print(&Chain(operator, seen));
                // Of a run of operators each takes what is before it as its first operand.
                Problem::ArgumentType { call, index: index.min(1) + 1, argument, got, expected }
            }
            None => {
                let call = print(self.node);
                Problem::ArgumentType { call, index: index + 1, argument, got, expected }
            }
        }
    }

    fn arity(&self, expected: usize) -> CompileError {
        let (call, got) = (print(self.node), self.operands.len());
        fault(self.node, Problem::Arity { call, got, expected })
    }

    fn unknown(&self, name: &str) -> CompileError {
        let nearest = match self.operator {
            Some(Operator::Unknown("NOT")) => Some("== false".to_owned()),
            Some(_) => None,
            None => nearest(name, FUNCTIONS.into_iter().chain(METHODS)),
        };
        fault(self.node, Problem::UnknownFunction { name: error::excerpt(name).into(), nearest })
    }

    fn not_implemented(&self, operation: &'static str, operand: &Typed) -> CompileError {
        let operands = operand.value_type();
        let call = print(self.node);
        fault(self.node, Problem::NotImplemented { call, operation, operands })
    }
}

/// `a | b | c`, from `a`.
struct Either<'a, 'n>(&'a Application<'n>);

impl Rebuild for Either<'_, '_> {
    fn rebuild<K: Kind>(
        self,
        first: Term<K>,
        value_type: ValueType,
    ) -> Result<Term<K>, CompileError> {
        self.0.following(first, value_type).map(Term::FirstPresent)
    }
}

/// `conditional(c, a, b)`, from `a`.
struct Choose<'a, 'n> {
    call: &'a Application<'n>,
    condition: Term<Truth>,
}

impl Rebuild for Choose<'_, '_> {
    fn rebuild<K: Kind>(
        self,
        then: Term<K>,
        value_type: ValueType,
    ) -> Result<Term<K>, CompileError> {
        let otherwise = self.call.term(2, value_type)?;
        let condition = self.condition;
        Ok(Term::Conditional(Box::new(Conditional { condition, then, otherwise })))
    }
}

fn print(part: &impl fmt::Display) -> String {
    let mut text = part.to_string();
    if text.len() > MAX_PRINTED {
        text.truncate(text.floor_char_boundary(MAX_PRINTED));
        text.push('…');
    }
    text
}
