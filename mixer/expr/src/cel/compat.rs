//! The attribute language's text with CEL's meaning: its tree, rewritten.
//!
//! `a | b | c` becomes `pick(a, b, c)` and a text that Go reads as a duration is one; all else is called
//! in CEL what it is called there.

use super::ast::{Form, INDEX, Literal, Node};
use crate::syntax::ast::{
    self as cexl, Comparison, Form as CexlForm, Literal as CexlLiteral, Operator,
};
use crate::{CompileError, MAX_DEPTH, Problem};

/// CEL's tree for the attribute language's.
pub(crate) fn rewrite(node: &cexl::Node) -> Result<Node, CompileError> {
    let at = node.at;
    let form = match &node.form {
        CexlForm::Literal { value, .. } => Form::Literal(match value {
            CexlLiteral::String(text) => Literal::Text(text.clone()),
            CexlLiteral::Int64(number) => Literal::Int(*number),
            CexlLiteral::Double(number) => Literal::Double(*number),
            CexlLiteral::Bool(truth) => Literal::Bool(*truth),
            CexlLiteral::Duration(span) => Literal::Duration(*span),
        }),
        CexlForm::Attribute(name) => {
            if name.split('.').count() > MAX_DEPTH {
                let problem = Problem::TooDeep { limit: MAX_DEPTH };
                return Err(CompileError { problem, offset: at });
            }
            attribute(at, name)
        }
        CexlForm::Operation(operator, operands) => {
            let operands = operands.iter().map(rewrite).collect::<Result<Vec<_>, _>>()?;
            return operation(node, *operator, operands);
        }
        CexlForm::Call { name, target, arguments } => Form::Call {
            name: name.clone(),
            target: target.as_deref().map(rewrite).transpose()?.map(Box::new),
            arguments: arguments.iter().map(rewrite).collect::<Result<_, _>>()?,
        },
    };
    Ok(Node { at, form })
}

fn attribute(at: usize, name: &str) -> Form {
    let mut segments = name.split('.');
    let first = Form::Name(segments.next().unwrap_or_default().to_owned());
    segments.fold(first, |form, field| Form::Select(Box::new(Node { at, form }), field.to_owned()))
}

fn operation(
    node: &cexl::Node,
    operator: Operator,
    operands: Vec<Node>,
) -> Result<Node, CompileError> {
    let name = match (operator, operands.len()) {
        (Operator::Either, _) => return Ok(either(node.at, operands)),
        (Operator::Index, _) => INDEX,
        (Operator::Or, _) => "_||_",
        (Operator::And, _) => "_&&_",
        (Operator::Compare(how), _) => match how {
            Comparison::Equal => "_==_",
            Comparison::NotEqual => "_!=_",
            Comparison::Less => "_<_",
            Comparison::LessOrEqual => "_<=_",
            Comparison::Greater => "_>_",
            Comparison::GreaterOrEqual => "_>=_",
        },
        // A plus sign is no operator of CEL.
        (Operator::Add, 1) => {
            let reason = "'+' stands between two operands".to_owned();
            let problem = Problem::Syntax { text: String::new(), line: 1, column: 1, reason };
            return Err(CompileError { problem, offset: node.at });
        }
        (Operator::Add, _) => "_+_",
        (Operator::Unknown("NOT"), 1) => "!_",
        (Operator::Unknown("SUB"), 1) => match negative(&operands) {
            Some(literal) => return Ok(Node { at: node.at, form: Form::Literal(literal) }),
            None => "-_",
        },
        (Operator::Unknown("SUB"), _) => "_-_",
        (Operator::Unknown("MUL"), 2) => "_*_",
        (Operator::Unknown("QUO"), _) => "_/_",
        (Operator::Unknown("REM"), _) => "_%_",
        (Operator::Unknown(name), _) => {
            let problem = Problem::UnknownFunction { name: name.to_owned(), nearest: None };
            return Err(CompileError { problem, offset: node.at });
        }
    };
    Ok(Node::call(node.at, name, operands))
}

/// A negative number, where a sign stands before one.
fn negative(operands: &[Node]) -> Option<Literal> {
    match operands {
        [Node { form: Form::Literal(Literal::Int(number)), .. }] => {
            Some(Literal::Int(number.checked_neg()?))
        }
        [Node { form: Form::Literal(Literal::Double(number)), .. }] => {
            Some(Literal::Double(-number))
        }
        _ => None,
    }
}

/// `pick` of all operands; those of operands that are `pick` themselves take their place.
fn either(at: usize, operands: Vec<Node>) -> Node {
    let mut options = Vec::with_capacity(operands.len());
    for operand in operands {
        match operand.form {
            Form::Call { name, target: None, arguments } if name == "pick" => {
                options.extend(arguments);
            }
            form => options.push(Node { at: operand.at, form }),
        }
    }
    Node::call(at, "pick", options)
}
