use serde_json::{Map, Value};

use crate::catalog::ParamNames;
use crate::yaml::{Node, NodeValue, same_field};

/// Parameters of a handler or instance: free-form for the configuration, known to who runs them.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    value: Value,
    line: u32,
    node: Option<Node>,
}

impl Params {
    /// The parameters as JSON, an object unless they are something else in the file; an empty one if
    /// there are none. A bare `yes` or `010` is text here.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The line in the resource's file of the field at `path`, such as `metrics[0].kind`, or of the
    /// nearest field around it that is written there.
    pub fn line_of(&self, path: &str) -> u32 {
        self.node.as_ref().and_then(|node| node.line_of(path)).unwrap_or(self.line)
    }

    /// No parameters, as if written at `line`.
    pub(crate) fn none(line: u32) -> Self {
        Self { value: Value::Object(Map::new()), line, node: None }
    }

    /// What stands at `node`, under a key at `line`.
    pub(crate) fn new(node: &Node, line: u32, names: &ParamNames) -> Self {
        Self { value: to_json(node, names, false), line, node: Some(node.clone()) }
    }
}

/// The recursion is bounded by the depth to which YAML is read.
pub(crate) fn to_json(node: &Node, names: &ParamNames, wants_bool: bool) -> Value {
    match &node.value {
        NodeValue::Scalar(scalar) => match scalar.as_bool() {
            Some(truth) if wants_bool => Value::Bool(truth),
            _ => scalar.to_json(),
        },
        NodeValue::List(items) => {
            items.iter().map(|item| to_json(item, names, wants_bool)).collect()
        }
        NodeValue::Map(entries) => entries
            .iter()
            .map(|entry| {
                let key = names.compound.iter().find(|name| same_field(name, &entry.key));
                let key = key.map_or(entry.key.as_str(), |name| name);
                let value = to_json(&entry.value, names, names.booleans.contains(&key));
                (key.to_owned(), value)
            })
            .collect::<Map<_, _>>()
            .into(),
    }
}
