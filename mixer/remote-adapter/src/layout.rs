use mesh_attributes::{OwnedValue, ValueType};
use prost_reflect::{Kind, MessageDescriptor};

use crate::encode::{self, Misfit};
use crate::field::{Leaf, NAME_FIELD, Resolved, Step, resolve};
use crate::{FieldMistake, RemoteTemplate};

/// How the values of one instance become its message. Made once, so that a call looks up no name.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The field `name`, encoded.
    name: Vec<u8>,
    nodes: Vec<Node>,
    values: usize,
}

#[derive(Debug)]
enum Node {
    Leaf {
        number: u32,
        leaf: Leaf,
        declared: ValueType,
        value: usize,
    },
    Message {
        number: u32,
        nodes: Vec<Node>,
    },
    /// An entry of a map.
    Entry {
        number: u32,
        key: String,
        nodes: Vec<Node>,
    },
}

/// The number of the key in a map's entry.
const ENTRY_KEY: u32 = 1;

impl Layout {
    /// The layout of instance `name`, whose values come in the order of `fields`.
    ///
    /// # Errors
    /// All fields that the template has not, or has with another type.
    pub(crate) fn new(
        template: &RemoteTemplate,
        name: &str,
        fields: &[(String, ValueType)],
    ) -> Result<Self, Vec<FieldMistake>> {
        let mut nodes = Vec::new();
        let mut mistakes = Vec::new();
        for (value, (field, declared)) in fields.iter().enumerate() {
            let resolved = resolve(template, field).and_then(|resolved| {
                let expected = resolved.leaf.expected();
                if expected.takes(*declared) {
                    return Ok(resolved);
                }
                Err(FieldMistake::Mistyped {
                    template: template.name().to_owned(),
                    field: field.clone(),
                    got: declared.name(),
                    wanted: expected.text().to_owned(),
                })
            });
            match resolved {
                Ok(Resolved { steps, number, leaf }) => {
                    let leaf = Node::Leaf { number, leaf, declared: *declared, value };
                    insert(&mut nodes, &steps, leaf);
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut encoded = Vec::new();
        encode::bytes(NAME_FIELD, name.as_bytes(), &mut encoded);
        Ok(Self { name: encoded, nodes, values: fields.len() })
    }

    /// The message of an instance with these values.
    pub(crate) fn encode(&self, values: &[OwnedValue]) -> Result<Vec<u8>, Misfit> {
        if values.len() != self.values {
            let (given, needed) = (values.len(), self.values);
            return Err(Misfit(format!("{given} values instead of {needed}")));
        }
        let mut out = self.name.clone();
        encode_nodes(&self.nodes, values, &mut out)?;
        Ok(out)
    }

    /// The message that tells the types of the fields that are not fixed.
    pub(crate) fn types(&self, types: &MessageDescriptor) -> Vec<u8> {
        let mut out = Vec::new();
        encode_types(&self.nodes, types, &mut out);
        out
    }
}

fn insert(nodes: &mut Vec<Node>, steps: &[Step], leaf: Node) {
    let Some((step, rest)) = steps.split_first() else { return nodes.push(leaf) };
    let same = |node: &Node| match (node, step) {
        (Node::Message { number, .. }, Step::Into(into)) => number == into,
        (Node::Entry { number, key, .. }, Step::Key(of, wanted)) => number == of && key == wanted,
        _ => false,
    };
    let at = nodes.iter().position(same).unwrap_or_else(|| {
        nodes.push(match step {
            Step::Into(number) => Node::Message { number: *number, nodes: Vec::new() },
            Step::Key(number, key) => {
                Node::Entry { number: *number, key: key.clone(), nodes: Vec::new() }
            }
        });
        nodes.len() - 1
    });
    if let Node::Message { nodes, .. } | Node::Entry { nodes, .. } = &mut nodes[at] {
        insert(nodes, rest, leaf);
    }
}

/// As deep as the names in the configuration have dots.
fn encode_nodes(nodes: &[Node], values: &[OwnedValue], out: &mut Vec<u8>) -> Result<(), Misfit> {
    for node in nodes {
        match node {
            Node::Leaf { number, leaf, declared, value } => {
                encode::leaf(leaf, *declared, *number, &values[*value], out)?;
            }
            Node::Message { number, nodes } => {
                encode::message(*number, out, |inner| encode_nodes(nodes, values, inner))?;
            }
            Node::Entry { number, key, nodes } => encode::message(*number, out, |inner| {
                encode::bytes(ENTRY_KEY, key.as_bytes(), inner);
                encode_nodes(nodes, values, inner)
            })?,
        }
    }
    Ok(())
}

fn encode_types(nodes: &[Node], types: &MessageDescriptor, out: &mut Vec<u8>) {
    for node in nodes {
        let (Node::Leaf { number, .. } | Node::Message { number, .. } | Node::Entry { number, .. }) =
            node;
        let Some(field) = types.get_field(*number) else { continue };
        match (node, field.kind()) {
            (Node::Leaf { leaf: Leaf::Any, declared, .. }, Kind::Enum(_)) => {
                encode::varint(*number, *declared as u64, out);
            }
            (Node::Message { nodes, .. }, Kind::Message(inner)) => {
                let mut body = Vec::new();
                encode_types(nodes, &inner, &mut body);
                encode::bytes(*number, &body, out);
            }
            (Node::Entry { key, nodes, .. }, Kind::Message(entry)) => {
                let mut body = Vec::new();
                encode::bytes(ENTRY_KEY, key.as_bytes(), &mut body);
                encode_types(nodes, &entry, &mut body);
                encode::bytes(*number, &body, out);
            }
            _ => {}
        }
    }
}
