use std::fmt;
use std::sync::Arc;

use mesh_attributes::{AttributeName, Value, ValueType};
use thiserror::Error;

use crate::Address;

/// Why a text is not an expression that can run, and where in the text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct CompileError {
    /// What is wrong.
    pub problem: Problem,
    /// Where, in bytes from the start of the text; at most its length.
    pub offset: usize,
}

impl CompileError {
    /// The fault in the grammar of `text` at `offset`.
    pub(crate) fn syntax(text: &str, offset: usize, reason: String) -> Self {
        /// Longer expressions are not repeated in messages.
        const MAX_QUOTED: usize = 256;

        let before = &text[..offset];
        let line = 1 + before.matches('\n').count();
        let column = 1 + offset - before.rfind('\n').map_or(0, |at| at + 1);
        let text = if text.len() <= MAX_QUOTED { text.to_owned() } else { String::new() };
        Self { problem: Problem::Syntax { text, line, column, reason }, offset }
    }
}

/// What is wrong with an expression. Names and values in the texts are those of the expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// The text is longer than [`MAX_LENGTH`](crate::MAX_LENGTH).
    #[error("expression of {length} bytes is too long: {limit} at most")]
    TooLong {
        /// Bytes of the text.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Operators, calls or parentheses lie deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error("expression is nested too deeply: {limit} levels at most")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
    /// There is nothing in the text.
    #[error("empty expression")]
    Empty,
    /// The text does not follow the grammar.
    #[error("unable to parse expression{text}: {line}:{column}: {reason}", text = Quoted(.text))]
    Syntax {
        /// The expression, or nothing when it is too long to repeat.
        text: String,
        /// The line of the fault, from 1.
        line: usize,
        /// The byte of the fault in its line, from 1.
        column: usize,
        /// What was found and what was expected.
        reason: String,
    },
    /// No manifest declares the attribute.
    #[error("unknown attribute {name}{hint}", hint = Hint(.nearest))]
    UnknownAttribute {
        /// The name as written.
        name: String,
        /// The declared name that is most like it.
        nearest: Option<String>,
    },
    /// There is no such function, method or operator.
    #[error("unknown function: {name}{hint}", hint = Hint(.nearest))]
    UnknownFunction {
        /// The name as written; operators by their names, such as `QUO` for a division.
        name: String,
        /// The function that is most like it.
        nearest: Option<String>,
    },
    /// A method is called like a function.
    #[error("invoking instance method without an instance: {name}")]
    MethodWithoutTarget {
        /// The method.
        name: String,
    },
    /// A function is called like a method.
    #[error("invoking regular function on instance method: {name}")]
    FunctionWithTarget {
        /// The function.
        name: String,
    },
    /// Too few or too many arguments.
    #[error("{call} arity mismatch. Got {got} arg(s), expected {expected} arg(s)")]
    Arity {
        /// The call in prefix form.
        call: String,
        /// Arguments written.
        got: usize,
        /// Arguments of the function.
        expected: usize,
    },
    /// An argument has the wrong type.
    #[error("{call} arg {index} ({argument}) typeError got {got}, expected {expected}", got = .got.name(), expected = .expected.name())]
    ArgumentType {
        /// The call in prefix form.
        call: String,
        /// Which argument, from 1.
        index: usize,
        /// The argument in prefix form.
        argument: String,
        /// Its type.
        got: ValueType,
        /// The type the function takes.
        expected: ValueType,
    },
    /// The target of a method has the wrong type.
    #[error("{call} target typeError got {got}, expected {expected}", got = .got.name(), expected = .expected.name())]
    TargetType {
        /// The call in prefix form.
        call: String,
        /// The type of the target.
        got: ValueType,
        /// The type the method is for.
        expected: ValueType,
    },
    /// The operator has no meaning for the type of its operands.
    #[error("{operation} for type not yet implemented: {operands} in {call}", operands = .operands.name())]
    NotImplemented {
        /// The call in prefix form.
        call: String,
        /// The operator in words.
        operation: &'static str,
        /// The type of its operands.
        operands: ValueType,
    },
    /// CEL: no manifest declares an attribute that begins so.
    #[error("undeclared reference to '{name}' (in container ''){hint}", hint = Hint(.nearest))]
    UndeclaredReference {
        /// The first segment of the name, or the function.
        name: String,
        /// What is declared and most like it.
        nearest: Option<String>,
    },
    /// CEL: no manifest declares an attribute that goes on so.
    #[error("undefined field '{field}' of {of}{hint}", hint = Hint(.nearest))]
    UndefinedField {
        /// The first segment that leads nowhere.
        field: String,
        /// What is before it.
        of: String,
        /// The declared name that is most like the whole.
        nearest: Option<String>,
    },
    /// CEL: a field is selected of what has none.
    #[error("type '{of}' does not support field selection: '{field}'")]
    NoFields {
        /// The type.
        of: String,
        /// The field.
        field: String,
    },
    /// CEL: the function or operator does not take operands of these types.
    #[error("found no matching overload for '{name}' applied to '{operands}'")]
    NoOverload {
        /// The function, or the operator in CEL's form such as `_==_`.
        name: String,
        /// The types, such as `(string, int)`.
        operands: String,
    },
    /// CEL: a macro is called with what it does not take.
    #[error("invalid argument to {name}(): {expected}")]
    Macro {
        /// The macro.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// CEL: the language has it and expressions over attributes do not.
    #[error("{what} is not available: {instead}")]
    Unavailable {
        /// What was used.
        what: String,
        /// What to do about it.
        instead: &'static str,
    },
    /// CEL: the expression yields what no attribute and no field can be.
    #[error("expression is of type {of}, which no attribute or field can have")]
    ResultType {
        /// The type.
        of: String,
    },
    /// A constant pattern of `matches` is no regular expression of RE2, or needs too much memory.
    #[error("error parsing regexp '{pattern}': {reason}")]
    Regex {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a well-typed expression has no value for this bag.
///
/// Building one for an absent attribute costs no allocation: rules that do not apply fail so.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EvalError {
    /// The bag lacks an attribute that is read plainly.
    #[error("lookup failed: '{0}'")]
    Absent(AttributeName),
    /// The bag's value is of another type than the one declared.
    #[error("{0}")]
    WrongType(Box<WrongType>),
    /// The text is not an IP address.
    #[error("could not convert {0} to IP_ADDRESS")]
    Ip(Box<str>),
    /// The text is not a time of RFC 3339.
    #[error("could not convert '{0}' to TIMESTAMP. expected format: '2006-01-02T15:04:05Z07:00'")]
    Timestamp(Box<str>),
    /// The text is not a domain name.
    #[error(
        "error converting '{0}' to dns name: 'a label is empty, too long or holds what IDNA forbids'"
    )]
    DnsName(Box<str>),
    /// The text is not an e-mail address.
    #[error(
        "error converting '{0}' to e-mail: 'not an address without display name at a valid domain'"
    )]
    Email(Box<str>),
    /// The text of a URI is empty.
    #[error("error converting string to uri: empty string")]
    EmptyUri,
    /// The text is not a URI.
    #[error("error converting string to uri '{}': '{}'", .0.0, .0.1)]
    Uri(Box<(Box<str>, &'static str)>),
    /// The text is not a regular expression of RE2, or one that needs too much memory.
    #[error("error parsing regexp '{}': {}", .0.0, .0.1)]
    Regex(Box<(Box<str>, String)>),
    /// CEL: the map lacks the key, or there is no such map.
    #[error("no such key: '{0}'")]
    NoSuchKey(Arc<str>),
    /// CEL: the list has no such place.
    #[error("index out of range: {0}")]
    OutOfRange(i64),
    /// CEL: division by zero.
    #[error("divide by zero")]
    DivideByZero,
    /// CEL: the remainder of a division by zero.
    #[error("modulus by zero")]
    ModulusByZero,
    /// CEL: the outcome does not fit its type.
    #[error("{0} is out of range")]
    Overflow(&'static str),
    /// CEL: the value has no form in the other type.
    #[error("could not convert '{}' to {}", .0.0, .0.1)]
    Conversion(Box<(Box<str>, &'static str)>),
    /// CEL: maps are looked into by key alone.
    #[error("{0}")]
    WholeMap(&'static str),
    /// A truth was asked of an expression of another type.
    #[error("expression is of type {type_name}, not BOOL", type_name = .0.name())]
    NotBool(ValueType),
    /// A computed text would be longer than the limit.
    #[error(
        "text of more than {limit} bytes in an expression: are the attributes joined by '+' that long?"
    )]
    TextTooLong {
        /// Bytes allowed.
        limit: usize,
    },
}

/// An attribute whose value is of another type than the one declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongType {
    /// The attribute.
    pub name: AttributeName,
    /// The types that would do, in words.
    pub expected: &'static str,
    /// What the bag holds, as text.
    pub value: String,
}

impl WrongType {
    pub(crate) fn error(
        name: &AttributeName,
        expected: &'static str,
        value: Value<'_>,
    ) -> EvalError {
        let value = match value {
            Value::String(v) => excerpt(v).into(),
            Value::Int64(v) => v.to_string(),
            Value::Double(v) => v.to_string(),
            Value::Bool(v) => v.to_string(),
            Value::Timestamp(v) => format!("timestamp {}.{:09}", v.seconds, v.nanos),
            Value::Duration(v) => format!("{}ns", v.as_nanos()),
            Value::Bytes(v) => Address::Borrowed(v).to_string(),
            Value::StringMap(_) => "map".to_owned(),
        };
        EvalError::WrongType(Box::new(Self { name: name.clone(), expected, value }))
    }
}

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected, value } = self;
        write!(f, "error converting value to {expected}: '{value}' (attribute {name})")
    }
}

/// The start of `text`, which may come from a client and be of any length.
pub(crate) fn excerpt(text: &str) -> Box<str> {
    /// Enough for any value that is meant seriously.
    const MAX_EXCERPT: usize = 256;
    text[..text.floor_char_boundary(MAX_EXCERPT)].into()
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " '{}'", self.0) }
    }
}

struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, " (did you mean {name}?)"),
            None => Ok(()),
        }
    }
}
