//! A component's parameters as a table, from the JSON Schema that it gives.

use serde::Serialize;
use serde_json::Value;

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Parameter {
    /// Its place, such as `metrics[].kind`.
    pub(crate) name: String,
    /// What it holds, such as `list of string`; the names of an enumeration.
    #[serde(rename = "type")]
    pub(crate) holds: String,
    /// As JSON; `None` when the schema gives none.
    pub(crate) default: Option<Value>,
    /// Whether it must be there.
    pub(crate) required: bool,
    /// What it means.
    pub(crate) meaning: String,
}

/// A schema that refers to itself goes on for ever.
const MAX_DEPTH: usize = 6;

/// All parameters, those of a list or map after it.
pub(crate) fn parameters(schema: &Value) -> Vec<Parameter> {
    let mut found = Vec::new();
    Walk { root: schema }.properties("", schema, MAX_DEPTH, &mut found);
    found
}

/// The table for a README: `parameter`, `default`, `meaning`.
pub(crate) fn markdown(parameters: &[Parameter]) -> String {
    if parameters.is_empty() {
        return "It has no parameters.\n".to_owned();
    }
    let mut table = "| parameter | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    for Parameter { name, holds, default, required, meaning } in parameters {
        let default = match default {
            Some(default) => shown(default).map(|default| format!("`{default}`")),
            None => required.then(|| "required".to_owned()),
        };
        let cells =
            [format!("`{name}`"), holds.clone(), default.unwrap_or_default(), meaning.clone()];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table
}

/// A default worth showing: nothing of what is empty.
pub(crate) fn shown(default: &Value) -> Option<String> {
    match default {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Array(items) if items.is_empty() => None,
        Value::Object(fields) => {
            fields.values().any(|v| shown(v).is_some()).then(|| default.to_string())
        }
        other => Some(other.to_string()),
    }
}

struct Walk<'s> {
    root: &'s Value,
}

impl<'s> Walk<'s> {
    fn properties(
        &self,
        prefix: &str,
        schema: &'s Value,
        depth: usize,
        found: &mut Vec<Parameter>,
    ) {
        let schema = self.resolved(schema);
        let required = |name: &str| {
            let names = schema["required"].as_array();
            names.is_some_and(|names| names.iter().any(|required| required == name))
        };
        let Some(properties) = schema["properties"].as_object() else { return };
        for (name, property) in properties {
            let resolved = self.resolved(property);
            let path = format!("{prefix}{name}");
            // The field's own comment says more than that of its type.
            let own = [property, resolved].iter().find_map(|s| s["description"].as_str());
            found.push(Parameter {
                name: path.clone(),
                holds: self.holds(property, depth),
                default: property.get("default").cloned(),
                required: required(name),
                meaning: one_line(own.unwrap_or_default()),
            });
            if depth > 0 {
                self.below(&path, resolved, depth - 1, found);
            }
        }
    }

    /// The fields of an object, a list's elements or a map's values.
    fn below(&self, path: &str, schema: &'s Value, depth: usize, found: &mut Vec<Parameter>) {
        if let Some(items) = schema.get("items") {
            self.properties(&format!("{path}[]."), items, depth, found);
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object())
        {
            self.properties(&format!("{path}.*."), values, depth, found);
        }
        self.properties(&format!("{path}."), schema, depth, found);
    }

    /// The schema behind references and `null` alternatives.
    fn resolved(&self, schema: &'s Value) -> &'s Value {
        let mut schema = schema;
        for _ in 0..MAX_DEPTH {
            let target = schema["$ref"]
                .as_str()
                .and_then(|reference| self.root.pointer(reference.strip_prefix('#')?));
            let alternative = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| {
                let mut others = schema[*key].as_array()?.iter().filter(|s| s["type"] != "null");
                let only = others.next()?;
                others.next().is_none().then_some(only)
            });
            match target.or(alternative) {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }

    fn holds(&self, schema: &'s Value, depth: usize) -> String {
        let schema = self.resolved(schema);
        if let Some(names) = names(schema) {
            return names;
        }
        let kinds = match &schema["type"] {
            Value::String(kind) => vec![kind.as_str()],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let kinds: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "null").collect();
        match (kinds.as_slice(), depth) {
            (["array"], 1..) => match schema.get("items") {
                Some(items) => format!("list of {}", self.holds(items, depth - 1)),
                None => "list".to_owned(),
            },
            (["object"], 1..) => match schema.get("additionalProperties") {
                Some(values) if values.is_object() => {
                    format!("map to {}", self.holds(values, depth - 1))
                }
                _ => "object".to_owned(),
            },
            ([], _) => "any".to_owned(),
            (kinds, _) => kinds.join(" or "),
        }
    }
}

/// The names of an enumeration, however it is written.
fn names(schema: &Value) -> Option<String> {
    let listed = schema["enum"].as_array().map(|names| names.iter().collect::<Vec<_>>());
    let constants = || {
        let cases = schema["oneOf"].as_array()?;
        cases.iter().map(|case| case.get("const").or_else(|| case["enum"].get(0))).collect()
    };
    let names: Vec<&Value> = listed.or_else(constants)?;
    let text = |name: &&Value| name.as_str().map_or_else(|| name.to_string(), str::to_owned);
    Some(names.iter().filter(|name| !name.is_null()).map(text).collect::<Vec<_>>().join(", "))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_lists_maps_and_enumerations_become_rows() {
        let schema = json!({
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": { "type": "string", "description": "Who\nit is." },
                "metrics": { "type": "array", "items": { "$ref": "#/$defs/Metric" }, "default": [] },
                "table": { "type": "object", "additionalProperties": { "type": "string" } },
                "expiry": { "anyOf": [{ "$ref": "#/$defs/Expiry" }, { "type": "null" }] },
            },
            "$defs": {
                "Metric": { "type": "object", "properties": {
                    "kind": { "$ref": "#/$defs/Kind", "default": "GAUGE", "description": "A | B." },
                } },
                "Kind": { "type": "string", "enum": ["GAUGE", "COUNTER"] },
                "Expiry": { "type": "object", "properties": {
                    "after": { "type": ["integer", "null"] },
                } },
            },
        });
        let table = markdown(&parameters(&schema));
        assert_eq!(
            table.lines().skip(2).collect::<Vec<_>>(),
            [
                "| `expiry` | object |  |  |",
                "| `expiry.after` | integer |  |  |",
                "| `metrics` | list of object |  |  |",
                "| `metrics[].kind` | GAUGE, COUNTER | `GAUGE` | A \\| B. |",
                "| `name` | string | required | Who it is. |",
                "| `table` | map to string |  |  |",
            ]
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({
            "properties": { "next": { "$ref": "#" }, "self": { "$ref": "#/properties/self" } },
        });
        assert!(parameters(&schema).len() < 200);
        assert_eq!(markdown(&parameters(&json!(true))), "It has no parameters.\n");
    }
}
