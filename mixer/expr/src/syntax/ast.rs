use std::fmt;

use mesh_attributes::Span;

/// A parsed expression with the place in the text where it starts.
///
/// Its depth is at most [`MAX_DEPTH`](crate::MAX_DEPTH), so recursion over it (dropping included) is
/// safe.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) form: Form,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    Literal {
        /// As written, for messages.
        source: String,
        value: Literal,
    },
    Attribute(String),
    /// One or more operands; more than two only for [`Operator::chains`], meaning `(a op b) op c`.
    Operation(Operator, Vec<Node>),
    Call {
        name: String,
        target: Option<Box<Node>>,
        arguments: Vec<Node>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    String(String),
    Int64(i64),
    Double(f64),
    Bool(bool),
    Duration(Span),
}

/// An operator of Go's grammar. Those that the language lacks parse too, so that the message about
/// them can say more than "syntax error".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Either,
    Add,
    Compare(Comparison),
    And,
    Or,
    Index,
    Unknown(&'static str),
}

impl Operator {
    /// The name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Either => "OR",
            Self::Add => "ADD",
            Self::Compare(how) => how.name(),
            Self::And => "LAND",
            Self::Or => "LOR",
            Self::Index => "INDEX",
            Self::Unknown(name) => name,
        }
    }

    /// The binary operator of `symbol` with its precedence, higher binding closer.
    pub(crate) fn binary(symbol: &str) -> Option<(Self, u8)> {
        Some(match symbol {
            "||" => (Self::Or, 1),
            "&&" => (Self::And, 2),
            "==" => (Self::Compare(Comparison::Equal), 3),
            "!=" => (Self::Compare(Comparison::NotEqual), 3),
            "<" => (Self::Compare(Comparison::Less), 3),
            "<=" => (Self::Compare(Comparison::LessOrEqual), 3),
            ">" => (Self::Compare(Comparison::Greater), 3),
            ">=" => (Self::Compare(Comparison::GreaterOrEqual), 3),
            "|" => (Self::Either, 4),
            "+" => (Self::Add, 4),
            "-" => (Self::Unknown("SUB"), 4),
            "^" => (Self::Unknown("XOR"), 4),
            "*" => (Self::Unknown("MUL"), 5),
            "/" => (Self::Unknown("QUO"), 5),
            "%" => (Self::Unknown("REM"), 5),
            "<<" => (Self::Unknown("SHL"), 5),
            ">>" => (Self::Unknown("SHR"), 5),
            "&" => (Self::Unknown("AND"), 5),
            "&^" => (Self::Unknown("AND_NOT"), 5),
            _ => return None,
        })
    }

    /// The unary operator of `symbol`. None of them is known to the language.
    pub(crate) fn unary(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "+" => Self::Add,
            "-" => Self::Unknown("SUB"),
            "!" => Self::Unknown("NOT"),
            "^" => Self::Unknown("XOR"),
            "&" => Self::Unknown("AND"),
            _ => return None,
        })
    }

    /// Whether a run of this operator is one node, so that a long list of terms is not a deep tree.
    pub(crate) fn chains(self) -> bool {
        matches!(self, Self::Or | Self::And | Self::Either | Self::Add)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// The name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Equal => "EQ",
            Self::NotEqual => "NEQ",
            Self::Less => "LT",
            Self::LessOrEqual => "LEQ",
            Self::Greater => "GT",
            Self::GreaterOrEqual => "GEQ",
        }
    }

    pub(crate) fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }

    /// In the words of messages.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Equal | Self::NotEqual => "equality",
            Self::Less => "less than",
            Self::LessOrEqual => "less or equal",
            Self::Greater => "greater than",
            Self::GreaterOrEqual => "greater or equal",
        }
    }
}

/// The prefix form of messages: `EQ($a.b, "x")`, `$s:startsWith("x")`.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Literal { source, .. } => f.write_str(source),
            Form::Attribute(name) => write!(f, "${name}"),
            Form::Operation(operator, operands) => Chain(*operator, operands).fmt(f),
            Form::Call { name, target, arguments } => {
                if let Some(target) = target {
                    write!(f, "{target}:")?;
                }
                write!(f, "{name}(")?;
                list(f, arguments)?;
                f.write_str(")")
            }
        }
    }
}

/// An operator on the first so many of its operands, as nested binary operations.
pub(crate) struct Chain<'n>(pub(crate) Operator, pub(crate) &'n [Node]);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(operator, operands) = self;
        let (first, rest) = operands.split_at(operands.len().min(2));
        for _ in rest {
            write!(f, "{}(", operator.name())?;
        }
        write!(f, "{}(", operator.name())?;
        list(f, first)?;
        f.write_str(")")?;
        for operand in rest {
            write!(f, ", {operand})")?;
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, nodes: &[Node]) -> fmt::Result {
    for (i, node) in nodes.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{node}")?;
    }
    Ok(())
}
