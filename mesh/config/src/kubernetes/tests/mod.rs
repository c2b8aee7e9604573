mod hub;
mod object;
mod watcher;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use super::{GROUP, VERSION};

pub(super) fn rules() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, "rule"), "rules")
}

/// A rule as the API server gives it.
pub(super) fn rule(name: &str, spec: &Value) -> DynamicObject {
    serde_json::from_value(json!({
        "metadata": {
            "name": name,
            "namespace": "default",
            "resourceVersion": "7",
            "uid": "6d3f",
            "creationTimestamp": "2024-01-01T00:00:00Z",
            "managedFields": [{ "manager": "kubectl", "operation": "Apply" }],
            "annotations": { "note": "a \"quoted\" text\nof two lines: \u{1}\u{7f}\u{feff}😀" },
        },
        "spec": spec,
    }))
    .unwrap()
}

pub(super) fn spec() -> Value {
    json!({ "match": "true", "actions": [{ "handler": "h", "instances": ["i"] }] })
}
