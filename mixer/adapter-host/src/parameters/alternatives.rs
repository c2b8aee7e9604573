use serde_json::Value;

use super::path::Path;
use super::scalar::is;
use super::walk::{Walk, choices, note};
use crate::ParameterProblem;

/// What came of one alternative.
struct Tried<'s> {
    schema: &'s Value,
    value: Value,
    found: Vec<ParameterProblem>,
}

impl<'s> Walk<'s> {
    /// The value in the form of the alternative that it fits: as it is, or else with the tolerances. If it
    /// fits none, the one that was most likely meant says why.
    pub(super) fn alternatives(
        &self,
        options: &'s [Value],
        exactly_one: bool,
        value: Value,
        path: Path<'_>,
        found: &mut Vec<ParameterProblem>,
    ) -> Value {
        let try_one = |schema| {
            let mut found = Vec::new();
            let value = self.apply(schema, value.clone(), path, &mut found);
            Tried { schema, value, found }
        };
        let mut tried: Vec<Tried<'_>> = options.iter().map(try_one).collect();
        let fits = |tried: &Tried<'_>| tried.found.is_empty();
        let exact = tried.iter().filter(|t| fits(t) && t.value == value).count();
        let loose = tried.iter().filter(|t| fits(t)).count();
        if exactly_one && (exact > 1 || (exact == 0 && loose > 1)) {
            note(
                found,
                path,
                "fits more than one of the forms that it may have, of which it must fit one",
            );
            return value;
        }
        let best = if exact > 0 {
            tried.iter().position(|t| fits(t) && t.value == value)
        } else {
            tried.iter().position(fits)
        };
        let best = best.or_else(|| self.meant(&tried, &value));
        let Some(best) = best else { return value };
        let best = tried.swap_remove(best);
        for problem in best.found {
            if !found.contains(&problem) {
                found.push(problem);
            }
        }
        best.value
    }

    /// The alternative whose problems are told: one of the value's own type with the fewest.
    fn meant(&self, tried: &[Tried<'_>], value: &Value) -> Option<usize> {
        let order = |tried: &Tried<'_>| {
            let schema = self.followed(tried.schema);
            let is_null = has_type(schema, &Value::Null);
            (!has_type(schema, value), is_null, tried.found.len())
        };
        (0..tried.len()).min_by_key(|index| order(&tried[*index]))
    }

    fn followed(&self, schema: &'s Value) -> &'s Value {
        let reference = schema.get("$ref").and_then(Value::as_str);
        reference.and_then(|reference| self.resolve(reference)).unwrap_or(schema)
    }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => is(value, name),
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).any(|name| is(value, name))
        }
        _ => schema
            .as_object()
            .and_then(choices)
            .is_some_and(|choices| choices.values.iter().any(|choice| same_type(choice, value))),
    }
}

fn same_type(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}
