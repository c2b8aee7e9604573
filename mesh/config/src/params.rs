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
    /// there are none. A bare `yes` is text here unless a truth value is wanted.
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

    /// What stands at `node`, under a key at `line`. Numbers that readers of YAML disagree on are added
    /// to `problems`.
    pub(crate) fn new(
        node: &Node,
        line: u32,
        names: &ParamNames,
        problems: &mut Vec<(u32, String)>,
    ) -> Self {
        let value = Reader { names, problems }.json(node, line, false);
        Self { value, line, node: Some(node.clone()) }
    }

    /// What stands at `node`, under a key at `line`, where all scalars are text.
    pub(crate) fn texts(node: &Node, line: u32) -> Self {
        Self { value: texts(node), line, node: Some(node.clone()) }
    }
}

struct Reader<'r> {
    names: &'r ParamNames,
    problems: &'r mut Vec<(u32, String)>,
}

impl Reader<'_> {
    /// The recursion is bounded by the depth to which YAML is read.
    fn json(&mut self, node: &Node, line: u32, wants_bool: bool) -> Value {
        match &node.value {
            NodeValue::Scalar(scalar) => match scalar.as_bool() {
                Some(truth) if wants_bool => Value::Bool(truth),
                _ => {
                    self.problems.extend(scalar.ambiguity().map(|message| (line, message)));
                    scalar.to_json()
                }
            },
            NodeValue::List(items) => {
                items.iter().map(|item| self.json(item, item.line, wants_bool)).collect()
            }
            NodeValue::Map(entries) => entries
                .iter()
                .map(|entry| {
                    let key = self.names.compound.iter().find(|name| same_field(name, &entry.key));
                    let key = key.map_or(entry.key.as_str(), |name| name);
                    let value = if self.names.texts.contains(&key) {
                        texts(&entry.value)
                    } else {
                        let wants_bool = self.names.booleans.contains(&key);
                        self.json(&entry.value, entry.line, wants_bool)
                    };
                    (key.to_owned(), value)
                })
                .collect::<Map<_, _>>()
                .into(),
        }
    }
}

/// What stands at `node`, with no names to know: a bare `yes` or `010` is text.
pub(crate) fn plain(node: &Node) -> Value {
    const NO_NAMES: ParamNames = ParamNames { compound: &[], booleans: &[], texts: &[] };
    Reader { names: &NO_NAMES, problems: &mut Vec::new() }.json(node, node.line, false)
}

/// What is written where texts are wanted: keys are of the user's choice, and scalars are text
/// whatever they look like.
fn texts(node: &Node) -> Value {
    match &node.value {
        NodeValue::Scalar(scalar) if scalar.is_null() => Value::Null,
        NodeValue::Scalar(scalar) => Value::String(scalar.text.clone()),
        NodeValue::List(items) => items.iter().map(texts).collect(),
        NodeValue::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), texts(&entry.value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}
