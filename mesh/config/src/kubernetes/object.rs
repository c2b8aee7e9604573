use std::sync::Arc;

use kube::api::DynamicObject;
use kube::core::{ApiResource, TypeMeta};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::source::Object;

/// How problems name an object: `kind/namespace/name`.
pub(super) fn name_of(resource: &ApiResource, object: &DynamicObject) -> Arc<str> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    format!("{}/{namespace}/{name}", resource.kind).into()
}

/// An object as the inventory takes it.
pub(super) fn object(resource: &ApiResource, mut object: DynamicObject) -> Object {
    let name = name_of(resource, &object);
    // Lists may leave out what is the same for all.
    object.types.get_or_insert_with(|| TypeMeta {
        api_version: resource.api_version.clone(),
        kind: resource.kind.clone(),
    });
    object.metadata.managed_fields = None;
    let text = shown(&object).map_err(|cause| format!("cannot be written as JSON: {cause}"));
    Object { name, text }
}

/// The text that `kubectl get -o json` shows: keys in their order, four spaces for each level.
fn shown(object: &DynamicObject) -> Result<String, serde_json::Error> {
    // A map of `Value` has its keys in order.
    let value: Value = serde_json::to_value(object)?;
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
