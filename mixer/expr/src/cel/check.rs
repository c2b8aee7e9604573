//! From CEL's tree to a program: names are resolved, types checked and constants computed.

use std::borrow::Cow;

use mesh_attributes::{AttributeName, ValueType};

use super::ast::{CONDITIONAL, Form, INDEX, Literal, Node};
use super::calls::{Function, NoBag};
use super::overloads::{self, FUNCTIONS};
use super::path::{is_prefix, segments};
use super::program::{Key, Lookup, Op};
use super::types::Type;
use super::value::Value;
use crate::program::{matches, re2};
use crate::types::nearest;
use crate::{AttributeTypes, CompileError, Problem, error};

/// An operation and what it yields.
type Checked = Result<(Op, Type), CompileError>;

/// The program of `node` and the type of its outcome.
pub(crate) fn check(
    node: &Node,
    types: &dyn AttributeTypes,
) -> Result<(Op, ValueType), CompileError> {
    let (op, of) = Checker { types }.check(node)?;
    match of.value_type() {
        Some(value_type) => Ok((op, value_type)),
        None => Err(fault(node, Problem::ResultType { of: of.to_string() })),
    }
}

struct Checker<'t> {
    types: &'t dyn AttributeTypes,
}

fn fault(node: &Node, problem: Problem) -> CompileError {
    CompileError { problem, offset: node.at }
}

