use std::fmt;

use mesh_attributes::ValueType;

/// A field of a template, or an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomField {
    /// In snake_case, with the names of the records around it: `client.name`.
    pub name: String,
    /// What it takes.
    pub kind: FieldKind,
    /// Whether it may be left out.
    pub optional: bool,
}

/// What a field takes, by its type in WIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `string`.
    Text,
    /// `s64`.
    Integer,
    /// `f64`.
    Double,
    /// `bool`.
    Boolean,
    /// `list<u8>`.
    Address,
    /// `list<tuple<string, string>>`.
    Map,
    /// `types.value`.
    Any,
}

/// What is wrong with a field of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMistake {
    /// As it was given, or as the template has it when it is missing.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl FieldKind {
    /// Whether values of this type can be handed over.
    pub fn takes(self, value_type: ValueType) -> bool {
        use ValueType as T;
        match self {
            Self::Text => {
                matches!(value_type, T::String | T::EmailAddress | T::Uri | T::DnsName)
            }
            Self::Integer => matches!(value_type, T::Int64 | T::Timestamp | T::Duration),
            Self::Double => value_type == T::Double,
            Self::Boolean => value_type == T::Bool,
            Self::Address => value_type == T::IpAddress,
            Self::Map => value_type == T::StringMap,
            Self::Any => true,
        }
    }

    /// The types that it takes, in words.
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Text => "STRING",
            Self::Integer => "INT64, TIMESTAMP or DURATION",
            Self::Double => "DOUBLE",
            Self::Boolean => "BOOL",
            Self::Address => "IP_ADDRESS",
            Self::Map => "STRING_MAP",
            Self::Any => "any type",
        }
    }

    /// The type of an output.
    pub(super) const fn output_type(self) -> ValueType {
        match self {
            Self::Text | Self::Any => ValueType::String,
            Self::Integer => ValueType::Int64,
            Self::Double => ValueType::Double,
            Self::Boolean => ValueType::Bool,
            Self::Address => ValueType::IpAddress,
            Self::Map => ValueType::StringMap,
        }
    }
}

impl fmt::Display for FieldMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field {}: {}", self.field, self.message)
    }
}
