use std::cell::Cell;

use serde_json::{Map, Value};

use super::nearest::{hint, nearest};
use super::path::Path;
use super::scalar::{adapt, describe, out_of_bounds, wanted};
use crate::ParameterProblem;

/// Problems that are told; more help nobody.
const MAX_PROBLEMS: usize = 100;

/// Schemas within schemas on the way to one value: those of adapters have some ten.
const MAX_DEPTH: usize = 200;

/// Schemas looked at for all values. Alternatives within alternatives multiply.
const MAX_STEPS: usize = 1 << 18;

/// The names that a schema gives a value; more in one place than anybody reads are cut.
const MAX_NAMES: usize = 20;

/// One walk along a schema.
pub(super) struct Walk<'s> {
    root: &'s Value,
    steps: Cell<usize>,
    depth: Cell<usize>,
}

impl<'s> Walk<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root, steps: Cell::new(0), depth: Cell::new(0) }
    }

    /// The value in the schema's form; what is wrong with it is added to `found`.
    pub(super) fn apply(
        &self,
        schema: &'s Value,
        value: Value,
        path: Path<'_>,
        found: &mut Vec<ParameterProblem>,
    ) -> Value {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > MAX_STEPS || self.depth.get() > MAX_DEPTH {
            note(found, Path::Root, "the adapter's schema of them takes too long to hold against");
            return value;
        }
        let fields = match schema {
            Value::Object(fields) => fields,
            Value::Bool(false) => {
                note(found, path, "is not allowed");
                return value;
            }
            _ => return value,
        };
        self.depth.set(self.depth.get() + 1);
        let value = self.keywords(fields, value, path, found);
        self.depth.set(self.depth.get() - 1);
        value
    }

    fn keywords(
        &self,
        schema: &'s Map<String, Value>,
        mut value: Value,
        path: Path<'_>,
        found: &mut Vec<ParameterProblem>,
    ) -> Value {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            match self.resolve(reference) {
                Some(target) => value = self.apply(target, value, path, found),
                None => note(found, path, &format!("the adapter's schema has no {reference}")),
            }
        }
        if let Some(choices) = choices(schema) {
            match choose(&choices, value) {
                Ok(Chosen::Checked(chosen)) => value = chosen,
                Ok(Chosen::Unknown(number)) => return number,
                Err(refused) => {
                    note(found, path, &none_of(&refused, &choices.values));
                    return refused;
                }
            }
        }
        if let Some(types) = types(schema) {
            match adapt(value, &types) {
                Ok(adapted) => value = adapted,
                Err(refused) => {
                    let text = format!("{} is needed, not {}", wanted(&types), describe(&refused));
                    note(found, path, &text);
                    return refused;
                }
            }
        }
        if let Some(problem) = out_of_bounds(&value, schema) {
            note(found, path, &problem);
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            value = self.apply(part, value, path, found);
        }
        value = match value {
            Value::Object(given) => Value::Object(self.object(schema, given, path, found)),
            Value::Array(elements) => Value::Array(self.list(schema, elements, path, found)),
            other => other,
        };
        for (keyword, exactly_one) in [("anyOf", false), ("oneOf", true)] {
            if let Some(options) = schema.get(keyword).and_then(Value::as_array) {
                value = self.alternatives(options, exactly_one, value, path, found);
            }
        }
        value
    }

    fn object(
        &self,
        schema: &'s Map<String, Value>,
        given: Map<String, Value>,
        path: Path<'_>,
        found: &mut Vec<ParameterProblem>,
    ) -> Map<String, Value> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&NONE);
        let others = schema.get("additionalProperties");
        let mut taken = Map::new();
        let mut meant = Vec::new();
        for (name, value) in given {
            let path = Path::Field { parent: &path, name: &name };
            let property = known.get_key_value(&name).or_else(|| {
                let snake = snake_case(&name);
                known.iter().find(|(known, _)| snake_case(known) == snake)
            });
            match (property, others) {
                (Some((known, _)), _) if taken.contains_key(known) => {
                    let text = format!("is given twice, as {known} and in another spelling");
                    note(found, path, &text);
                }
                (Some(_), _) if value.is_null() => {}
                (Some((known, property)), _) => {
                    taken.insert(known.clone(), self.apply(property, value, path, found));
                }
                (None, Some(Value::Bool(false))) => {
                    let snake = snake_case(&name);
                    let names = || known.keys().map(String::as_str);
                    meant.extend(nearest(&snake, names()));
                    note(found, path, &format!("is unknown{}", hint(&snake, names())));
                }
                (None, Some(other)) => {
                    let value = self.apply(other, value, path, found);
                    taken.insert(name, value);
                }
                (None, None) => {
                    taken.insert(name, value);
                }
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            // One that is misspelt has been told.
            if !taken.contains_key(name) && !meant.contains(&name) {
                note(found, path, &format!("{name} is missing"));
            }
        }
        taken
    }

    fn list(
        &self,
        schema: &'s Map<String, Value>,
        elements: Vec<Value>,
        path: Path<'_>,
        found: &mut Vec<ParameterProblem>,
    ) -> Vec<Value> {
        let Some(of) = schema.get("items") else { return elements };
        let elements: Vec<_> = elements
            .into_iter()
            .enumerate()
            .map(|(index, element)| {
                self.apply(of, element, Path::Element { parent: &path, index }, found)
            })
            .collect();
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut seen = std::collections::HashSet::new();
            for (index, element) in elements.iter().enumerate() {
                if !seen.insert(element.to_string()) {
                    note(found, Path::Element { parent: &path, index }, "is there twice");
                }
            }
        }
        elements
    }

    pub(super) fn resolve(&self, reference: &str) -> Option<&'s Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }
}

