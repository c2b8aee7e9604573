//! What a checked CEL expression becomes.

use std::borrow::Cow;
use std::sync::Arc;

use mesh_attributes::{AttributeName, Bag, KeyState, Value as Held, ValueType};
use regex::Regex;
use smallvec::SmallVec;

use super::arithmetic::Arithmetic;
use super::calls::Function;
use super::value::{Map, Value};
use crate::format::Format;
use crate::syntax::ast::Comparison;
use crate::{Address, EvalError, WrongType, error};

/// A step of a program. The checker builds them, so operands are of the types that the step takes.
pub(crate) enum Op {
    Constant(Value<'static>),
    /// An attribute; absence reads as the zero of its type.
    Attribute(AttributeName, ValueType),
    /// `has(a.b)`.
    Present(AttributeName),
    /// `map[key]`.
    Lookup(Box<Lookup>),
    /// `key in map`.
    HasKey(Box<Lookup>),
    /// `list[place]`.
    Place(Box<(Self, Self)>),
    /// `element in list`.
    Member(Box<(Self, Self)>),
    List(Box<[Self]>),
    Map(Box<[(Self, Self)]>),
    /// `pick(a, b, c)`: the first that is present; all but the last are attributes and look-ups.
    Pick(Box<[Self]>),
    Conditional(Box<[Self; 3]>),
    /// `&&`: false if one is, whatever the others do.
    All(Box<[Self]>),
    /// `||`: true if one is, whatever the others do.
    Any(Box<[Self]>),
    Compare(Comparison, Box<(Self, Self)>),
    /// An operator on the first two operands, then on the outcome and the third, and so on.
    Fold(Arithmetic, Box<[Self]>),
    Matches(Box<(Self, Regex)>),
    Call(Function, Box<[Self]>),
}

pub(crate) struct Lookup {
    pub(crate) map: Op,
    pub(crate) key: Key,
}

pub(crate) enum Key {
    /// Shared with the error about its absence, which so costs no allocation.
    Constant(Arc<str>),
    Computed(Op),
}

impl Op {
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    pub(crate) fn eval<'a, B: Bag + ?Sized>(&'a self, bag: &'a B) -> Result<Value<'a>, EvalError> {
        match self {
            Self::Constant(value) => Ok(value.borrow()),
            Self::Attribute(name, of) => match bag.get(name) {
                Some(held) => accept(name, *of, held),
                None => Ok(Value::zero(*of)),
            },
            Self::Lookup(lookup) => match lookup.find(bag)? {
                Ok(text) => Ok(Value::Text(text)),
                Err(key) => Err(EvalError::NoSuchKey(key)),
            },
            Self::Place(operands) => place(&operands.0, &operands.1, bag),
            Self::List(elements) => {
                let elements: Result<_, _> = elements.iter().map(|e| e.eval(bag)).collect();
                elements.map(Value::List)
            }
            Self::Map(entries) => map(entries, bag),
            Self::Pick(options) => pick(options, bag),
            Self::Conditional(operands) => {
                let [condition, then, otherwise] = &**operands;
                if condition.truth(bag)? { then } else { otherwise }.eval(bag)
            }
            Self::Fold(operator, operands) => operator.fold(operands, bag),
            Self::Call(function, arguments) => call(*function, arguments, bag),
            Self::Present(_)
            | Self::HasKey(_)
            | Self::Member(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Compare(..)
            | Self::Matches(_) => self.truth(bag).map(Value::Bool),
        }
    }

    /// The truth of an operand of type bool.
    pub(crate) fn truth<B: Bag + ?Sized>(&self, bag: &B) -> Result<bool, EvalError> {
        match self {
            Self::Constant(Value::Bool(truth)) => Ok(*truth),
            Self::Attribute(name, of) => match bag.get(name) {
                Some(Held::Bool(truth)) => Ok(truth),
                Some(held) => Err(WrongType::error(name, expected(*of), held)),
                None => Ok(false),
            },
            Self::Present(name) => Ok(bag.get(name).is_some()),
            Self::HasKey(lookup) => Ok(lookup.find(bag)?.is_ok()),
            Self::Member(operands) => member(&operands.0, &operands.1, bag),
            Self::All(terms) => settled(terms, false, bag).map(|is_false| !is_false),
            Self::Any(terms) => settled(terms, true, bag),
            Self::Compare(how, operands) => compare(*how, &operands.0, &operands.1, bag),
            Self::Matches(operands) => Ok(operands.1.is_match(&operands.0.text(bag)?)),
            other => match other.eval(bag)? {
                Value::Bool(truth) => Ok(truth),
                other => unreachable!("a truth was checked, {other:?} came"),
            },
        }
    }

    /// A text that is simply there, as in the attribute language: `None` leaves the matter to
    /// [`Self::eval`], which reads the same again.
    #[inline]
    fn text_at_hand<'a, B: Bag + ?Sized>(&'a self, bag: &'a B) -> Option<&'a str> {
        match self {
            Self::Constant(Value::Text(text)) => Some(text),
            Self::Attribute(name, ValueType::String) => match bag.get(name) {
                Some(Held::String(text)) => Some(text),
                _ => None,
            },
            Self::Lookup(lookup) => match (&lookup.map, &lookup.key) {
                (Self::Attribute(name, _), Key::Constant(key)) => match bag.get_key(name, key) {
                    KeyState::Value(text) => Some(text),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    fn text<'a, B: Bag + ?Sized>(&'a self, bag: &'a B) -> Result<Cow<'a, str>, EvalError> {
        match self.eval(bag)? {
            Value::Text(text) => Ok(text),
            other => unreachable!("a text was checked, {other:?} came"),
        }
    }

    /// The value of an attribute or a look-up, unless it is absent.
    fn eval_if_present<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Option<Value<'a>>, EvalError> {
        match self {
            Self::Attribute(name, of) => {
                bag.get(name).map(|held| accept(name, *of, held)).transpose()
            }
            Self::Lookup(lookup) => Ok(lookup.find(bag)?.ok().map(Value::Text)),
            other => other.eval(bag).map(Some),
        }
    }
}

impl Lookup {
    /// The value, or the key when there is none. A constant key of an attribute is read at once; else
    /// the map comes first.
    fn find<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Result<Cow<'a, str>, Arc<str>>, EvalError> {
        if let (Op::Attribute(name, _), Key::Constant(key)) = (&self.map, &self.key) {
            return match bag.get_key(name, key) {
                KeyState::Value(text) => Ok(Ok(Cow::Borrowed(text))),
                KeyState::KeyAbsent | KeyState::MapAbsent => Ok(Err(Arc::clone(key))),
                KeyState::NotAMap => {
                    let value = bag.get(name).unwrap_or(Held::String(""));
                    Err(WrongType::error(name, "string map", value))
                }
            };
        }
        let Value::Map(map) = self.map.eval(bag)? else { unreachable!("a map was checked") };
        Ok(match &self.key {
            Key::Constant(key) => map.get(key, bag).ok_or_else(|| Arc::clone(key)),
            Key::Computed(key) => {
                let key = key.text(bag)?;
                map.get(&key, bag).ok_or_else(|| error::excerpt(&key).into())
            }
        })
    }
}

/// Whether one of the terms is `wanted`, which settles the matter: an error counts only if none is.
fn settled<B: Bag + ?Sized>(terms: &[Op], wanted: bool, bag: &B) -> Result<bool, EvalError> {
    let mut failed = None;
    for term in terms {
        match term.truth(bag) {
            Ok(truth) if truth == wanted => return Ok(true),
            Ok(_) => {}
            Err(cause) => failed = failed.or(Some(cause)),
        }
    }
    failed.map_or(Ok(false), Err)
}

fn compare<B: Bag + ?Sized>(
    how: Comparison,
    left: &Op,
    right: &Op,
    bag: &B,
) -> Result<bool, EvalError> {
    if let Some(text) = left.text_at_hand(bag)
        && let Some(other) = right.text_at_hand(bag)
    {
        return Ok(how.holds_for_texts(text, other));
    }
    let left = left.eval(bag)?;
    left.compares(how, &right.eval(bag)?)
}

fn call<'a, B: Bag + ?Sized>(
    function: Function,
    arguments: &'a [Op],
    bag: &'a B,
) -> Result<Value<'a>, EvalError> {
    let mut values = SmallVec::<[Value<'a>; 2]>::new();
    for argument in arguments {
        values.push(argument.eval(bag)?);
    }
    function.call(&mut values)
}

fn pick<'a, B: Bag + ?Sized>(options: &'a [Op], bag: &'a B) -> Result<Value<'a>, EvalError> {
    let Some((last, others)) = options.split_last() else { unreachable!("pick has options") };
    for option in others {
        if let Some(value) = option.eval_if_present(bag)? {
            return Ok(value);
        }
    }
    last.eval(bag)
}

/// All elements are evaluated, as of any list. A list that is written out is never put together.
fn member<B: Bag + ?Sized>(element: &Op, list: &Op, bag: &B) -> Result<bool, EvalError> {
    let element = element.eval(bag)?;
    let mut found = false;
    if let Op::List(others) = list {
        for other in others {
            found |= element.equals(&other.eval(bag)?)?;
        }
        return Ok(found);
    }
    let Value::List(others) = list.eval(bag)? else { unreachable!("a list was checked") };
    for other in &others {
        found |= element.equals(other)?;
    }
    Ok(found)
}

fn place<'a, B: Bag + ?Sized>(
    list: &'a Op,
    place: &'a Op,
    bag: &'a B,
) -> Result<Value<'a>, EvalError> {
    let (Value::List(mut elements), Value::Int(place)) = (list.eval(bag)?, place.eval(bag)?) else {
        unreachable!("a list and an integer were checked")
    };
    match usize::try_from(place) {
        Ok(at) if at < elements.len() => Ok(elements.swap_remove(at)),
        _ => Err(EvalError::OutOfRange(place)),
    }
}

fn map<'a, B: Bag + ?Sized>(entries: &'a [(Op, Op)], bag: &'a B) -> Result<Value<'a>, EvalError> {
    let mut map = std::collections::BTreeMap::new();
    for (key, value) in entries {
        map.insert(key.text(bag)?.into_owned(), value.text(bag)?.into_owned());
    }
    Ok(Value::Map(Map::Made(Cow::Owned(map))))
}

fn accept<'a>(
    name: &'a AttributeName,
    of: ValueType,
    held: Held<'a>,
) -> Result<Value<'a>, EvalError> {
    Ok(match (of, held) {
        (ValueType::String, Held::String(text)) => Value::Text(Cow::Borrowed(text)),
        (ValueType::Int64, Held::Int64(number)) => Value::Int(number),
        (ValueType::Double, Held::Double(number)) => Value::Double(number),
        (ValueType::Bool, Held::Bool(truth)) => Value::Bool(truth),
        (ValueType::Timestamp, Held::Timestamp(at)) => Value::Timestamp(at),
        (ValueType::Duration, Held::Duration(span)) => Value::Duration(span),
        (ValueType::IpAddress, Held::Bytes(bytes)) => Value::Address(Address::Borrowed(bytes)),
        (ValueType::StringMap, Held::StringMap(_)) => Value::Map(Map::Attribute(name)),
        (of, held) => match (Format::of(of), held) {
            (Some(format), Held::String(text)) => Value::Formatted(format, Cow::Borrowed(text)),
            _ => return Err(WrongType::error(name, expected(of), held)),
        },
    })
}

/// The types that would do, in the words of the attribute language.
fn expected(of: ValueType) -> &'static str {
    match of {
        ValueType::Int64 | ValueType::Duration => "integer or duration",
        ValueType::Double => "double",
        ValueType::Bool => "bool",
        ValueType::Timestamp => "timestamp",
        ValueType::IpAddress => "ip address",
        ValueType::StringMap => "string map",
        _ => "string",
    }
}
