//! Who an Envoy is, from what it says of its node.
//!
//! Envoy sends its node once, with the first message of a stream. Three sources, later wins: the id and
//! metadata that Istio's proxies have, and a structure `mixmesh` in the metadata, which holds attributes
//! by name.

use std::collections::BTreeMap;

use mesh_api::envoy::config::core::v3::Node;
use mesh_attributes::{AttributeBag, AttributeName, Bag, OwnedValue, Value as Borrowed};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::StatedError;
use super::claims::{structure, texts};
use super::stated::stated;

/// The structure of node metadata that holds attributes.
const ATTRIBUTES: &str = "mixmesh";
const REPORTER_KIND: &str = "context.reporter.kind";
const OUTBOUND: &str = "outbound";

/// The attributes of a node that writes the access log `log_name`: of the destination, or of the source
/// when the log's name begins with `outbound`.
///
/// # Errors
/// When an attribute of the structure `mixmesh` is none.
pub(super) fn node_attributes(node: &Node, log_name: &str) -> Result<AttributeBag, StatedError> {
    let metadata = node.metadata.as_ref();
    let stated = match metadata.and_then(|m| m.fields.get(ATTRIBUTES)).and_then(structure) {
        Some(attributes) => stated_in(attributes)?,
        None => AttributeBag::new(),
    };
    let by_log = if log_name.starts_with(OUTBOUND) { OUTBOUND } else { "inbound" };
    let kind = match stated.get(&AttributeName::new(REPORTER_KIND)) {
        Some(Borrowed::String(kind)) => kind,
        _ => by_log,
    };
    let mut bag = AttributeBag::new().with(REPORTER_KIND, kind);
    let side = if kind == OUTBOUND { "source" } else { "destination" };
    set_workload(&mut bag, side, &node.id, metadata);
    for (name, value) in stated.iter() {
        bag.set(name.as_str(), value.clone());
    }
    Ok(bag)
}

fn set_workload(bag: &mut AttributeBag, side: &str, id: &str, metadata: Option<&Struct>) {
    let metadata_text = |name: &str| match metadata?.fields.get(name)?.kind.as_ref()? {
        Kind::StringValue(text) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    };
    // Istio's ids are `sidecar~10.0.0.1~name.namespace~namespace.svc.cluster.local`.
    let parts: Vec<_> = id.split('~').collect();
    let in_id = if let [_, _, pod, _] = parts[..] { pod.rsplit_once('.') } else { None };
    let name = metadata_text("NAME").or(in_id.map(|(name, _)| name));
    let namespace = metadata_text("NAMESPACE").or(in_id.map(|(_, namespace)| namespace));
    if let Some(namespace) = namespace {
        bag.set(&format!("{side}.namespace"), namespace);
        bag.set(&format!("{side}.workload.namespace"), namespace);
    }
    if let Some(name) = name {
        bag.set(&format!("{side}.name"), name);
    }
    if let (Some(name), Some(namespace)) = (name, namespace) {
        let uid = format!("kubernetes://{name}.{namespace}");
        bag.set(&format!("{side}.uid"), uid.as_str());
        bag.set("context.reporter.uid", uid.as_str());
    }
    if let Some(workload) = metadata_text("WORKLOAD_NAME") {
        bag.set(&format!("{side}.workload.name"), workload);
    }
    let labels = metadata.and_then(|m| m.fields.get("LABELS")).and_then(structure).map(texts);
    if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
        bag.set(&format!("{side}.labels"), OwnedValue::StringMap(labels));
    }
}

fn stated_in(attributes: &Struct) -> Result<AttributeBag, StatedError> {
    let mut bag = AttributeBag::new();
    let sorted: BTreeMap<&String, &Value> = attributes.fields.iter().collect();
    for (key, value) in sorted {
        let text = match &value.kind {
            Some(Kind::StringValue(text)) => text.clone(),
            Some(Kind::BoolValue(truth)) => truth.to_string(),
            Some(Kind::NumberValue(number)) => number.to_string(),
            Some(Kind::StructValue(map)) => {
                // A map needs no type beside its name: it is one.
                let name = key.strip_suffix("[STRING_MAP]").unwrap_or(key);
                bag.set(name, OwnedValue::StringMap(texts(map)));
                continue;
            }
            None | Some(Kind::NullValue(_) | Kind::ListValue(_)) => String::new(),
        };
        let (name, value) = stated(key, &text)?;
        bag.set(name, value);
    }
    Ok(bag)
}
