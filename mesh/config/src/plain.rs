use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::folder::{Stamp, list, read_text};
use crate::params::plain;
use crate::yaml::{Node, documents};
use crate::{Origin, Problem};

/// A YAML document that is none of our resources, as JSON.
#[derive(Debug, Clone)]
pub struct PlainDocument {
    origin: Origin,
    value: Value,
    node: Node,
}

/// The YAML documents of a file, or of all files in a folder and the folders in it.
#[derive(Debug, Default)]
pub struct PlainFiles {
    /// In the order of the files' names.
    pub documents: Vec<PlainDocument>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// What identifies the content of a file or folder without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlainState {
    files: BTreeMap<Arc<str>, Option<Stamp>>,
}

impl PlainDocument {
    /// The document. A bare `yes` or `010` is text here.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Where the field at `path`, such as `items[0].metadata.name`, is written, or the nearest field
    /// around it; where the document begins when not even that is there.
    pub fn origin_of(&self, path: &str) -> Origin {
        self.node.line_of(path).map_or_else(|| self.origin.clone(), |line| self.origin.at(line))
    }
}

impl PlainFiles {
    /// Reads a file or folder as it is now, within the bounds that hold for configuration.
    pub fn read(path: &Path) -> Self {
        let mut read = Self::default();
        if !path.is_dir() {
            read.file(&path.display().to_string(), path);
            return read;
        }
        match list(path) {
            Ok(listing) => {
                for (name, message) in listing.refused {
                    read.refuse(&name, 0, message);
                }
                for (name, file) in listing.files {
                    read.file(&name, &file.path);
                }
            }
            Err(error) => read.refuse(&path.display().to_string(), 0, error.to_string()),
        }
        read
    }

    fn file(&mut self, name: &str, path: &Path) {
        let text = match read_text(path) {
            Ok(text) => text,
            Err(message) => return self.refuse(name, 0, message),
        };
        for document in documents(&text) {
            for (line, message) in document.problems {
                self.refuse(name, line, message);
            }
            let Some(node) = document.root.filter(|node| document.whole && !node.is_null()) else {
                continue;
            };
            let origin = Origin { file: name.into(), line: document.line };
            let value = plain(&node);
            self.documents.push(PlainDocument { origin, value, node });
        }
    }

    fn refuse(&mut self, name: &str, line: u32, message: String) {
        let origin = Origin { file: name.into(), line };
        self.problems.push(Problem { origin, object: None, message });
    }
}

impl PlainState {
    /// The state now. What cannot be looked at is a state, too.
    pub fn of(path: &Path) -> Self {
        let own = || fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
        let files = match list(path) {
            Ok(listing) => {
                let refused = listing.refused.into_keys().map(|name| (name, None));
                let read = listing.files.into_iter().map(|(name, file)| (name, Some(file.stamp)));
                refused.chain(read).collect()
            }
            Err(_) => BTreeMap::from([("".into(), own())]),
        };
        Self { files }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_the_places_of_their_fields_and_mistakes_cost_one_document() {
        let folder = tempfile::tempdir().unwrap();
        let text = "a:\n- b: 1\n  c.d: x\n---\n{\n---\n# nothing\n---\ne: yes\n";
        fs::write(folder.path().join("one.yaml"), text).unwrap();
        let files = PlainFiles::read(folder.path());
        let values: Vec<_> = files.documents.iter().map(|d| d.value().to_string()).collect();
        assert_eq!(values, [r#"{"a":[{"b":1,"c.d":"x"}]}"#, r#"{"e":"yes"}"#]);
        for (path, place) in [("a[0].c.d", 3), ("a[0].x", 2), ("a[7]", 1), ("x", 1), ("", 1)] {
            let origin = files.documents[0].origin_of(path);
            assert_eq!(origin.to_string(), format!("one.yaml:{place}"), "{path}");
        }
        assert_eq!(files.problems.len(), 1);
        assert_eq!(&*files.problems[0].origin.file, "one.yaml");
    }

    #[test]
    fn a_state_changes_with_what_is_written_added_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one.yaml");
        let mut states = vec![PlainState::of(folder.path())];
        fs::write(&file, "a: 1").unwrap();
        states.push(PlainState::of(folder.path()));
        assert_eq!(states[1], PlainState::of(folder.path()));
        fs::write(&file, "a: 12").unwrap();
        states.push(PlainState::of(folder.path()));
        states.push(PlainState::of(&file));
        fs::remove_file(&file).unwrap();
        assert_eq!(states[0], PlainState::of(folder.path()));
        states.push(PlainState::of(&file));
        for (at, state) in states.iter().enumerate() {
            assert!(!states[at + 1..].contains(state), "{at}");
        }
    }
}
