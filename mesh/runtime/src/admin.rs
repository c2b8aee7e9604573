use std::io;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

use crate::{Drain, Readiness};

/// The routes that each process has on its admin port: `/healthz` (the process answers), `/readyz` (503
/// and what is missing, or 200) and `/metrics` (what is in `registry`, Prometheus text format).
pub fn admin_router(readiness: Readiness, registry: Registry) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(move || std::future::ready(ready(&readiness))))
        .route("/metrics", get(move || std::future::ready(metrics(&registry))))
}

/// Serves `routes` until the process drains; requests under way are finished.
///
/// # Errors
/// When the listener fails.
pub async fn serve_http(listener: TcpListener, routes: Router, drain: Drain) -> io::Result<()> {
    axum::serve(listener, routes)
        .with_graceful_shutdown(async move { drain.signaled().await })
        .await
}

fn ready(readiness: &Readiness) -> Response {
    let missing = readiness.missing();
    if missing.is_empty() {
        "ready\n".into_response()
    } else {
        let text = format!("not ready, waits for: {}\n", missing.join(", "));
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

fn metrics(registry: &Registry) -> Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        Err(cause) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{cause}\n")).into_response(),
    }
}
