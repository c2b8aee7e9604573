//! The pages of the HTTP port beyond what every process has: what is in force, for people and scripts.
//!
//! All are JSON with a stable order. They show the configuration, so the port belongs inside the mesh;
//! what looks like a secret is not shown even there.

mod cache;
mod config;
mod explain;
mod handlers;
mod redact;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use mesh_config::{ConfigSet, SourceStatus};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::service::Mixer;
use crate::source::describe;

/// What the index lists; a test asks for each.
const PAGES: [(&str, &str); 10] = [
    ("/", "this list"),
    ("/healthz", "200 while the process answers"),
    ("/readyz", "200 when it serves, else 503 and what is missing"),
    ("/metrics", "its own metrics, Prometheus text format"),
    ("/version", "its version and what it was built with"),
    ("/debug/config", "what is configured, the generation of each namespace, every mistake"),
    ("/debug/handlers", "each handler: adapter, state, calls, failures, queue"),
    ("/debug/cache", "the check cache and the attributes its answers depend on"),
    ("/debug/explain", "POST attributes: what the rules make of them"),
    ("/debug/log", "what is logged; PUT with ?level=… changes it"),
];

/// What the pages show. There is nothing to see before the first configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    source: Arc<OnceLock<watch::Receiver<SourceStatus>>>,
    seen: Arc<OnceLock<Seen>>,
}

#[derive(Debug)]
struct Seen {
    mixer: Arc<Mixer>,
    configs: watch::Receiver<Arc<ConfigSet>>,
    source: Option<watch::Receiver<SourceStatus>>,
}

impl Subject {
    /// Shows from now on how the source does from which the first configuration is awaited.
    pub(crate) fn await_config(&self, source: watch::Receiver<SourceStatus>) {
        // Awaited once in the life of a process.
        let _awaited_before = self.source.set(source);
    }

    /// Shows `mixer` from now on, and the newest of `configs`.
    pub(crate) fn show(&self, mixer: Arc<Mixer>, configs: watch::Receiver<Arc<ConfigSet>>) {
        let source = self.source.get().cloned();
        // Shown once in the life of a process.
        let _shown_before = self.seen.set(Seen { mixer, configs, source });
    }
}

/// The pages.
pub(crate) fn debug_router(subject: Subject) -> Router {
    Router::new()
        .route("/", get(async || pretty(&index())))
        .route("/version", get(async || Json(version())))
        .route("/debug/config", get(async |State(subject)| page(&subject, config::page)))
        .route("/debug/handlers", get(async |State(subject)| page(&subject, handlers::page)))
        .route("/debug/explain", get(explain::usage).post(explain::answer))
        .route("/debug/cache", get(async |State(subject)| page(&subject, cache::page)))
        .with_state(subject)
}

fn page(subject: &Subject, show: fn(&Seen) -> Value) -> Response {
    match subject.seen.get() {
        Some(seen) => pretty(&show(seen)),
        None => {
            let source = subject.source.get().map(|status| describe(&status.borrow()));
            let waiting = json!({ "awaited": "the first configuration", "source": source });
            (StatusCode::SERVICE_UNAVAILABLE, pretty(&waiting)).into_response()
        }
    }
}

fn pretty(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{value:#}\n")).into_response()
}

fn index() -> Value {
    let pages = PAGES.iter().map(|(page, what)| json!({ "page": page, "what": what }));
    json!({ "process": "mixer", "pages": pages.collect::<Vec<_>>() })
}

fn version() -> Value {
    json!({
        "process": "mixer",
        "version": env!("CARGO_PKG_VERSION"),
        "debug_build": cfg!(debug_assertions),
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    })
}
