//! A handler's parameters: JSON as protobuf reads it.
//!
//! Field names are snake_case or lowerCamelCase, `null` means unset, 64-bit integers may be texts,
//! enumerations are names or numbers. Unknown fields are refused with the nearest known one, all of them
//! at once; every problem says where it is.

mod duration;
mod node;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::duration::{Interval, parse_duration};
use self::node::{Failure, Found, Node, Path};
use crate::{Problem, Problems};

/// Reads parameters from JSON text.
///
/// # Errors
/// All unknown fields, and the first value that does not fit.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Problems> {
    let value: Value = serde_json::from_str(json)
        .map_err(|error| Problem::new("", format!("the parameters are no JSON: {error}")))?;
    let found = Found::default();
    let parsed = T::deserialize(Node::new(&value, Path::Root, &found));
    let mut problems = found.into_inner();
    match parsed {
        Ok(parsed) if problems.is_empty() => return Ok(parsed),
        Ok(_) => {}
        Err(Failure { field, message }) => {
            problems.push(Problem::new(field.unwrap_or_default(), message));
        }
    }
    Err(problems.into())
}

/// The JSON Schema of parameters, as text: what [`parse`] takes, so names it does not list are wrong.
pub fn schema<T: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(close));
    settings.into_generator().into_root_schema_for::<T>().to_value().to_string()
}

/// Closes the schema of a structure. Those of maps say themselves what else they take; a structure that
/// has another flattened into it knows the names of all only where it is put together.
fn close(schema: &mut Schema) {
    const OPEN: [&str; 5] =
        ["additionalProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf"];
    let is_object = schema.get("type").is_some_and(|of| of == "object");
    if is_object && OPEN.iter().all(|keyword| schema.get(*keyword).is_none()) {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

#[cfg(test)]
mod tests;
