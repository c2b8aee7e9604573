//! From the name of a field in the configuration to its place in a message.

use mesh_attributes::ValueType;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::{FieldMistake, RemoteTemplate};

/// The instance's name, which Mixer sets.
pub(crate) const NAME_FIELD: u32 = 72_295_727;

/// The type that the expression of a field must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This one.
    One(ValueType),
    /// Any.
    Any,
    /// A number or name of an enumeration: INT64 or STRING.
    NumberOrName,
}

impl Expected {
    /// Whether an expression of this type will do.
    pub fn takes(self, value_type: ValueType) -> bool {
        match self {
            Self::One(wanted) => wanted == value_type,
            Self::Any => true,
            Self::NumberOrName => matches!(value_type, ValueType::Int64 | ValueType::String),
        }
    }

    /// What is wanted, for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::One(wanted) => wanted.name(),
            Self::Any => "any type",
            Self::NumberOrName => "INT64 or STRING",
        }
    }
}

/// A field that one expression makes.
#[derive(Debug, Clone)]
pub(crate) enum Leaf {
    Text,
    Int64(Kind),
    Double,
    Float,
    Bool,
    /// `istio.policy.v1beta1.Value`.
    Any,
    /// A message of `istio.policy.v1beta1` around one value.
    Wrapped(ValueType),
    Enum(EnumDescriptor),
}

/// A step on the way to a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into a message.
    Into(u32),
    /// To the entry of a map.
    Key(u32, String),
}

/// Where a field is.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) steps: Vec<Step>,
    /// The number of the leaf; that of an entry's value when the last step is one.
    pub(crate) number: u32,
    pub(crate) leaf: Leaf,
}

/// What a field is.
enum Shape {
    Leaf(Leaf),
    Message(MessageDescriptor),
}

/// The number of the value in a map's entry.
const ENTRY_VALUE: u32 = 2;

impl Leaf {
    pub(crate) fn expected(&self) -> Expected {
        match self {
            Self::Text => Expected::One(ValueType::String),
            Self::Int64(_) => Expected::One(ValueType::Int64),
            Self::Double | Self::Float => Expected::One(ValueType::Double),
            Self::Bool => Expected::One(ValueType::Bool),
            Self::Any => Expected::Any,
            Self::Wrapped(value_type) => Expected::One(*value_type),
            Self::Enum(_) => Expected::NumberOrName,
        }
    }
}

/// Finds the field at `path` in the template's instances.
pub(crate) fn resolve(template: &RemoteTemplate, path: &str) -> Result<Resolved, FieldMistake> {
    let named = || (template.name().to_owned(), path.to_owned());
    let mut message = template.instance.clone();
    let mut rest = path;
    let mut steps = Vec::new();
    loop {
        let (head, mut tail) = match rest.split_once('.') {
            Some((head, tail)) => (head, Some(tail)),
            None => (rest, None),
        };
        let field = find(&message, head).ok_or_else(|| unknown(template, path, &message, head))?;
        let mut value = field.clone();
        let mut entry = None;
        if field.is_map() {
            let (template, path) = named();
            let Kind::Message(of_entry) = field.kind() else { unreachable!("a map has entries") };
            if !matches!(of_entry.map_entry_key_field().kind(), Kind::String) {
                let what = "a map with keys that are no text".to_owned();
                return Err(FieldMistake::Unsupported { template, field: path, what });
            }
            let Some(key) = tail else {
                return Err(FieldMistake::HasParts { template, field: path, what: "a map" });
            };
            value = of_entry.map_entry_value_field();
            entry = Some(key);
        } else if field.is_list() {
            let (template, field) = named();
            let what = "a list".to_owned();
            return Err(FieldMistake::Unsupported { template, field, what });
        }
        match shape(&value) {
            Some(Shape::Leaf(leaf)) => {
                if let Some(key) = entry {
                    // A key is all that is left, dots included.
                    steps.push(Step::Key(field.number(), key.to_owned()));
                    return Ok(Resolved { steps, number: ENTRY_VALUE, leaf });
                }
                if tail.is_some() {
                    let (template, field) = named();
                    return Err(FieldMistake::HasNoParts { template, field });
                }
                return Ok(Resolved { steps, number: field.number(), leaf });
            }
            Some(Shape::Message(inner)) => {
                if let Some(key) = entry {
                    let (key, of_value) = match key.split_once('.') {
                        Some((key, of_value)) => (key, Some(of_value)),
                        None => (key, None),
                    };
                    steps.push(Step::Key(field.number(), key.to_owned()));
                    steps.push(Step::Into(ENTRY_VALUE));
                    tail = of_value;
                } else {
                    steps.push(Step::Into(field.number()));
                }
                let Some(below) = tail else {
                    let (template, field) = named();
                    return Err(FieldMistake::HasParts { template, field, what: "a message" });
                };
                (message, rest) = (inner, below);
            }
            None => {
                let (template, field) = named();
                let what = format!("{:?}", value.kind());
                return Err(FieldMistake::Unsupported { template, field, what });
            }
        }
    }
}

/// The field as written, or as Istio's configuration also writes it: `http_status_code` is
/// `httpStatusCode`.
fn find(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
    let found = message.get_field_by_name(name).or_else(|| {
        let wanted = plain(name);
        message.fields().find(|field| plain(field.name()) == wanted)
    });
    found.filter(|field| field.number() != NAME_FIELD)
}

fn unknown(
    template: &RemoteTemplate,
    path: &str,
    message: &MessageDescriptor,
    head: &str,
) -> FieldMistake {
    let fields: Vec<FieldDescriptor> =
        message.fields().filter(|field| field.number() != NAME_FIELD).collect();
    let names: Vec<&str> = fields.iter().map(FieldDescriptor::name).collect();
    let hint = match mesh_config::nearest_name(head, names.iter().copied()) {
        Some(near) => format!(", did you mean {near}?"),
        None if names.is_empty() => "; it has none here".to_owned(),
        None => format!("; here it has {}", names.join(", ")),
    };
    FieldMistake::Unknown { template: template.name().to_owned(), field: path.to_owned(), hint }
}

fn shape(field: &FieldDescriptor) -> Option<Shape> {
    Some(Shape::Leaf(match field.kind() {
        Kind::String => Leaf::Text,
        Kind::Double => Leaf::Double,
        Kind::Float => Leaf::Float,
        Kind::Bool => Leaf::Bool,
        Kind::Bytes => return None,
        Kind::Enum(values) => Leaf::Enum(values),
        Kind::Message(message) => match message.full_name().strip_prefix("istio.policy.v1beta1.") {
            Some("Value") => Leaf::Any,
            Some(name) => Leaf::Wrapped(wrapped(name)?),
            None if message.full_name().starts_with("google.protobuf.") => return None,
            None => return Some(Shape::Message(message)),
        },
        integer => Leaf::Int64(integer),
    }))
}

/// The type of what a message of `istio.policy.v1beta1` holds in its field 1.
pub(crate) fn wrapped(name: &str) -> Option<ValueType> {
    Some(match name {
        "TimeStamp" => ValueType::Timestamp,
        "Duration" => ValueType::Duration,
        "IPAddress" => ValueType::IpAddress,
        "EmailAddress" => ValueType::EmailAddress,
        "Uri" => ValueType::Uri,
        "DNSName" => ValueType::DnsName,
        "StringMap" => ValueType::StringMap,
        _ => return None,
    })
}
