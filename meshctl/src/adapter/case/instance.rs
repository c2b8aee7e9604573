use std::collections::BTreeMap;

use adapter_host::{InstanceDecl, Template};
use mesh_attributes::{OwnedValue, ValueType};
use mesh_config::{CompiledTemplate, FieldKind, nearest_name};
use serde_json::{Map, Value};

use super::super::project::template;
use super::document::WrittenInstance;
use super::value;

/// An instance of a case file.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    /// As the handler is told of it.
    pub(super) decl: InstanceDecl,
    /// All fields that are set, by their full names such as `dimensions.source`.
    types: BTreeMap<String, ValueType>,
}

/// The values of an element, by the full names of their fields.
#[derive(Debug, Clone)]
pub(super) struct Values(BTreeMap<String, OwnedValue>);

impl Instance {
    /// What it is made for.
    pub(crate) fn template(&self) -> Template {
        self.decl.template
    }

    /// `name.instance.namespace`.
    pub(crate) fn name(&self) -> &str {
        &self.decl.name
    }

    /// Reads a declaration; `name` is that in the case file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(super) fn read(name: &str, written: &WrittenInstance) -> Result<Self, Vec<String>> {
        let template = template(&written.template).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let mut types = BTreeMap::new();
        let schema = CompiledTemplate::from_name(template.name())
            .map(CompiledTemplate::schema)
            .unwrap_or_default();
        for (field, written) in leaves(&written.params) {
            let wanted = schema.iter().find_map(|known| match known.kind {
                FieldKind::Scalar(wanted) => (known.name == field).then_some(wanted),
                FieldKind::Map(wanted) => {
                    let key = field.strip_prefix(known.name)?.strip_prefix('.')?;
                    (!key.is_empty()).then_some(wanted)
                }
            });
            let declared = written.as_str().and_then(ValueType::from_name);
            match (wanted, declared) {
                (None, _) => {
                    let near = nearest_name(&field, schema.iter().map(|known| known.name));
                    let hint = near.map(|near| format!(", did you mean {near}?"));
                    let hint = hint.unwrap_or_default();
                    problems.push(format!("template {template} has no field {field}{hint}"));
                }
                (_, None) => problems.push(no_type(&field, written)),
                (Some(Some(wanted)), Some(declared)) if wanted != declared => {
                    problems.push(format!("field {field} is of type {}", wanted.name()));
                }
                (Some(_), Some(declared)) => {
                    types.insert(field, declared);
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let decl = InstanceDecl {
            name: format!("{name}.instance.default"),
            template,
            fields: declared(template, &types),
            value_type: types.get("value").copied().filter(|_| has_value(template)),
        };
        Ok(Self { decl, types })
    }

    /// Reads an element's values.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(super) fn values(&self, written: &Map<String, Value>) -> Result<Values, Vec<String>> {
        let mut values = BTreeMap::new();
        let mut problems = Vec::new();
        self.collect("", written, &mut values, &mut problems);
        for name in self.types.keys().filter(|name| !values.contains_key(*name)) {
            if problems.is_empty() {
                problems.push(format!("no value for {name} of {}", self.decl.name));
            }
        }
        if problems.is_empty() { Ok(Values(values)) } else { Err(problems) }
    }

    fn collect(
        &self,
        prefix: &str,
        written: &Map<String, Value>,
        values: &mut BTreeMap<String, OwnedValue>,
        problems: &mut Vec<String>,
    ) {
        for (key, written) in written {
            let name = format!("{prefix}{key}");
            match (self.types.get(&name), written) {
                (Some(declared), written) => match value::read(written, *declared) {
                    Ok(value) => {
                        values.insert(name, value);
                    }
                    Err(problem) => problems.push(format!("{name}: {problem}")),
                },
                (None, Value::Object(below)) => {
                    self.collect(&format!("{name}."), below, values, problems);
                }
                (None, _) => {
                    let near = nearest_name(&name, self.types.keys().map(String::as_str));
                    let hint = near.map(|near| format!(", did you mean {near}?"));
                    let (hint, instance) = (hint.unwrap_or_default(), &self.decl.name);
                    problems.push(format!("{instance} declares no field {name}{hint}"));
                }
            }
        }
    }
}

impl Values {
    /// A value for each field of an instance.
    pub(super) fn of(instance: &Instance, value: impl Fn(ValueType) -> OwnedValue) -> Self {
        let set = |(name, declared): (&String, &ValueType)| (name.clone(), value(*declared));
        Self(instance.types.iter().map(set).collect())
    }

