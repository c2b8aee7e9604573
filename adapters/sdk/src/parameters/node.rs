use std::cell::RefCell;
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::{Map, Number, Value};

use crate::Problem;
use crate::hint::nearest;

/// Problems that do not keep the rest from being read.
pub(super) type Found = RefCell<Vec<Problem>>;

/// A JSON value with the way to it.
#[derive(Clone, Copy)]
pub(super) struct Node<'v> {
    value: &'v Value,
    path: Path<'v>,
    found: &'v Found,
}

/// Where a value stands, such as `metrics[2].kind`.
#[derive(Clone, Copy)]
pub(super) enum Path<'v> {
    Root,
    Field { parent: &'v Path<'v>, name: &'v str },
    Element { parent: &'v Path<'v>, index: usize },
}

/// A value that does not fit.
#[derive(Debug)]
pub(super) struct Failure {
    /// Set where it is known first: nearest to the value.
    pub(super) field: Option<String>,
    pub(super) message: String,
}

impl<'v> Node<'v> {
    pub(super) fn new(value: &'v Value, path: Path<'v>, found: &'v Found) -> Self {
        Self { value, path, found }
    }

    fn seq<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Array(elements) => {
                visitor.visit_seq(Elements { node: self, rest: elements.iter().enumerate() })
            }
            Value::Null => visitor.visit_seq(Elements { node: self, rest: [].iter().enumerate() }),
            other => Err(Failure::custom(format!("a list is needed, not {}", describe(other)))),
        }
    }

    fn object(self) -> Result<&'v Map<String, Value>, Failure> {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        match self.value {
            Value::Object(fields) => Ok(fields),
            Value::Null => Ok(&EMPTY),
            other => Err(Failure::custom(format!("an object is needed, not {}", describe(other)))),
        }
    }

    /// Pairs the JSON names with the fields they mean and notes those that mean none.
    fn fields(self, known: &'static [&'static str]) -> Result<Vec<KnownField<'v>>, Failure> {
        let mut fields: Vec<KnownField<'v>> = Vec::new();
        for (name, value) in self.object()? {
            let snake = snake_case(name);
            let known_name = known.iter().find(|field| **field == name || **field == snake);
            let problem = match known_name {
                None => format!("is unknown{}", nearest(&snake, known.iter().copied())),
                Some(field) if fields.iter().any(|there| there.name == *field) => {
                    format!("is given twice, as {field} and in another spelling")
                }
                Some(field) => {
                    if !value.is_null() {
                        fields.push(KnownField { name: field, given: name, value });
                    }
                    continue;
                }
            };
            let path = Path::Field { parent: &self.path, name };
            self.found.borrow_mut().push(Problem::new(path.to_string(), problem));
        }
        Ok(fields)
    }
}

impl Path<'_> {
    fn is_root(&self) -> bool {
        matches!(self, Self::Root)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field { parent, name } if parent.is_root() => f.write_str(name),
            Self::Field { parent, name } => write!(f, "{parent}.{name}"),
            Self::Element { parent, index } => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Failure {
    fn at(mut self, path: Path<'_>) -> Self {
        self.field.get_or_insert_with(|| path.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { field: None, message: message.to_string() }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { field: None, message: format!("{field} is missing") }
    }
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Number(number) => visit_number(number, visitor),
            Value::String(text) => visitor.visit_str(text),
            Value::Array(_) => self.seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::String(text) => match text.parse::<i64>() {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(Failure::custom(format!("{text:?} is no integer"))),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::String(text) => match text.parse::<u64>() {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => Err(Failure::custom(format!("{text:?} is no whole number from 0"))),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::String(text) => match text.parse::<f64>() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(Failure::custom(format!("{text:?} is no number"))),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let entries = self.object()?.iter();
        visitor.visit_map(Entries { node: self, rest: entries, value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let rest = self.fields(fields)?.into_iter();
        visitor.visit_map(Fields { node: self, rest, value: None })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let variant = match self.value {
            Value::String(name) => variants.iter().find(|variant| *variant == name),
            Value::Number(number) => number
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
                .and_then(|number| variants.get(number)),
            _ => None,
        };
        match variant {
            Some(variant) => visitor.visit_enum(Variant(variant)),
            None => {
                let given = match self.value {
                    Value::String(name) => name.clone(),
                    other => other.to_string(),
                };
                let hint = nearest(&given.to_uppercase(), variants.iter().copied());
                Err(Failure::custom(format!("{given} is none of {}{hint}", variants.join(", "))))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i128 u8 u16 u128 f32 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct identifier ignored_any
    }
}

/// A list's elements.
struct Elements<'v> {
    node: Node<'v>,
    rest: std::iter::Enumerate<std::slice::Iter<'v, Value>>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        let Some((index, value)) = self.rest.next() else { return Ok(None) };
        let path = Path::Element { parent: &self.node.path, index };
        let node = Node::new(value, path, self.node.found);
        seed.deserialize(node).map(Some).map_err(|failure| failure.at(path))
    }
}

/// A map's entries, whose names are the author's own.
struct Entries<'v> {
    node: Node<'v>,
    rest: serde_json::map::Iter<'v>,
    value: Option<(&'v str, &'v Value)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some((name, value));
        let key: StrDeserializer<'_, Failure> = name.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        value_of(self.node, self.value.take(), seed)
    }
}

/// A field of a structure.
struct KnownField<'v> {
    /// In Rust.
    name: &'static str,
    /// In the JSON, which problems speak of.
    given: &'v str,
    value: &'v Value,
}

/// A structure's fields.
struct Fields<'v> {
    node: Node<'v>,
    rest: std::vec::IntoIter<KnownField<'v>>,
    value: Option<(&'v str, &'v Value)>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some(field) = self.rest.next() else { return Ok(None) };
        self.value = Some((field.given, field.value));
        seed.deserialize(BorrowedStrDeserializer::new(field.name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        value_of(self.node, self.value.take(), seed)
    }
}

/// A variant without content, by its name.
struct Variant(&'static str);

impl<'de> EnumAccess<'de> for Variant {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let value = seed.deserialize(BorrowedStrDeserializer::<Failure>::new(self.0))?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _seed: T) -> Result<T::Value, Failure> {
        Err(Failure::custom("enumerations have no content"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Failure> {
        Err(Failure::custom("enumerations have no content"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Failure> {
        Err(Failure::custom("enumerations have no content"))
    }
}

fn value_of<'de, V: DeserializeSeed<'de>>(
    node: Node<'_>,
    entry: Option<(&str, &Value)>,
    seed: V,
) -> Result<V::Value, Failure> {
    let (name, value) =
        entry.ok_or_else(|| Failure::custom("a value was asked for before its key"))?;
    let path = Path::Field { parent: &node.path, name };
    let child = Node::new(value, path, node.found);
    seed.deserialize(child).map_err(|failure| failure.at(path))
}

fn visit_number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Failure> {
    if let Some(number) = number.as_u64() {
        visitor.visit_u64(number)
    } else if let Some(number) = number.as_i64() {
        visitor.visit_i64(number)
    } else {
        visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
