//! The names of Istio's configuration: which are read, and which are known but refused.
//!
//! One place to extend: an adapter or template that becomes available moves from the refused names
//! into its enum. Names and fields are those of Istio 1.4.

mod adapter;
mod schema;
mod template;

pub use adapter::CompiledAdapter;
pub(crate) use adapter::ParamNames;
pub use schema::{FieldKind, FieldSchema, Variety};
pub use template::CompiledTemplate;

/// Adapters of Istio 1.4 that are not available.
const OTHER_ADAPTERS: &[&str] =
    &["bypass", "circonus", "cloudwatch", "opa", "rbac", "solarwinds", "stackdriver"];

/// What is wrong with `name` as a compiled adapter.
pub(crate) fn refuse_adapter(name: &str) -> String {
    let available = CompiledAdapter::ALL.map(CompiledAdapter::name);
    refuse("compiled adapter", name, &available)
}

/// What is wrong with `name` as a compiled template.
pub(crate) fn refuse_template(name: &str) -> String {
    let available = CompiledTemplate::ALL.map(CompiledTemplate::name);
    refuse("compiled template", name, &available)
}

/// Whether `name` is a kind of Istio that is not available, so no kind of ours mistyped.
pub(crate) fn is_other_kind(name: &str) -> bool {
    OTHER_ADAPTERS.contains(&name)
}

/// What is wrong with `name` as the kind of a resource.
pub(crate) fn refuse_kind(name: &str) -> String {
    let available: Vec<_> = crate::Kind::all().map(crate::Kind::name).collect();
    refuse("kind", name, &available)
}

fn refuse(what: &str, name: &str, available: &[&str]) -> String {
    if OTHER_ADAPTERS.contains(&name) {
        return format!(
            "{what} `{name}` of Istio is not available here; available are {}",
            available.join(", ")
        );
    }
    let hint = crate::nearest::hint(name, available.iter().copied());
    format!("unknown {what} `{name}`, {hint}")
}
