use crate::nearest::nearest;
use crate::yaml::{Node, NodeValue, documents};

/// One line of a process's own YAML file: a name with a value, as `--name value` on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name as written.
    pub name: String,
    /// Its value as text.
    pub value: String,
    /// The line of its name, counted from 1.
    pub line: u32,
}

/// The settings in `text`, a flat map in YAML, in the file's order; a list stands for its entries one
/// after the other, and a name without a value is left out.
///
/// # Errors
/// All mistakes, each with its line: YAML that cannot be read, more than one document, values that are
/// maps or lists of them.
pub fn read_settings(text: &str) -> Result<Vec<Setting>, Vec<(u32, String)>> {
    let documents = documents(text);
    let mut problems: Vec<_> =
        documents.iter().flat_map(|document| document.problems.iter().cloned()).collect();
    if let Some(second) = documents.get(1) {
        problems.push((second.line, "a second document; settings stand in one".to_owned()));
    }
    let mut settings = Vec::new();
    match documents.into_iter().next().and_then(|document| document.root) {
        None => {}
        Some(Node { value: NodeValue::Map(entries), .. }) => {
            for entry in entries {
                let mut add = |node: &Node| match &node.value {
                    NodeValue::Scalar(scalar) => settings.push(Setting {
                        name: entry.key.clone(),
                        value: scalar.text.clone(),
                        line: entry.line,
                    }),
                    _ => problems.push((
                        node.line,
                        format!(
                            "{}: expected a single value, found {}",
                            entry.key,
                            node.describe()
                        ),
                    )),
                };
                match &entry.value.value {
                    NodeValue::List(items) => items.iter().for_each(add),
                    _ if entry.value.is_null() => {}
                    _ => add(&entry.value),
                }
            }
        }
        Some(node) => {
            let found = node.describe();
            problems.push((node.line, format!("expected lines `name: value`, found {found}")));
        }
    }
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

/// The one of `names` that `word` most likely meant, if one is near enough to be worth a hint.
pub fn nearest_name<'c>(word: &str, names: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    nearest(word, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_keep_their_text_and_line() {
        let text =
            "# a comment\ngrpc: 0.0.0.0:9091\n\nlog-level: \"info\"\nempty:\nspans: [a=1, b=2]\n";
        let settings = read_settings(text).unwrap();
        let read: Vec<_> =
            settings.iter().map(|s| (s.name.as_str(), s.value.as_str(), s.line)).collect();
        assert_eq!(
            read,
            [
                ("grpc", "0.0.0.0:9091", 2),
                ("log-level", "info", 4),
                ("spans", "a=1", 6),
                ("spans", "b=2", 6)
            ]
        );
        assert_eq!(read_settings(""), Ok(Vec::new()));
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let problems = read_settings("a: {b: 1}\nc: [[1]]\n---\nd: 1\n").unwrap_err();
        let lines: Vec<_> = problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines.len(), 3, "{problems:?}");
        assert!(lines.contains(&1) && lines.contains(&2), "{problems:?}");
        assert!(read_settings("- a\n").is_err());
        assert!(read_settings("a: b: c\n").is_err());
    }
}