impl Checker<'_> {
    fn check(&self, node: &Node) -> Checked {
        match &node.form {
            Form::Literal(literal) => Ok(constant(literal)),
            Form::Name(_) | Form::Select(..) => self.path(node),
            Form::List(elements) => self.list(node, elements),
            Form::Map(entries) => self.map(node, entries),
            Form::Call { name, target: None, arguments } => self.call(node, name, arguments),
            Form::Call { name, target: Some(target), arguments } => {
                self.method(node, name, target, arguments)
            }
        }
    }

    fn all(&self, nodes: &[Node]) -> Result<(Vec<Op>, Vec<Type>), CompileError> {
        let checked: Result<Vec<_>, _> = nodes.iter().map(|node| self.check(node)).collect();
        Ok(checked?.into_iter().unzip())
    }

    fn call(&self, node: &Node, name: &str, arguments: &[Node]) -> Checked {
        match (name, arguments) {
            ("has", [of]) => return self.has(of),
            ("has", _) => return Err(not_a_field(node)),
            ("pick", _) => return self.pick(node, arguments),
            ("dyn" | "type", _) => {
                let instead = "the type of every value is known from its attributes";
                let what = format!("{name}()");
                return Err(fault(node, Problem::Unavailable { what, instead }));
            }
            _ => {}
        }
        let (mut ops, types) = self.all(arguments)?;
        let no_overload = |name: &str, types: &[Type]| {
            let (name, operands) = (error::excerpt(name).into(), listed(types));
            Err(fault(node, Problem::NoOverload { name, operands }))
        };
        match (name, ops.len()) {
            ("_&&_" | "_||_", _) => {
                if types.iter().any(|of| *of != Type::Bool) {
                    return no_overload(name, &types);
                }
                let ops = ops.into();
                let op = if name == "_&&_" { Op::All(ops) } else { Op::Any(ops) };
                Ok((op, Type::Bool))
            }
            (CONDITIONAL | "conditional", 3) => {
                let of = types[1].join(&types[2]);
                let (Type::Bool, Some(of)) = (&types[0], of) else {
                    return no_overload(CONDITIONAL, &types);
                };
                let operands: [Op; 3] = match ops.try_into() {
                    Ok(operands) => operands,
                    Err(_) => unreachable!("three were counted"),
                };
                Ok((Op::Conditional(Box::new(operands)), of))
            }
            ("!_" | "-_", 1) => {
                let function = match (name, &types[0]) {
                    ("!_", Type::Bool) => Function::Not,
                    ("-_", Type::Int | Type::Double) => Function::Negate,
                    _ => return no_overload(name, &types),
                };
                let [of] = <[Type; 1]>::try_from(types).unwrap_or([Type::Bool]);
                Ok((folded(Op::Call(function, ops.into())), of))
            }
            (INDEX, 2) => {
                let (Some(key), Some(container)) = (ops.pop(), ops.pop()) else {
                    unreachable!("two were counted")
                };
                match (&types[0], &types[1]) {
                    (Type::Map, Type::Text) => Ok((lookup(container, key), Type::Text)),
                    (Type::List(Some(of)), Type::Int) => {
                        Ok((Op::Place(Box::new((container, key))), (**of).clone()))
                    }
                    _ => no_overload(name, &types),
                }
            }
            ("_in_", 2) => {
                let (Some(container), Some(element)) = (ops.pop(), ops.pop()) else {
                    unreachable!("two were counted")
                };
                let op = match (&types[0], &types[1]) {
                    (Type::Text, Type::Map) => {
                        Op::HasKey(Box::new(Lookup { map: container, key: as_key(element) }))
                    }
                    (_, Type::List(None)) => Op::Member(Box::new((element, container))),
                    (of, Type::List(Some(elements))) if of.join(elements).is_some() => {
                        Op::Member(Box::new((element, container)))
                    }
                    _ => return no_overload(name, &types),
                };
                Ok((op, Type::Bool))
            }
            (_, 2..) if overloads::is_arithmetic(name) => {
                let mut of = types[0].clone();
                let mut operator = None;
                for (at, right) in types.iter().enumerate().skip(1) {
                    let Some((found, outcome)) = overloads::arithmetic(name, &of, right) else {
                        return match self.check(&arguments[at]) {
                            Ok(_) => no_overload(name, &[of, right.clone()]),
                            Err(cause) => Err(cause),
                        };
                    };
                    operator = Some(found);
                    of = outcome;
                }
                match operator {
                    Some(operator) => Ok((folded(Op::Fold(operator, ops.into())), of)),
                    None => no_overload(name, &types),
                }
            }
            (_, 2) if overloads::is_comparison(name) => {
                let Some(how) = overloads::comparison(name, &types[0], &types[1]) else {
                    return no_overload(name, &types);
                };
                let (Some(right), Some(left)) = (ops.pop(), ops.pop()) else {
                    unreachable!("two were counted")
                };
                Ok((folded(Op::Compare(how, Box::new((left, right)))), Type::Bool))
            }
            _ => self.function(node, name, None, ops, &types),
        }
    }

    fn method(&self, node: &Node, name: &str, target: &Node, arguments: &[Node]) -> Checked {
        if matches!(name, "all" | "exists" | "exists_one" | "map" | "filter") {
            let instead = "expressions have no loops; single keys are asked for by m[k] and in";
            let what = format!("the macro {name}()");
            return Err(fault(node, Problem::Unavailable { what, instead }));
        }
        if matches!(name, "conditional" | "pick" | "has") {
            let name = name.to_owned();
            return Err(fault(node, Problem::FunctionWithTarget { name }));
        }
        let (op, of) = self.check(target)?;
        let (ops, types) = self.all(arguments)?;
        let ops = std::iter::once(op).chain(ops).collect();
        self.function(node, name, Some(of), ops, &types)
    }

    /// A function of `ops`, of which the first is of the type `target` if there is one.
    fn function(
        &self,
        node: &Node,
        name: &str,
        target: Option<Type>,
        mut ops: Vec<Op>,
        types: &[Type],
    ) -> Checked {
        let all: Vec<Type> = target.iter().chain(types).cloned().collect();
        let is_known = match overloads::function(name, target.is_some(), &all) {
            Ok((Function::Matches, of)) => match &ops[1] {
                Op::Constant(Value::Text(pattern)) => {
                    let compiled = re2::compile(pattern, matches::MAX_CONSTANT);
                    let pattern = compiled.map_err(|reason| {
                        let pattern = error::excerpt(pattern).into();
                        fault(node, Problem::Regex { pattern, reason })
                    })?;
                    let text = ops.swap_remove(0);
                    return Ok((folded(Op::Matches(Box::new((text, pattern)))), of));
                }
                _ => return Ok((Op::Call(Function::Matches, ops.into()), of)),
            },
            Ok((function, of)) => return Ok((folded(Op::Call(function, ops.into())), of)),
            Err(is_known) => is_known,
        };
        let exists_otherwise = overloads::function(name, target.is_none(), &[]) != Err(false);
        let name = error::excerpt(name).into_string();
        Err(fault(
            node,
            if exists_otherwise && !is_known {
                match target {
                    Some(_) => Problem::FunctionWithTarget { name },
                    None => Problem::MethodWithoutTarget { name },
                }
            } else if is_known {
                let target = target.map(|of| format!("{of}.")).unwrap_or_default();
                Problem::NoOverload { name, operands: format!("{target}{}", listed(types)) }
            } else {
                let nearest = nearest(&name, FUNCTIONS.into_iter());
                Problem::UndeclaredReference { name, nearest }
            },
        ))
    }

    /// A dotted name, or a field of anything else.
    fn path(&self, node: &Node) -> Checked {
        let Some(segments) = segments(node) else {
            let Form::Select(operand, field) = &node.form else {
                unreachable!("a name has segments")
            };
            let (op, of) = self.check(operand)?;
            return self.field(node, op, &of, field);
        };
        for count in (1..=segments.len()).rev() {
            let name = segments[..count].join(".");
            if let Some(value_type) = self.types.value_type(&name) {
                let mut checked =
                    (Op::Attribute(AttributeName::new(&name), value_type), Type::of(value_type));
                for field in &segments[count..] {
                    checked = self.field(node, checked.0, &checked.1, field)?;
                }
                return Ok(checked);
            }
        }
        let name = segments.join(".");
        if is_prefix(&name, self.types) {
            // Never evaluated: nothing takes an operand of this type.
            return Ok((Op::Constant(Value::Bool(true)), Type::Prefix(name)));
        }
        let known = (1..segments.len())
            .rev()
            .find(|count| is_prefix(&segments[..*count].join("."), self.types));
        let nearest = nearest(&name, self.types.names());
        Err(fault(
            node,
            match known {
                Some(count) => Problem::UndefinedField {
                    field: error::excerpt(segments[count]).into(),
                    of: segments[..count].join("."),
                    nearest,
                },
                None => {
                    let name = error::excerpt(segments[0]).into();
                    Problem::UndeclaredReference { name, nearest }
                }
            },
        ))
    }

    /// A key of a map, written like a field.
    fn field(&self, node: &Node, op: Op, of: &Type, field: &str) -> Checked {
        if *of == Type::Map {
            return Ok((lookup(op, text(field)), Type::Text));
        }
        let (of, field) = (of.to_string(), error::excerpt(field).into());
        Err(fault(node, Problem::NoFields { of, field }))
    }

    fn has(&self, node: &Node) -> Checked {
        let Form::Select(operand, field) = &node.form else { return Err(not_a_field(node)) };
        if let Some(segments) = segments(node) {
            let name = segments.join(".");
            if self.types.value_type(&name).is_some() {
                return Ok((Op::Present(AttributeName::new(&name)), Type::Bool));
            }
            if is_prefix(&name, self.types) {
                return Ok((Op::Constant(Value::Bool(true)), Type::Bool));
            }
        }
        let (map, of) = self.check(operand)?;
        match of {
            Type::Map => {
                let key = as_key(text(field));
                Ok((Op::HasKey(Box::new(Lookup { map, key })), Type::Bool))
            }
            // Says which field is undefined.
            Type::Prefix(_) => self.path(node),
            of => self.field(node, map, &of, field),
        }
    }

    /// `pick(a, b, c)`. Presence is a question for dotted names and keys of maps: anything else is
    /// there, and what follows it is not looked at.
    fn pick(&self, node: &Node, options: &[Node]) -> Checked {
        let mut ops = Vec::new();
        let mut joined: Option<Type> = None;
        for (at, option) in options.iter().enumerate() {
            if option.arguments_of("has").is_some() && at + 1 < options.len() {
                let expected = "has() answers whether something is there, and pick() asks that";
                return Err(fault(option, Problem::Macro { name: "pick", expected }));
            }
            let (op, of) = self.check(option)?;
            let can_lack = match &option.form {
                Form::Select(..) => matches!(op, Op::Attribute(..) | Op::Lookup(_)),
                _ => option.arguments_of(INDEX).is_some() && matches!(op, Op::Lookup(_)),
            };
            joined = match joined {
                None => Some(of),
                Some(before) => match before.join(&of) {
                    Some(of) => Some(of),
                    None => {
                        let operands = listed(&[Type::Bool, before, of]);
                        let name = CONDITIONAL.to_owned();
                        return Err(fault(option, Problem::NoOverload { name, operands }));
                    }
                },
            };
            ops.push(op);
            if !can_lack {
                break;
            }
        }
        let Some(of) = joined else {
            let expected = "at least one value";
            return Err(fault(node, Problem::Macro { name: "pick", expected }));
        };
        let op = if ops.len() > 1 { Op::Pick(ops.into()) } else { ops.swap_remove(0) };
        Ok((op, of))
    }

    fn list(&self, node: &Node, elements: &[Node]) -> Checked {
        let (ops, types) = self.all(elements)?;
        let mut of: Option<Type> = None;
        for element in types {
            let joined = match (&of, element) {
                (_, Type::Prefix(name)) => Err(format!("a list of .{name}")),
                (None, element) => Ok(element),
                (Some(before), element) => {
                    before.join(&element).ok_or_else(|| format!("a list of {before} and {element}"))
                }
            };
            of = Some(joined.map_err(|what| {
                let instead = "elements are values, and all of one type";
                fault(node, Problem::Unavailable { what, instead })
            })?);
        }
        Ok((Op::List(ops.into()), Type::List(of.map(Box::new))))
    }

    fn map(&self, node: &Node, entries: &[(Node, Node)]) -> Checked {
        let mut ops = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let ((key, key_type), (value, value_type)) = (self.check(key)?, self.check(value)?);
            if key_type != Type::Text || value_type != Type::Text {
                let what = format!("a map({key_type}, {value_type})");
                let instead = "keys and values of maps are strings";
                return Err(fault(node, Problem::Unavailable { what, instead }));
            }
            ops.push((key, value));
        }
        Ok((Op::Map(ops.into()), Type::Map))
    }
}

