use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::node::shorten;
use super::{Document, Entry, Node, NodeValue, Scalar};

/// Deepest nesting read. Resources need about ten levels.
pub(super) const MAX_DEPTH: usize = 64;
/// Most nodes of a document, and again as many copied for its anchors and aliases: a few short lines
/// of aliases could otherwise ask for more nodes than memory holds.
pub(super) const MAX_NODES: usize = 100_000;
/// Most bytes of text copied for the anchors and aliases of a document.
pub(super) const MAX_COPIED_BYTES: usize = 4 << 20;
/// Most mistakes listed for one document.
const MAX_PROBLEMS: usize = 100;

/// A mistake after which the rest of a document means nothing.
pub(super) struct Refusal {
    pub(super) line: u32,
    pub(super) message: String,
}

/// Builds the tree of one document from the parser's events.
pub(super) struct TreeBuilder {
    lines_before: u32,
    open: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    problems: Vec<(u32, String)>,
    nodes: usize,
    copied_nodes: usize,
    copied_bytes: usize,
}

/// A container that is not closed yet.
struct Frame {
    anchor: usize,
    line: u32,
    container: Container,
}

enum Container {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        keys: HashSet<String>,
        key: Option<(String, u32)>,
        merged: Vec<Node>,
    },
}

/// What an alias stands for, with its cost.
struct Anchored {
    node: Rc<Node>,
    nodes: usize,
    bytes: usize,
}

impl TreeBuilder {
    pub(super) fn new(lines_before: u32) -> Self {
        Self {
            lines_before,
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            problems: Vec::new(),
            nodes: 0,
            copied_nodes: 0,
            copied_bytes: 0,
        }
    }

