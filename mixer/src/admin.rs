//! The HTTP port beyond what every process has: what is in force, for people.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use mesh_config::SourceStatus;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::handlers::{HandlerState, HandlerUnit};
use crate::policy::NamespaceState;
use crate::service::Mixer;
use crate::source::describe;

/// `/debug/config`: the source, the revision, the generation of each namespace, the handlers and their state, and
/// every mistake in the configuration.
pub(crate) fn debug_router(mixer: Arc<Mixer>, source: watch::Receiver<SourceStatus>) -> Router {
    let show = move || std::future::ready(Json(config(&mixer, &source.borrow())));
    Router::new().route("/debug/config", get(show))
}

fn config(mixer: &Mixer, source: &SourceStatus) -> Value {
    let policy = mixer.policy();
    let announcement = policy.announcement();
    let namespaces: serde_json::Map<String, Value> = announcement
        .namespaces
        .iter()
        .map(|(name, state)| (name.clone(), namespace(state)))
        .collect();
    json!({
        "source": describe(source),
        "revision": policy.revision(),
        "default": namespace(&announcement.default),
        "namespaces": namespaces,
        "handlers": policy.handlers().iter().map(|unit| handler(unit)).collect::<Vec<_>>(),
        "problems": policy.problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn namespace(state: &NamespaceState) -> Value {
    json!({ "generation": state.generation.to_string(), "has_check": state.has_check })
}

fn handler(unit: &HandlerUnit) -> Value {
    let mut value = json!({ "name": unit.name, "adapter": unit.adapter });
    match &unit.state {
        HandlerState::Built { built, .. } => {
            value["state"] = "built".into();
            value["status"] = json!(built.handler.status());
        }
        HandlerState::Missing { why } => {
            value["state"] = "missing".into();
            value["why"] = why.as_str().into();
        }
    }
    value
}