/// The values to choose from.
pub(super) struct Choices<'s> {
    pub(super) values: Vec<&'s Value>,
    /// Whether their order is the author's, so that a number can stand for a name.
    ordered: bool,
}

/// The values that the schema lists, if it does: as `enum`, as `const`, or as alternatives with a value
/// each, which is how described names of an enumeration look.
pub(super) fn choices(schema: &Map<String, Value>) -> Option<Choices<'_>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(Choices { values: values.iter().collect(), ordered: true });
    }
    if let Some(only) = schema.get("const") {
        return Some(Choices { values: vec![only], ordered: false });
    }
    let options = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    let options: Vec<_> = options.iter().map(Value::as_object).collect::<Option<_>>()?;
    // Generators put names without a description first, all in one `enum`.
    let ordered = !options.iter().any(|option| option.contains_key("enum"));
    let values: Option<Vec<_>> = options
        .iter()
        .map(|option| match option.get("const") {
            Some(only) => Some(std::slice::from_ref(only)),
            None => option.get("enum").and_then(Value::as_array).map(Vec::as_slice),
        })
        .collect();
    Some(Choices { values: values?.into_iter().flatten().collect(), ordered })
}

/// The choice that `value` is, by itself or by its place among names. Which name a number means where
/// the order is lost is the component's to say.
fn choose(choices: &Choices<'_>, value: Value) -> Result<Chosen, Value> {
    if choices.values.contains(&&value) {
        return Ok(Chosen::Checked(value));
    }
    let place = value.as_u64().and_then(|place| usize::try_from(place).ok());
    let are_names = choices.values.iter().all(|choice| choice.is_string());
    match place.filter(|_| are_names).and_then(|place| choices.values.get(place)) {
        Some(choice) if choices.ordered => Ok(Chosen::Checked((*choice).clone())),
        Some(_) if choices.values.len() > 1 => Ok(Chosen::Unknown(value)),
        _ => Err(value),
    }
}

/// One of some choices.
enum Chosen {
    Checked(Value),
    Unknown(Value),
}

pub(super) fn none_of(value: &Value, choices: &[&Value]) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let given = text(value);
    let names: Vec<String> = choices.iter().map(|choice| text(choice)).collect();
    let all = || names.iter().map(String::as_str);
    // Names of enumerations are in capitals as a rule.
    let near = nearest(&given, all()).or_else(|| nearest(&given.to_uppercase(), all()));
    let near = near.map_or_else(String::new, |name| format!(", did you mean {name}?"));
    let listed: Vec<_> = all().take(MAX_NAMES).collect();
    let given = &given[..given.floor_char_boundary(40)];
    format!("{given} is none of {}{near}", listed.join(", "))
}

fn types(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

pub(super) fn note(found: &mut Vec<ParameterProblem>, path: Path<'_>, message: &str) {
    let problem = ParameterProblem { field: path.to_string(), message: message.to_owned() };
    if found.len() < MAX_PROBLEMS && !found.contains(&problem) {
        found.push(problem);
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