    pub(super) fn event(&mut self, event: Event<'_>, line: u32) -> Result<(), Refusal> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tagged_text = self.is_text(tag.as_deref(), line);
                let plain = style == ScalarStyle::Plain && !tagged_text;
                let scalar = Scalar { text: text.into_owned(), plain };
                self.complete(Node { line, value: NodeValue::Scalar(scalar) }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.is_text(tag.as_deref(), line);
                self.push(Frame { anchor, line, container: Container::List(Vec::new()) })
            }
            Event::MappingStart(anchor, tag) => {
                self.is_text(tag.as_deref(), line);
                let container = Container::Map {
                    entries: Vec::new(),
                    keys: HashSet::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.push(Frame { anchor, line, container })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(frame) => {
                    let anchor = frame.anchor;
                    let node = self.close(frame);
                    self.complete(node, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let node = self.resolve(anchor, line)?;
                self.complete(node, 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    /// The document, unless it is empty.
    pub(super) fn finish(self) -> Option<Document> {
        let root = self.root.filter(|root| !root.is_null());
        if root.is_none() && self.problems.is_empty() {
            return None;
        }
        let line = root.as_ref().map_or(self.lines_before + 1, |root| root.line);
        Some(Document { line, root, problems: self.problems, whole: true })
    }

    /// The document as far as it was read, with the mistake that ended reading.
    pub(super) fn abandon(mut self, line: u32, message: String) -> Document {
        while let Some(frame) = self.open.pop() {
            let node = self.close(frame);
            // Half of a document is kept to name the resource; what does not fit is not needed.
            let _ = self.complete(node, 0);
        }
        self.problems.push((line, message));
        let first = self.root.as_ref().map_or(line, |root| root.line);
        Document { line: first, root: self.root, problems: self.problems, whole: false }
    }

    /// Whether the tag makes a scalar text whatever it looks like. Other tags of YAML's own kinds
    /// change nothing here; unknown ones are a mistake.
    fn is_text(&mut self, tag: Option<&Tag>, line: u32) -> bool {
        let Some(tag) = tag else { return false };
        let core = tag.is_yaml_core_schema().then_some(tag.suffix.as_str());
        match core {
            Some("str") => true,
            Some("map" | "seq" | "int" | "float" | "bool" | "null") => false,
            _ if tag.handle.is_empty() && tag.suffix == "!" => true,
            _ => {
                self.problem(
                    line,
                    format!("unknown tag `{}`, leave it out", shorten(&tag.to_string())),
                );
                false
            }
        }
    }

    fn push(&mut self, frame: Frame) -> Result<(), Refusal> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Refusal { line: frame.line, message });
        }
        if matches!(
            self.open.last(),
            Some(Frame { container: Container::Map { key: None, .. }, .. })
        ) {
            return Err(complex_key(frame.line));
        }
        self.open.push(frame);
        Ok(())
    }

    fn close(&mut self, frame: Frame) -> Node {
        let value = match frame.container {
            Container::List(items) => NodeValue::List(items),
            Container::Map { mut entries, mut keys, merged, .. } => {
                for map in merged {
                    self.merge(&mut entries, &mut keys, map);
                }
                NodeValue::Map(entries)
            }
        };
        Node { line: frame.line, value }
    }

    /// Puts a finished node where it belongs: into the innermost open container, or at the root.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Refusal> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the document has more than {MAX_NODES} values");
            return Err(Refusal { line: node.line, message });
        }
        if anchor != 0 {
            let (nodes, bytes) = cost(&node);
            self.charge(nodes, bytes, node.line)?;
            self.anchors.insert(anchor, Anchored { node: Rc::new(node.clone()), nodes, bytes });
        }
        match self.open.last_mut().map(|frame| &mut frame.container) {
            None => self.root = Some(node),
            Some(Container::List(items)) => items.push(node),
            Some(Container::Map { key: key @ None, .. }) => match node.value {
                NodeValue::Scalar(scalar) => *key = Some((scalar.text, node.line)),
                _ => return Err(complex_key(node.line)),
            },
            Some(Container::Map { entries, keys, key: key @ Some(_), merged }) => {
                let Some((name, line)) = key.take() else { return Ok(()) };
                if name == "<<" {
                    merged.push(node);
                } else if keys.insert(name.clone()) {
                    entries.push(Entry { key: name, line, value: node });
                } else {
                    let first =
                        entries.iter().find(|entry| entry.key == name).map_or(0, |e| e.line);
                    let name = shorten(&name);
                    self.problem(
                        line,
                        format!("key `{name}` is here twice, first at line {first}"),
                    );
                }
            }
        }
        Ok(())
    }

    /// YAML's merge key `<<`: entries of another map, or of a list of maps, that are not here yet.
    fn merge(&mut self, entries: &mut Vec<Entry>, keys: &mut HashSet<String>, from: Node) {
        match from.value {
            NodeValue::Map(more) => {
                entries.extend(more.into_iter().filter(|entry| keys.insert(entry.key.clone())));
            }
            NodeValue::List(maps)
                if maps.iter().all(|map| matches!(map.value, NodeValue::Map(_))) =>
            {
                for map in maps {
                    self.merge(entries, keys, map);
                }
            }
            _ => self.problem(from.line, "`<<` takes a map or a list of maps".to_owned()),
        }
    }

    fn resolve(&mut self, anchor: usize, line: u32) -> Result<Node, Refusal> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            let message = "the alias names an anchor that is not complete here".to_owned();
            return Err(Refusal { line, message });
        };
        let (node, nodes, bytes) = (Rc::clone(&anchored.node), anchored.nodes, anchored.bytes);
        self.charge(nodes, bytes, line)?;
        if self.open.len() + depth(&node) > MAX_DEPTH {
            return Err(Refusal {
                line,
                message: format!("nested deeper than {MAX_DEPTH} levels"),
            });
        }
        Ok(Node::clone(&node))
    }

    /// Counts a copy that an anchor or an alias is about to make.
    fn charge(&mut self, nodes: usize, bytes: usize, line: u32) -> Result<(), Refusal> {
        self.copied_nodes += nodes;
        self.copied_bytes += bytes;
        if self.copied_nodes > MAX_NODES || self.copied_bytes > MAX_COPIED_BYTES {
            let message = format!(
                "anchors and aliases copy too much: at most {MAX_NODES} values and \
                 {MAX_COPIED_BYTES} bytes of text a document"
            );
            return Err(Refusal { line, message });
        }
        Ok(())
    }

    fn problem(&mut self, line: u32, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push((line, message));
        }
    }
}

fn complex_key(line: u32) -> Refusal {
    let message =
        "a map or list stands where a key is expected; is a text with `{` or `[` not quoted?";
    Refusal { line, message: message.to_owned() }
}

/// Nodes and bytes of text in `node`. The recursion is bounded by [`MAX_DEPTH`].
fn cost(node: &Node) -> (usize, usize) {
    let add = |(nodes, bytes): (usize, usize), (n, b): (usize, usize)| (nodes + n, bytes + b);
    match &node.value {
        NodeValue::Scalar(scalar) => (1, scalar.text.len()),
        NodeValue::List(items) => items.iter().map(cost).fold((1, 0), add),
        NodeValue::Map(entries) => entries
            .iter()
            .map(|entry| add(cost(&entry.value), (0, entry.key.len())))
            .fold((1, 0), add),
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        NodeValue::Scalar(_) => 0,
        NodeValue::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        NodeValue::Map(entries) => {
            1 + entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0)
        }
    }
}
