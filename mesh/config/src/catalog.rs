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

/// Adapters of Istio, compiled in or not, that are not available, with what to use instead. Those that
/// another one stands in for are in [`CompiledAdapter::component`].
const OTHER_ADAPTERS: &[(&str, &str)] = &[
    ("apigee", PROCESS),
    ("bypass", PROCESS),
    ("circonus", "use `prometheus`, which Circonus' agent scrapes, or `statsd`, which it receives"),
    ("cloudwatch", COLLECTOR),
    ("newrelic", COLLECTOR),
    ("servicecontrol", "Istio removed it; use `authz` and `quota` for its checks"),
    ("signalfx", COLLECTOR),
    ("solarwinds", COLLECTOR),
    ("stackdriver", COLLECTOR),
    ("wavefront", COLLECTOR),
];

const PROCESS: &str = "run the adapter as a process of its own and name it with `adapter` and \
                       `connection` in place of `compiledAdapter`";
const COLLECTOR: &str =
    "use `otlp` and let an OpenTelemetry collector export to it; there is an exporter";

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
    hint_of(name).is_some()
}

/// What is wrong with `name` as the kind of a resource.
pub(crate) fn refuse_kind(name: &str) -> String {
    let available: Vec<_> = crate::Kind::all().map(crate::Kind::name).collect();
    refuse("kind", name, &available)
}

fn hint_of(name: &str) -> Option<&'static str> {
    OTHER_ADAPTERS.iter().find(|(other, _)| *other == name).map(|(_, hint)| *hint)
}

fn refuse(what: &str, name: &str, available: &[&str]) -> String {
    match hint_of(name) {
        Some("") => format!(
            "{what} `{name}` of Istio is not available here; available are {}",
            available.join(", ")
        ),
        Some(hint) => format!("{what} `{name}` of Istio is not available here; {hint}"),
        None => {
            let hint = crate::nearest::hint(name, available.iter().copied());
            format!("unknown {what} `{name}`, {hint}")
        }
    }
}
