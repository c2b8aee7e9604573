//! Dotted names. An attribute's name is one word with dots in it; CEL sees fields of fields. The longest
//! declared name that the dots spell wins, and what is left selects keys of a map.

use super::ast::{Form, Node};
use crate::AttributeTypes;

/// The segments of a dotted name, from the first; `None` when `node` is something else.
pub(crate) fn segments(node: &Node) -> Option<Vec<&str>> {
    let mut segments = Vec::new();
    let mut node = node;
    loop {
        match &node.form {
            Form::Name(name) => {
                segments.push(name.as_str());
                segments.reverse();
                return Some(segments);
            }
            Form::Select(operand, field) => {
                segments.push(field);
                node = operand;
            }
            _ => return None,
        }
    }
}

/// Whether a declared name goes on behind `prefix` and a dot.
pub(crate) fn is_prefix(prefix: &str, types: &dyn AttributeTypes) -> bool {
    types.names().any(|name| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')))
}
