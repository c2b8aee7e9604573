//! A handler's parameters: JSON as protobuf reads it.
//!
//! Field names are snake_case or lowerCamelCase, `null` means unset, 64-bit integers may be texts,
//! enumerations are names or numbers. Unknown fields are refused with the nearest known one, all of them
//! at once; every problem says where it is.

mod duration;
mod node;

use schemars::JsonSchema;
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

/// The JSON Schema of parameters, as text.
pub fn schema<T: JsonSchema>() -> String {
    schemars::schema_for!(T).to_value().to_string()
}

#[cfg(test)]
mod tests;
