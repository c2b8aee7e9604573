//! The service behind the sidecar in the demo and the tests: greets at every path, in one of two
//! versions, and counts what reaches it, so that a count of Envoy's or Mixer's can be held against it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::get;
use axum::{Json, Router};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Greets over HTTP.
#[derive(Debug, Parser)]
struct Options {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How it greets.
    #[arg(long, value_enum, default_value_t = Version::V1)]
    version: Version,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Version {
    V1,
    V2,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    fn greeting(self, user: &str) -> String {
        match self {
            Self::V1 => format!("Hello, {user}!"),
            Self::V2 => format!("Good to see you, {user}."),
        }
    }
}

#[derive(Clone)]
struct Greeter {
    version: Version,
    greeted: Arc<AtomicU64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listen on {}", options.listen))?;
    let mut terminated = signal(SignalKind::terminate())?;
    let ended = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    axum::serve(listener, routes(options.version)).with_graceful_shutdown(ended).await?;
    Ok(())
}

fn routes(version: Version) -> Router {
    let greeter = Greeter { version, greeted: Arc::default() };
    Router::new().route("/__count", get(count)).fallback(greet).with_state(greeter)
}

/// How many requests were greeted; this one is not.
async fn count(State(greeter): State<Greeter>) -> Json<Value> {
    Json(
        json!({ "version": greeter.version.name(), "count": greeter.greeted.load(Ordering::Relaxed) }),
    )
}

async fn greet(
    State(greeter): State<Greeter>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Json<Value> {
    greeter.greeted.fetch_add(1, Ordering::Relaxed);
    let user = headers.get("x-user").and_then(|user| user.to_str().ok()).unwrap_or("stranger");
    Json(json!({
        "greeting": greeter.version.greeting(user),
        "version": greeter.version.name(),
        "method": method.as_str(),
        "path": uri.path(),
    }))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(routes: &Router, path: &str, user: Option<&str>) -> Value {
        let mut request = Request::get(path);
        if let Some(user) = user {
            request = request.header("x-user", user);
        }
        let answer = routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn greets_at_every_path_and_counts_only_greetings() {
        let routes = routes(Version::V2);
        let greeting = ask(&routes, "/anything/at?all=1", Some("ann")).await;
        assert_eq!(greeting["greeting"], "Good to see you, ann.");
        assert_eq!(
            (&greeting["version"], &greeting["path"]),
            (&json!("v2"), &json!("/anything/at"))
        );
        ask(&routes, "/", None).await;
        assert_eq!(ask(&routes, "/__count", None).await["count"], 2);
        assert_eq!(ask(&routes, "/__count", None).await["count"], 2);
    }
}
