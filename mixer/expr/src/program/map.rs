use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use mesh_attributes::{AttributeName, Bag, KeyState, StringMap, Value};

use crate::program::kinds::{Map, Text};
use crate::program::term::Term;
use crate::{EvalError, WrongType};

/// A map that an expression yields; a [`StringMap`] itself.
#[derive(Clone)]
pub enum MapValue<'a> {
    /// A map of the bag; what is read from it is read through the bag.
    Borrowed(&'a dyn StringMap),
    /// The map of `emptyStringMap()`, or what an absent one reads as in CEL.
    Empty,
    /// A map that CEL's `{key: value}` made.
    Made(Cow<'a, BTreeMap<String, String>>),
}

/// What `emptyStringMap()` yields.
pub(crate) struct EmptyMap;

/// `map[key]`.
pub(crate) struct Lookup {
    pub(crate) map: Term<Map>,
    pub(crate) key: Term<Text>,
}

/// Whether absence of the key's own expression is an error or makes the look-up absent.
#[derive(Clone, Copy, PartialEq)]
enum Absence {
    Fails,
    FallsThrough,
}

enum Found<'a> {
    Value(&'a str),
    /// The map lacks the key, or the key's own expression is absent.
    Nothing,
    MapAbsent(&'a AttributeName),
}

impl Lookup {
    /// The value, or "" when the map lacks the key; an absent map is an error.
    pub(crate) fn eval<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Cow<'a, str>, EvalError> {
        match find(&self.map, &self.key, Absence::Fails, bag)? {
            Found::Value(value) => Ok(value.into()),
            Found::Nothing => Ok("".into()),
            Found::MapAbsent(name) => Err(EvalError::Absent(name.clone())),
        }
    }

    /// The value under a constant key of an attribute, when it is there.
    #[inline]
    pub(crate) fn at_hand<'a, B: Bag + ?Sized>(&'a self, bag: &'a B) -> Option<&'a str> {
        match (&self.map, &self.key) {
            (Term::Attribute(name), Term::Constant(key)) => match bag.get_key(name, key) {
                KeyState::Value(value) => Some(value),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value on the left of `|`: `None` when map, key or the key's expression is absent.
    pub(crate) fn eval_if_present<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Option<Cow<'a, str>>, EvalError> {
        Ok(match find(&self.map, &self.key, Absence::FallsThrough, bag)? {
            Found::Value(value) => Some(value.into()),
            Found::Nothing | Found::MapAbsent(_) => None,
        })
    }
}

/// Looks `key` up in the map that `map` stands for. The key's expression is evaluated only once the
/// map is known to be there, and no map is read beyond that one key.
fn find<'a, B: Bag + ?Sized>(
    map: &'a Term<Map>,
    key: &'a Term<Text>,
    absence: Absence,
    bag: &'a B,
) -> Result<Found<'a>, EvalError> {
    match map {
        Term::Attribute(name) => {
            let key = if let Term::Constant(key) = key {
                Cow::Borrowed(&**key)
            } else {
                match bag.get(name) {
                    None => return Ok(Found::MapAbsent(name)),
                    Some(Value::StringMap(_)) => {}
                    Some(other) => return Err(not_a_map(name, Some(other))),
                }
                match eval_key(key, absence, bag)? {
                    Some(key) => key,
                    None => return Ok(Found::Nothing),
                }
            };
            match bag.get_key(name, &key) {
                KeyState::Value(value) => Ok(Found::Value(value)),
                KeyState::KeyAbsent => Ok(Found::Nothing),
                KeyState::MapAbsent => Ok(Found::MapAbsent(name)),
                KeyState::NotAMap => Err(not_a_map(name, bag.get(name))),
            }
        }
        Term::FirstPresent(maps) => {
            let mut found = Found::Nothing;
            for map in maps {
                found = find(map, key, absence, bag)?;
                if !matches!(found, Found::MapAbsent(_)) {
                    break;
                }
            }
            Ok(found)
        }
        Term::Conditional(conditional) => match find(conditional.arm(bag)?, key, absence, bag)? {
            Found::MapAbsent(name) => Err(EvalError::Absent(name.clone())),
            found => Ok(found),
        },
        Term::Constant(EmptyMap) => {
            eval_key(key, absence, bag)?;
            Ok(Found::Nothing)
        }
        Term::Operation(never) => match *never {},
    }
}

fn eval_key<'a, B: Bag + ?Sized>(
    key: &'a Term<Text>,
    absence: Absence,
    bag: &'a B,
) -> Result<Option<Cow<'a, str>>, EvalError> {
    match absence {
        Absence::Fails => key.eval(bag).map(Some),
        Absence::FallsThrough => key.eval_if_present(bag),
    }
}

fn not_a_map(name: &AttributeName, value: Option<Value<'_>>) -> EvalError {
    WrongType::error(name, "string map", value.unwrap_or(Value::String("")))
}

impl StringMap for MapValue<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match self {
            Self::Borrowed(map) => map.get(key),
            Self::Empty => None,
            Self::Made(entries) => StringMap::get(&**entries, key),
        }
    }

    fn each(&self, f: &mut dyn FnMut(&str, &str)) {
        match self {
            Self::Borrowed(map) => map.each(f),
            Self::Empty => {}
            Self::Made(entries) => StringMap::each(&**entries, f),
        }
    }
}

/// Without entries: printing must not count as reading them.
impl fmt::Debug for MapValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if let Self::Empty = self { "{}" } else { "{..}" })
    }
}