fn not_a_field(node: &Node) -> CompileError {
    let expected = "a dotted name, or a key of a map written like one";
    fault(node, Problem::Macro { name: "has", expected })
}

fn constant(literal: &Literal) -> (Op, Type) {
    let (value, of) = match literal {
        Literal::Bool(truth) => (Value::Bool(*truth), Type::Bool),
        Literal::Int(number) => (Value::Int(*number), Type::Int),
        Literal::Uint(number) => (Value::Uint(*number), Type::Uint),
        Literal::Double(number) => (Value::Double(*number), Type::Double),
        Literal::Text(text) => (Value::Text(Cow::Owned(text.clone())), Type::Text),
        Literal::Bytes(bytes) => (Value::Bytes(Cow::Owned(bytes.clone())), Type::Bytes),
        Literal::Duration(span) => (Value::Duration(*span), Type::Duration),
    };
    (Op::Constant(value), of)
}

fn text(text: &str) -> Op {
    Op::Constant(Value::Text(Cow::Owned(text.to_owned())))
}

fn lookup(map: Op, key: Op) -> Op {
    Op::Lookup(Box::new(Lookup { map, key: as_key(key) }))
}

fn as_key(key: Op) -> Key {
    match key {
        Op::Constant(Value::Text(text)) => Key::Constant((&*text).into()),
        key => Key::Computed(key),
    }
}

/// The operation, or its outcome when that is known now. One that fails is left to fail when it is
/// reached: a branch that never runs harms nobody.
fn folded(op: Op) -> Op {
    let is_constant = match &op {
        Op::Call(_, operands) | Op::Fold(_, operands) => operands.iter().all(Op::is_constant),
        Op::Compare(_, operands) => operands.0.is_constant() && operands.1.is_constant(),
        Op::Matches(operands) => operands.0.is_constant(),
        _ => false,
    };
    if !is_constant {
        return op;
    }
    let outcome = op.eval(&NoBag).ok().and_then(Value::into_constant);
    outcome.map_or(op, Op::Constant)
}

fn listed(types: &[Type]) -> String {
    let types: Vec<String> = types.iter().map(Type::to_string).collect();
    format!("({})", types.join(", "))
}
