use std::fmt::Write as _;

use super::Scalar;

/// A part of a YAML document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it begins, counted from 1. What came through an alias has the lines of its anchor.
    pub(crate) line: u32,
    pub(crate) value: NodeValue,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeValue {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map with its value. Keys are text, unique within their map, in the file's order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u32,
    pub(crate) value: Node,
}

impl Node {
    /// Whether it is nothing: `key:`, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, NodeValue::Scalar(scalar) if scalar.is_null())
    }

    /// What it is, for a message: "a map", "the text `x`".
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            NodeValue::Map(_) => "a map".to_owned(),
            NodeValue::List(_) => "a list".to_owned(),
            NodeValue::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            NodeValue::Scalar(scalar) => format!("`{}`", shorten(&scalar.text)),
        }
    }

    /// The line of what `path` (such as `metrics[0].kind`) leads to, or of the last part on the way
    /// that exists; none if not even its first part does.
    pub(crate) fn line_of(&self, path: &str) -> Option<u32> {
        let mut node = self;
        let mut line = None;
        let mut rest = path;
        loop {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            match &node.value {
                NodeValue::Map(entries) => {
                    let Some((entry, after)) = entry_on_path(entries, rest) else { return line };
                    (node, line, rest) = (&entry.value, Some(entry.line), after);
                }
                NodeValue::List(items) => {
                    let Some((item, after)) = item_on_path(items, rest) else { return line };
                    (node, line, rest) = (item, Some(item.line), after);
                }
                NodeValue::Scalar(_) => return line,
            }
        }
    }
}

/// The entry that `path` begins with. Keys may have dots, so the longest one that fits is meant.
fn entry_on_path<'n, 'p>(entries: &'n [Entry], path: &'p str) -> Option<(&'n Entry, &'p str)> {
    let ends = path
        .char_indices()
        .filter_map(|(at, c)| matches!(c, '.' | '[').then_some(at))
        .chain([path.len()]);
    let mut best = None;
    for end in ends {
        let (key, rest) = path.split_at(end);
        if let Some(entry) = entries.iter().find(|entry| same_field(&entry.key, key)) {
            best = Some((entry, rest));
        }
    }
    best
}

fn item_on_path<'n, 'p>(items: &'n [Node], path: &'p str) -> Option<(&'n Node, &'p str)> {
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((items.get(index.parse::<usize>().ok()?)?, rest))
}

/// Whether two texts spell the same field: `valid_duration` is also written `validDuration`.
pub(crate) fn same_field(a: &str, b: &str) -> bool {
    a == b || snake_case(a).eq(snake_case(b))
}

fn snake_case(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(|c| {
        let underscore = c.is_ascii_uppercase().then_some('_');
        underscore.into_iter().chain([c.to_ascii_lowercase()])
    })
}

/// `text` on one line and short enough for a message.
pub(crate) fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short = String::new();
    for c in text.chars() {
        if short.len() >= LONGEST {
            short.push('…');
            break;
        }
        if c.is_control() {
            // Writing to a string cannot fail.
            let _ = write!(short, "{}", c.escape_debug());
        } else {
            short.push(c);
        }
    }
    short
}
