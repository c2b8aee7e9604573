use std::fs;

use adapter_host::{AdapterHost, HostOptions};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use mesh_config::read_folder;
use mesh_runtime::{LogFormat, Readiness, admin_router, log_router, start_logs};
use tower::Service as _;

use super::*;
use crate::metrics::{HandlerMetrics, Metrics};
use crate::policy::PolicyBuilder;

const CONFIG: &str = r#"
apiVersion: config.istio.io/v1alpha2
kind: attributemanifest
metadata: { name: m, namespace: default }
spec: { attributes: { request.path: { valueType: STRING } } }
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: h, namespace: default }
spec: { compiledAdapter: denier, params: { apiKey: hunter2, status: { code: 7 } } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: i, namespace: default }
spec: { compiledTemplate: checknothing }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: r, namespace: default }
spec: { match: request.path == "/", actions: [{ handler: h, instances: [i] }] }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: wrong, namespace: default }
spec: { match: request.nothing == "/", actions: [{ handler: gone, instances: [i] }] }
"#;

/// A Mixer that has this configuration and no adapters, and its pages.
async fn pages(metrics: &Metrics) -> (Arc<Mixer>, Router) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yaml"), CONFIG).unwrap();
    let config = read_folder(folder.path()).unwrap();
    let host = AdapterHost::new(HostOptions::default()).unwrap();
    let nowhere = folder.path().join("adapters");
    let mut builder = PolicyBuilder::new(host, nowhere, "istio-system", metrics.clone());
    let policy = builder.build(&config).await;
    metrics.config.export(&config, policy.problems());
    let mixer = Arc::new(Mixer::new(policy, 1 << 20, metrics.clone(), None));
    let (_sender, configs) = watch::channel(Arc::new(config));
    let subject = Subject::default();
    subject.show(Arc::clone(&mixer), configs);
    (mixer, debug_router(subject))
}

async fn get(routes: &Router, page: &str) -> (u16, String) {
    let request = Request::get(page).body(Body::empty()).unwrap();
    let answer = routes.clone().call(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn post(routes: &Router, page: &str, body: &str) -> (u16, String) {
    let request = Request::post(page).body(Body::from(body.to_owned())).unwrap();
    let answer = routes.clone().call(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn json(routes: &Router, page: &str) -> Value {
    let (status, body) = get(routes, page).await;
    assert_eq!(status, 200, "{page}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn every_page_of_the_index_is_there() {
    let metrics = Metrics::new();
    let (_mixer, debug) = pages(&metrics).await;
    let log = start_logs(LogFormat::Text, "off").unwrap();
    let routes = admin_router(Readiness::new(), metrics.registry().clone())
        .merge(debug)
        .merge(log_router(log));
    let index = json(&routes, "/").await;
    let listed = index["pages"].as_array().unwrap();
    assert_eq!(listed.len(), PAGES.len());
    for page in listed {
        let (status, body) = get(&routes, page["page"].as_str().unwrap()).await;
        assert_eq!(status, 200, "{page}: {body}");
    }
}

#[tokio::test]
async fn before_the_first_configuration_the_pages_say_so() {
    let routes = debug_router(Subject::default());
    assert_eq!(get(&routes, "/debug/config").await.0, 503);
    assert_eq!(json(&routes, "/version").await["process"], "mixer");
}

#[tokio::test]
async fn the_configuration_is_shown_with_its_places_and_without_secrets() {
    let (_mixer, routes) = pages(&Metrics::new()).await;
    let (_, body) = get(&routes, "/debug/config").await;
    assert!(!body.contains("hunter2"), "{body}");
    let config: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(config["source"]["in_force"], true);
    assert_eq!(config["rules"][0]["match"], "request.path == \"/\"");
    assert_eq!(config["rules"][0]["actions"][0]["instances"][0], "i");
    assert_eq!(config["configured_handlers"][0]["params"]["status"]["code"], 7);
    assert!(config["configured_handlers"][0]["at"].as_str().unwrap().contains("all.yaml:"));
    assert_eq!(config["namespaces"]["default"]["has_check"], true);
    assert!(config["problems"].to_string().contains("request.nothing"), "{config:#}");
}

#[tokio::test]
async fn handlers_and_cache_are_shown() {
    let (_mixer, routes) = pages(&Metrics::new()).await;
    let handlers = json(&routes, "/debug/handlers").await;
    assert_eq!(handlers["handlers"][0]["name"], "h.default");
    assert_eq!(handlers["handlers"][0]["state"], "missing");
    let why = handlers["handlers"][0]["why"].as_str().unwrap();
    assert!(why.contains("denier"), "{why}");
    let cache = json(&routes, "/debug/cache").await;
    assert_eq!(cache["size"]["limit_bytes"], 1 << 20);
    assert_eq!(cache["shapes"]["*"], json!([]));
    assert_eq!(cache["shapes"]["default"], json!([]));
}

#[tokio::test]
async fn what_is_configured_and_what_is_wrong_is_counted_by_kind() {
    let metrics = Metrics::new();
    let (mixer, _routes) = pages(&metrics).await;
    metrics.registry().register(Box::new(HandlerMetrics::new(&mixer))).unwrap();
    let text =
        prometheus::TextEncoder::new().encode_to_string(&metrics.registry().gather()).unwrap();
    for line in [
        "mixer_config_attributes_total 1",
        "mixer_config_instance_configs_total 1",
        "mixer_config_rule_config_match_error_total 1",
        "mixer_dispatcher_destinations_per_variety_total{variety=\"check\"} 0",
        "mixer_handler_left_out 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn a_request_is_explained_by_the_rules_that_match_it() {
    let (_mixer, routes) = pages(&Metrics::new()).await;
    let request = r#"{"destination.namespace":{"t":"STRING","v":"default"}}"#;
    let (status, body) = post(&routes, "/debug/explain", request).await;
    assert_eq!(status, 200, "{body}");
    let explained: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(explained["namespace"], "default");
    assert!(explained["answer"]["code"].is_i64(), "{body}");
    for wrong in ["", "[]", "{\"a\":1}"] {
        let (status, body) = post(&routes, "/debug/explain", wrong).await;
        assert_eq!(status, 400, "{wrong}: {body}");
        assert!(body.contains("must be attributes such as"), "{body}");
    }
}