    /// The value of a field by its full name.
    pub(super) fn get(&self, name: &str) -> Option<&OwnedValue> {
        self.0.get(name)
    }

    /// Those of the instance's declared fields, in their order.
    pub(super) fn declared(&self, instance: &Instance) -> Vec<OwnedValue> {
        let prefix = prefix(instance.decl.template);
        let value = |(name, _): &(String, ValueType)| {
            self.0
                .get(&format!("{prefix}{name}"))
                .cloned()
                .unwrap_or(OwnedValue::String(String::new()))
        };
        instance.decl.fields.iter().map(value).collect()
    }
}

/// What stands before the names of declared fields: those in a map of the user's choice, where a template
/// has one.
fn prefix(template: Template) -> &'static str {
    match template.name() {
        "metric" | "quota" => "dimensions.",
        "logentry" => "variables.",
        "tracespan" => "span_tags.",
        _ => "",
    }
}

/// Whether the handler is told of the type of `value` apart.
fn has_value(template: Template) -> bool {
    matches!(template, Template::Metric | Template::ListEntry)
}

/// The fields that the handler is told of, sorted.
fn declared(template: Template, types: &BTreeMap<String, ValueType>) -> Vec<(String, ValueType)> {
    let prefix = prefix(template);
    if template == Template::ListEntry || template.name() == "edge" {
        return Vec::new();
    }
    let field = |(name, declared): (&String, &ValueType)| {
        Some((name.strip_prefix(prefix)?.to_owned(), *declared))
    };
    types.iter().filter_map(field).collect()
}

fn no_type(field: &str, written: &Value) -> String {
    let names: Vec<&str> = ValueType::ALL.iter().map(|known| known.name()).collect();
    let near = written.as_str().and_then(|name| nearest_name(name, names.iter().copied()));
    match near {
        Some(near) => format!("{field}: there is no type {written}, did you mean {near}?"),
        None => {
            format!("{field}: expected a type, found {written}; there are {}", names.join(", "))
        }
    }
}

/// All values that are no maps, by their path.
fn leaves(map: &Map<String, Value>) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (key, value) in map {
        match value {
            Value::Object(below) => found.extend(
                leaves(below).into_iter().map(|(path, value)| (format!("{key}.{path}"), value)),
            ),
            other => found.push((key.clone(), other)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn instance(template: &str, params: Value) -> Result<Instance, Vec<String>> {
        let written = WrittenInstance {
            template: template.to_owned(),
            params: serde_json::from_value(params).unwrap(),
        };
        Instance::read("one", &written)
    }

    fn map(json: Value) -> Map<String, Value> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn names_of_dimensions_may_have_dots() {
        let declared = json!({ "value": "INT64", "dimensions": { "b.c": "STRING", "a": "BOOL" } });
        let metric = instance("metric", declared).unwrap();
        let names: Vec<_> = metric.decl.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, metric.decl.value_type), (vec!["a", "b.c"], Some(ValueType::Int64)));
        let written = map(json!({ "value": 1, "dimensions": { "b": { "c": "x" }, "a": true } }));
        let values = metric.values(&written).unwrap();
        assert_eq!(values.declared(&metric), [OwnedValue::Bool(true), "x".into()]);
    }

    #[test]
    fn mistakes_in_a_declaration_are_told_with_the_nearest_name() {
        let refused = |template, params| instance(template, params).unwrap_err();
        assert_eq!(
            refused("metrik", json!({})),
            ["there is no template metrik, did you mean metric?"]
        );
        assert_eq!(
            refused("authorization", json!({ "subject": { "usr": "STRING" } })),
            ["template authorization has no field subject.usr, did you mean subject.user?"]
        );
        assert_eq!(
            refused("listentry", json!({ "value": "STRNG" })),
            ["value: there is no type \"STRNG\", did you mean STRING?"]
        );
        assert_eq!(
            refused("apikey", json!({ "api_key": "INT64" })),
            ["field api_key is of type STRING"]
        );
    }

    #[test]
    fn values_must_be_those_declared() {
        let who = instance("authorization", json!({ "subject": { "user": "STRING" } })).unwrap();
        let refused = |written| who.values(&map(written)).unwrap_err();
        assert_eq!(
            refused(json!({ "subject": { "usr": "a" } })),
            ["one.instance.default declares no field subject.usr, did you mean subject.user?"]
        );
        assert_eq!(refused(json!({})), ["no value for subject.user of one.instance.default"]);
        assert!(
            refused(json!({ "subject": { "user": 1 } }))[0].starts_with("subject.user: expected")
        );
    }
}
