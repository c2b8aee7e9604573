//! A small policy language with the traits that caching can get wrong: short circuit, defaults,
//! absence and wrong types as errors, a missing key read as "", maps used whole.

use mesh_attributes::{AttributeName, Bag, KeyState, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::bags::{KEYS, MAPS, NUMBER, TEXTS, WORDS};

/// Rules in order; the first that matches decides.
pub(crate) type Rules = Vec<Rule>;

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    when: Expression,
    /// What the denial shows; a denial whose text cannot be evaluated fails the request.
    shows: Option<Operand>,
}

#[derive(Debug, Clone)]
enum Expression {
    Equals(Operand, &'static str),
    NumberIs(i64),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

#[derive(Debug, Clone)]
enum Operand {
    Text(&'static str),
    Key(&'static str, &'static str),
    /// All entries of a map.
    Whole(&'static str),
    /// A key of a map that was fetched as a value, as an argument of a function is.
    KeyOfValue(&'static str, &'static str),
    Literal(&'static str),
    /// The first, or the second where that is absent.
    Default(Box<Self>, Box<Self>),
}

/// Why an operand has no value.
enum Failure {
    Absent,
    WrongType,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Allowed,
    Denied { rule: usize, text: String },
    Failed { rule: usize },
}

/// The answer of `rules` to `bag`. A rule whose condition fails is passed over.
pub(crate) fn evaluate(rules: &Rules, bag: &impl Bag) -> Answer {
    for (index, rule) in rules.iter().enumerate() {
        if rule.when.eval(bag).is_ok_and(|matches| matches) {
            let text = rule.shows.as_ref().map_or(Ok(String::new()), |shows| shows.eval(bag));
            return match text {
                Ok(text) => Answer::Denied { rule: index, text },
                Err(_) => Answer::Failed { rule: index },
            };
        }
    }
    Answer::Allowed
}

impl Expression {
    fn eval(&self, bag: &impl Bag) -> Result<bool, Failure> {
        match self {
            Self::Equals(operand, literal) => Ok(operand.eval(bag)? == *literal),
            Self::NumberIs(literal) => match bag.get(&AttributeName::new(NUMBER)) {
                None => Err(Failure::Absent),
                Some(Value::Int64(number)) => Ok(number == *literal),
                Some(_) => Err(Failure::WrongType),
            },
            Self::And(a, b) => Ok(a.eval(bag)? && b.eval(bag)?),
            Self::Or(a, b) => Ok(a.eval(bag)? || b.eval(bag)?),
        }
    }
}

impl Operand {
    fn eval(&self, bag: &impl Bag) -> Result<String, Failure> {
        match self.find(bag) {
            // Only a default tells a missing key from an empty one.
            Ok(found) => Ok(found.unwrap_or_default()),
            Err(failure) => Err(failure),
        }
    }

    /// `Ok(None)` for a key that its map lacks.
    fn find(&self, bag: &impl Bag) -> Result<Option<String>, Failure> {
        match self {
            Self::Text(name) => match bag.get(&AttributeName::new(name)) {
                None => Err(Failure::Absent),
                Some(Value::String(text)) => Ok(Some(text.to_owned())),
                Some(_) => Err(Failure::WrongType),
            },
            Self::Key(name, key) => match bag.get_key(&AttributeName::new(name), key) {
                KeyState::Value(text) => Ok(Some(text.to_owned())),
                KeyState::KeyAbsent => Ok(None),
                KeyState::MapAbsent => Err(Failure::Absent),
                KeyState::NotAMap => Err(Failure::WrongType),
            },
            Self::Whole(name) => match bag.get(&AttributeName::new(name)) {
                None => Err(Failure::Absent),
                Some(Value::StringMap(map)) => {
                    let mut entries = Vec::new();
                    map.each(&mut |key, value| entries.push(format!("{key}={value}")));
                    entries.sort_unstable();
                    Ok(Some(entries.join(",")))
                }
                Some(_) => Err(Failure::WrongType),
            },
            Self::KeyOfValue(name, key) => match bag.get(&AttributeName::new(name)) {
                None => Err(Failure::Absent),
                Some(Value::StringMap(map)) => Ok(map.get(key).map(str::to_owned)),
                Some(_) => Err(Failure::WrongType),
            },
            Self::Literal(text) => Ok(Some((*text).to_owned())),
            Self::Default(first, second) => match first.find(bag) {
                Ok(None) | Err(Failure::Absent) => second.find(bag),
                found => found,
            },
        }
    }
}

fn operand() -> impl Strategy<Value = Operand> {
    // A text's name may be a map's: what was declared is not what arrives.
    let text = prop_oneof![4 => select(&TEXTS[..]), 1 => select(&MAPS[..])];
    let map = || prop_oneof![4 => select(&MAPS[..]), 1 => select(&TEXTS[..])];
    let leaf = prop_oneof![
        3 => text.prop_map(Operand::Text),
        3 => (map(), select(&KEYS[..])).prop_map(|(name, key)| Operand::Key(name, key)),
        1 => (map(), select(&KEYS[..])).prop_map(|(name, key)| Operand::KeyOfValue(name, key)),
        1 => map().prop_map(Operand::Whole),
        1 => select(&WORDS[..]).prop_map(Operand::Literal),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        (inner.clone(), inner).prop_map(|(a, b)| Operand::Default(Box::new(a), Box::new(b)))
    })
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        4 => (operand(), select(&WORDS[..])).prop_map(|(operand, word)| Expression::Equals(operand, word)),
        1 => (0..2i64).prop_map(Expression::NumberIs),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| Expression::And(Box::new(a), Box::new(b))),
            (inner.clone(), inner).prop_map(|(a, b)| Expression::Or(Box::new(a), Box::new(b))),
        ]
    })
}

pub(crate) fn rules() -> impl Strategy<Value = Rules> {
    let shows = prop_oneof![2 => Just(None), 1 => operand().prop_map(Some)];
    vec((expression(), shows).prop_map(|(when, shows)| Rule { when, shows }), 1..4)
}
