use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use adapter_host::Pod;
use mesh_config::{Origin, PlainDocument, PlainFiles, Problem};
use serde_json::Value;

use crate::manifest::Manifest;

/// What was found in files.
#[derive(Debug, Default)]
pub(crate) struct Pods {
    pub(crate) pods: Vec<Arc<Pod>>,
    /// Objects of other kinds, which say nothing about pods.
    pub(crate) others: usize,
    pub(crate) problems: Vec<Problem>,
    places: HashMap<(String, String), Origin>,
}

impl Pods {
    /// Reads the pods in a file or folder: each a document, or in lists as `kubectl get -o yaml` writes
    /// them.
    pub(crate) fn read(path: &Path) -> Self {
        let files = PlainFiles::read(path);
        let mut pods = Self { problems: files.problems, ..Self::default() };
        for document in &files.documents {
            pods.object(document, document.value(), "", None);
        }
        pods.problems.sort();
        pods
    }

    /// `path` is where the object stands in its document, and `assumed` its kind if it has none.
    fn object(
        &mut self,
        document: &PlainDocument,
        object: &Value,
        path: &str,
        assumed: Option<&str>,
    ) {
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        match text("kind").or(assumed) {
            None => {
                let message = "has no kind; is it a pod of Kubernetes?".to_owned();
                self.refuse(document, path, message);
            }
            Some("Pod") => match text("apiVersion") {
                Some("v1") | None => self.pod(document, object, path),
                Some(other) => {
                    let message = format!("pods have apiVersion v1, not {other}");
                    self.refuse(document, &join(path, "apiVersion"), message);
                }
            },
            Some(list @ ("PodList" | "List")) if path.is_empty() => {
                let assumed = (list == "PodList").then_some("Pod");
                match object.get("items") {
                    Some(Value::Array(items)) => {
                        for (index, item) in items.iter().enumerate() {
                            self.object(document, item, &format!("items[{index}]"), assumed);
                        }
                    }
                    None | Some(Value::Null) => {}
                    Some(_) => self.refuse(document, "items", "items are no list".to_owned()),
                }
            }
            Some(_) => self.others += 1,
        }
    }

    fn pod(&mut self, document: &PlainDocument, object: &Value, path: &str) {
        let manifest: Manifest = match serde_path_to_error::deserialize(object) {
            Ok(manifest) => manifest,
            Err(error) => {
                let field = error.path().to_string();
                let message = format!("{}pod: {}", of(&field), error.inner());
                return self.refuse(document, &join(path, &field), message);
            }
        };
        let name = manifest.metadata.name.clone();
        let pod = match Pod::try_from(manifest) {
            Ok(pod) => pod,
            Err(senseless) => {
                let message = format!("pod {name}: {} {}", senseless.field, senseless.message);
                return self.refuse(document, &join(path, senseless.field), message);
            }
        };
        let here = document.origin_of(&join(path, "metadata.name"));
        let key = (pod.namespace.clone(), pod.name.clone());
        if let Some(there) = self.places.get(&key) {
            let message = format!("pod {}.{} is at {there} too", pod.name, pod.namespace);
            return self.problems.push(Problem { origin: here, object: None, message });
        }
        self.places.insert(key, here);
        self.pods.push(Arc::new(pod));
    }

    fn refuse(&mut self, document: &PlainDocument, path: &str, message: String) {
        self.problems.push(Problem { origin: document.origin_of(path), object: None, message });
    }
}

fn join(path: &str, field: &str) -> String {
    match (path, field) {
        ("", field) => field.to_owned(),
        (path, "" | ".") => path.to_owned(),
        (path, field) => format!("{path}.{field}"),
    }
}

fn of(field: &str) -> String {
    if field == "." { String::new() } else { format!("{field} of a ") }
}

#[cfg(test)]
mod tests;
