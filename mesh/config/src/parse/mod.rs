//! From the tree of a YAML document to a typed resource, or to everything that is wrong with it.

mod api;
mod connection;
mod duration;
mod extension;
mod fields;
mod handler;
mod header_operation;
mod identity;
mod instance;
mod limits;
mod manifest;
mod message;
mod quota;
mod rule;
mod sampling;
mod service;
mod spec;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::yaml::{Document, Node, NodeValue, documents};
use crate::{Origin, Problem, Resource, ResourceKey};
use fields::{Fields, Report};
use identity::Identity;

/// Most problems listed for one file.
const MAX_PROBLEMS: usize = 200;

/// What one file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parsed {
    /// The resources without mistakes, in the file's order, each key once.
    pub resources: Vec<Arc<Resource>>,
    /// Keys of resources that are in the file but refused for their mistakes.
    pub refused: BTreeSet<ResourceKey>,
    /// All mistakes, in the file's order.
    pub problems: Vec<Problem>,
    /// Whether `resources` and `refused` account for every document. Otherwise the file may define
    /// more than could be read: after a syntax error, or where kind, name or namespace is missing.
    pub complete: bool,
}

/// Reads the resources of `text`; `file` is how problems name it. Never fails as a whole: a mistake
/// costs the resource it is in.
pub fn parse(file: &str, text: &str) -> Parsed {
    let mut reader = Reader {
        file: file.into(),
        parsed: Parsed { complete: true, ..Parsed::default() },
        places: BTreeMap::new(),
        unlisted: 0,
    };
    for document in documents(text) {
        reader.document(&document);
    }
    let Reader { file, mut parsed, unlisted, .. } = reader;
    parsed.problems.sort();
    if unlisted > 0 {
        parsed.problems.push(Problem {
            origin: Origin { file, line: 0 },
            object: None,
            message: format!("{unlisted} more problems of this file are not listed"),
        });
    }
    parsed
}

struct Reader {
    file: Arc<str>,
    parsed: Parsed,
    /// Where each key was met first.
    places: BTreeMap<ResourceKey, u32>,
    /// Problems found after [`MAX_PROBLEMS`].
    unlisted: usize,
}

impl Reader {
    fn document(&mut self, document: &Document) {
        if !document.whole {
            self.parsed.complete = false;
        }
        if let Some(items) = document.root.as_ref().and_then(list_items) {
            for item in items {
                self.resource(item, item.line, document);
            }
            self.file_problems(&document.problems, None);
            return;
        }
        match &document.root {
            Some(root) => self.resource(root, document.line, document),
            None => self.file_problems(&document.problems, None),
        }
    }

    fn resource(&mut self, root: &Node, line: u32, document: &Document) {
        let mut report = Report::default();
        let Some(mut fields) = Fields::open(root, "", &mut report) else {
            self.parsed.complete = false;
            self.file_problems(&document.problems, None);
            if document.whole {
                self.file_problems(&report.problems, None);
            }
            return;
        };
        let identity = Identity::read(&mut fields, line, &mut report);
        let key = match &identity {
            Identity::Known { key, .. } => Some(key.clone()),
            Identity::Foreign => None,
            Identity::Unknown => {
                self.parsed.complete = false;
                None
            }
        };
        let spec = match &identity {
            Identity::Known { key, .. } => spec::read(key.kind, &mut fields, line, &mut report),
            Identity::Foreign | Identity::Unknown => None,
        };
        if !matches!(identity, Identity::Foreign) {
            fields.skip("spec");
            fields.skip("status");
            fields.finish(&mut report);
        }
        if !document.whole {
            // What is missing after a syntax error is no mistake of its own.
            report = Report::default();
        }
        let own_document = document.root.as_ref().is_some_and(|own| std::ptr::eq(own, root));
        if own_document {
            report.problems.extend(document.problems.iter().cloned());
        }
        if let Some(key) = &key
            && let Some(first) = self.places.insert(key.clone(), line)
        {
            self.places.insert(key.clone(), first);
            let first = Origin { file: Arc::clone(&self.file), line: first };
            report.problem(line, format!("is defined twice, first at {first}; the first counts"));
        }
        let flawed = !document.problems.is_empty() || !report.problems.is_empty();
        self.file_problems(&report.problems, key.as_ref());
        let (Identity::Known { key, annotations }, false) = (identity, flawed) else {
            self.parsed.refused.extend(key);
            return;
        };
        match spec {
            Some(spec) => {
                let origin = Origin { file: Arc::clone(&self.file), line };
                self.parsed.resources.push(Arc::new(Resource { key, origin, annotations, spec }));
            }
            None => {
                self.parsed.refused.insert(key);
            }
        }
    }

    fn file_problems(&mut self, problems: &[(u32, String)], object: Option<&ResourceKey>) {
        let room = MAX_PROBLEMS.saturating_sub(self.parsed.problems.len());
        self.unlisted += problems.len().saturating_sub(room);
        self.parsed.problems.extend(problems.iter().take(room).map(|(line, message)| Problem {
            origin: Origin { file: Arc::clone(&self.file), line: *line },
            object: object.cloned(),
            message: message.clone(),
        }));
    }
}

/// The items of a `kind: List`, as `kubectl get -o yaml` writes resources.
fn list_items(root: &Node) -> Option<&[Node]> {
    let NodeValue::Map(entries) = &root.value else { return None };
    let value = |name: &str| entries.iter().find(|entry| entry.key == name).map(|e| &e.value.value);
    match (value("kind")?, value("items")?) {
        (NodeValue::Scalar(kind), NodeValue::List(items)) if kind.text == "List" => Some(items),
        _ => None,
    }
}
