use wasmtime::component::Type;

use super::field::{CustomField, FieldKind};
use super::snake_case;

/// Fields of one template; more than a request has attributes.
const MAX_FIELDS: usize = 256;

/// Records within records.
const MAX_DEPTH: usize = 8;

/// The longest name of a field with all before it, in bytes.
const MAX_NAME: usize = 256;

/// How fields are put together to a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// A field by its name.
    Field { name: String, kind: FieldKind, optional: bool },
    /// Fields under their names in WIT, in the record's order.
    Record(Vec<(String, Shape)>),
}

impl Shape {
    /// Of a template that has none.
    pub(super) const EMPTY: Self = Self::Record(Vec::new());

    /// Reads a record's type, and adds its fields to `fields`.
    pub(super) fn of_record(ty: &Type, fields: &mut Vec<CustomField>) -> Result<Self, String> {
        let shape = read(ty, "", 0, fields)?;
        if !matches!(shape, Self::Record(_)) {
            return Err("its fields must be a record".to_owned());
        }
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(shape)
    }
}

fn read(
    ty: &Type,
    name: &str,
    depth: usize,
    fields: &mut Vec<CustomField>,
) -> Result<Shape, String> {
    if depth > MAX_DEPTH || fields.len() >= MAX_FIELDS || name.len() > MAX_NAME {
        return Err(format!(
            "it has more than {MAX_FIELDS} fields, records nested deeper than {MAX_DEPTH}, or names \
             longer than {MAX_NAME} bytes"
        ));
    }
    if let Type::Record(record) = ty {
        let inner = record.fields().map(|field| {
            let dot = if name.is_empty() { "" } else { "." };
            let inner = format!("{name}{dot}{}", snake_case(field.name));
            Ok((field.name.to_owned(), read(&field.ty, &inner, depth + 1, fields)?))
        });
        return inner.collect::<Result<_, String>>().map(Shape::Record);
    }
    let (kind, optional) = match ty {
        Type::Option(option) => (kind(&option.ty()), true),
        other => (kind(other), false),
    };
    let kind = kind.ok_or_else(|| {
        format!("field {name} has a type that no expression has; see the table in wit/README.md")
    })?;
    fields.push(CustomField { name: name.to_owned(), kind, optional });
    Ok(Shape::Field { name: name.to_owned(), kind, optional })
}

fn kind(ty: &Type) -> Option<FieldKind> {
    Some(match ty {
        Type::String => FieldKind::Text,
        Type::S64 => FieldKind::Integer,
        Type::Float64 => FieldKind::Double,
        Type::Bool => FieldKind::Boolean,
        Type::List(list) => match list.ty() {
            Type::U8 => FieldKind::Address,
            Type::Tuple(pair) if pair.types().eq([Type::String, Type::String]) => FieldKind::Map,
            _ => return None,
        },
        Type::Variant(variant) if variant.cases().map(|case| case.name).eq(VALUE_CASES) => {
            FieldKind::Any
        }
        _ => return None,
    })
}

/// The cases of `types.value`.
const VALUE_CASES: [&str; 8] =
    ["text", "int64", "double", "boolean", "timestamp", "ip-address", "duration", "string-map"];
