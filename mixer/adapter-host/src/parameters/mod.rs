//! A handler's parameters, held against the JSON Schema that its component gives.
//!
//! Goal: a mistake is told with its place and the name that was meant, whatever language the adapter is
//! written in, and the component gets one form of everything. Configuration is protobuf's JSON and has
//! more than one: names in lowerCamelCase or snake_case, integers as texts, numbers for the names of an
//! enumeration (in the schema's order), `null` for what is not set. So one walk along the schema both
//! checks and puts into the schema's own form.
//!
//! These keywords of JSON Schema 2020-12 are looked at: `$ref` within the document, `type`, `enum`,
//! `const`, `properties`, `required`, `additionalProperties`, `items`, `minItems`, `maxItems`,
//! `uniqueItems`, `minLength`, `maxLength`, `minimum`, `maximum`, `exclusiveMinimum`,
//! `exclusiveMaximum`, `allOf`, `anyOf`, `oneOf`, and of `format` the ranges of integers (`uint32`). All
//! others are left to the component's `configure`, which judges what passed here. As the standard has it,
//! names that the schema does not list are refused only with `additionalProperties: false`.
//!
//! Refused: a validator off the shelf. None of them changes what it checks, so that each tolerance would
//! need a second walk; and a schema is a component's, so the walk must have bounds: on depth, on steps,
//! and no patterns that take for ever.

mod alternatives;
pub(crate) mod nearest;
mod path;
mod scalar;
mod walk;

use serde_json::{Map, Value};

use self::path::Path;
use self::walk::Walk;
use crate::ParameterProblem;

/// The longest text of a schema, in bytes; that of the largest adapter here takes a tenth.
pub(crate) const MAX_SCHEMA: usize = 256 << 10;

/// What a component says of its parameters.
#[derive(Debug)]
pub(crate) struct ParameterSchema {
    root: Value,
}

impl ParameterSchema {
    /// Reads a schema; an empty text is none.
    ///
    /// # Errors
    /// When the text is too long or no schema.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > MAX_SCHEMA {
            return Err(format!("its schema is longer than {MAX_SCHEMA} bytes"));
        }
        let root: Value = serde_json::from_str(text)
            .map_err(|cause| format!("its schema is no JSON: {cause}"))?;
        if !root.is_object() {
            return Err("its schema is no JSON object".to_owned());
        }
        Ok(Some(Self { root }))
    }

    /// The parameters as the component wants them.
    ///
    /// # Errors
    /// All that is wrong with them, up to a bound.
    pub(crate) fn check(&self, given: &Value) -> Result<Value, Vec<ParameterProblem>> {
        let walk = Walk::new(&self.root);
        let unset = Value::Object(Map::new());
        let given = if given.is_null() { &unset } else { given };
        let mut found = Vec::new();
        let value = walk.apply(&self.root, given.clone(), Path::Root, &mut found);
        if found.is_empty() { Ok(value) } else { Err(found) }
    }
}

#[cfg(test)]
mod tests;
