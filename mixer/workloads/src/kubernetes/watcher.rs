use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_host::Pod;
use futures_util::{StreamExt, pin_mut};
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt};
use mesh_config::Backoff;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::known::{News, PodKey};
use crate::WorkloadMetrics;
use crate::manifest::Manifest;

/// For one call. A page of a list over a slow line.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Pods asked for at once, as `kubectl` does: some 5 MB.
const PAGE: u32 = 500;
/// After so long the server ends a watch in order.
const WATCH_SECONDS: u32 = 60;
/// How much later it must have ended.
const GRACE: Duration = Duration::from_secs(15);
/// A watch that ends sooner is not begun again sooner: something on the way may end all of them at once.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);

/// Follows the pods of one namespace, or of all.
pub(super) struct Watcher {
    pub(super) scope: usize,
    pub(super) api: Api<DynamicObject>,
    pub(super) told: mpsc::Sender<(usize, News)>,
    pub(super) metrics: WorkloadMetrics,
    /// Before it begins.
    pub(super) pause: Duration,
}

/// Why pods are not followed.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error("the API server does not list pods: {}", said(.0))]
    List(Box<kube::Error>),
    #[error("the API server does not let pods be watched: {}", said(.0))]
    Watch(Box<kube::Error>),
    #[error("the API server ended the watch of pods: {0}")]
    Ended(String),
    #[error("the API server has not answered for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the API server listed pods without a version")]
    Strange,
}

/// How a watch ended that has not failed.
enum End {
    /// In order.
    Over,
    /// The version is too old: list again.
    Gone,
}

/// Whoever listens has gone; so do we.
struct Unheard;

type Told<T> = Result<Result<T, WatchError>, Unheard>;

impl Watcher {
    /// Lists and watches until nobody listens any more.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new();
        sleep(self.pause).await;
        loop {
            let begun = Instant::now();
            let pause = match self.list_and_watch().await {
                Err(Unheard) => return,
                Ok(Ok(())) => SHORTEST_WATCH.saturating_sub(begun.elapsed()),
                // A page of a list can be too old for the server as well.
                Ok(Err(WatchError::List(cause))) if is_gone(&cause) => SHORTEST_WATCH,
                Ok(Err(error)) => {
                    if self.tell(News::Broken(error.to_string())).await.is_err() {
                        return;
                    }
                    backoff.connection_lasted(begun.elapsed());
                    backoff.delay()
                }
            };
            sleep(pause).await;
        }
    }

    /// Returns when pods are to be listed again.
    async fn list_and_watch(&self) -> Told<()> {
        let mut version = match self.list().await? {
            Ok(version) => version,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            let begun = Instant::now();
            match self.watch(&mut version).await? {
                Ok(End::Over) => {
                    self.tell(News::Alive).await?;
                    sleep(SHORTEST_WATCH.saturating_sub(begun.elapsed())).await;
                }
                Ok(End::Gone) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Returns the version from which a watch goes on.
    async fn list(&self) -> Told<String> {
        self.tell(News::Listing).await?;
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = match timeout(CALL_LIMIT, self.api.list(&params)).await {
                Err(_) => return Ok(Err(WatchError::Silent(CALL_LIMIT))),
                Ok(Err(cause)) => return Ok(Err(WatchError::List(Box::new(cause)))),
                Ok(Ok(page)) => page,
            };
            for object in page.items {
                if let (key, Some(pod)) = self.read(object) {
                    self.tell(News::Listed(key, pod)).await?;
                }
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = ListParams::default().limit(PAGE).continue_token(&token),
                None => {
                    let Some(version) = page.metadata.resource_version else {
                        return Ok(Err(WatchError::Strange));
                    };
                    self.tell(News::Synced).await?;
                    return Ok(Ok(version));
                }
            }
        }
    }

    async fn watch(&self, version: &mut String) -> Told<End> {
        let params = WatchParams::default().timeout(WATCH_SECONDS);
        let failed = |cause: kube::Error| match is_gone(&cause) {
            true => Ok(End::Gone),
            false => Err(WatchError::Watch(Box::new(cause))),
        };
        let events = match timeout(CALL_LIMIT, self.api.watch(&params, version)).await {
            Err(_) => return Ok(Err(WatchError::Silent(CALL_LIMIT))),
            Ok(Err(cause)) => return Ok(failed(cause)),
            Ok(Ok(events)) => events,
        };
        pin_mut!(events);
        let limit = Duration::from_secs(WATCH_SECONDS.into()) + GRACE;
        loop {
            let event = match timeout(limit, events.next()).await {
                Err(_) => return Ok(Err(WatchError::Silent(limit))),
                Ok(None) => return Ok(Ok(End::Over)),
                Ok(Some(Err(cause))) => return Ok(failed(cause)),
                Ok(Some(Ok(event))) => event,
            };
            let now = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    let now = object.metadata.resource_version.clone();
                    let news = match self.read(object) {
                        (key, Some(pod)) => News::Applied(key, pod),
                        (key, None) => News::Deleted(key),
                    };
                    self.tell(news).await?;
                    now
                }
                WatchEvent::Deleted(object) => {
                    self.tell(News::Deleted(key_of(&object))).await?;
                    object.metadata.resource_version
                }
                WatchEvent::Bookmark(mark) => {
                    self.tell(News::Alive).await?;
                    Some(mark.metadata.resource_version)
                }
                WatchEvent::Error(status) if status.code == 410 => return Ok(Ok(End::Gone)),
                WatchEvent::Error(status) => return Ok(Err(WatchError::Ended(status.message))),
            };
            if let Some(now) = now {
                *version = now;
            }
        }
    }

    /// A pod that makes no sense is told and counted, and not known: it must not hide the others.
    fn read(&self, object: DynamicObject) -> (PodKey, Option<Arc<Pod>>) {
        let key = key_of(&object);
        match pod(object) {
            Ok(pod) => (key, Some(Arc::new(pod))),
            Err(why) => {
                self.metrics.refused.inc();
                warn!(pod = &*key, why, "A pod of Kubernetes is not understood.");
                (key, None)
            }
        }
    }

    async fn tell(&self, news: News) -> Result<(), Unheard> {
        self.told.send((self.scope, news)).await.map_err(|_| Unheard)
    }
}

fn key_of(object: &DynamicObject) -> PodKey {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()).into()
}

fn pod(mut object: DynamicObject) -> Result<Pod, String> {
    object.metadata.managed_fields = None;
    let metadata = serde_json::to_value(&object.metadata).map_err(|error| error.to_string())?;
    let mut fields = match object.data {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.insert("metadata".to_owned(), metadata);
    let manifest: Manifest = serde_path_to_error::deserialize(&Value::Object(fields))
        .map_err(|error| format!("{}: {}", error.path(), error.inner()))?;
    Pod::try_from(manifest).map_err(|wrong| format!("{} {}", wrong.field, wrong.message))
}

/// Whether the server has forgotten the version that was asked for.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 410)
}

/// What an error says, with the likely cause where users meet one often.
fn said(error: &kube::Error) -> String {
    let kube::Error::Api(status) = error else {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        return text;
    };
    let cause = match status.code {
        401 => "; is the token or certificate still valid?",
        403 => "; deploy/rbac-workloads.yaml has a role with what is needed",
        _ => "",
    };
    format!("{} ({}){cause}", status.message, status.code)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As an API server of version 1.33 writes it, shortened.
    fn recorded() -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "reviews-v1-6f4d8c9b7-x2x9p", "namespace": "books",
                "uid": "a3b0c6b2-6d9f-4b52-9c3a-0f2c1f4b5a77", "resourceVersion": "4711",
                "generateName": "reviews-v1-6f4d8c9b7-",
                "creationTimestamp": "2024-05-31T23:59:59Z",
                "labels": { "app": "reviews", "pod-template-hash": "6f4d8c9b7" },
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "reviews-v1-6f4d8c9b7",
                    "uid": "c0", "controller": true, "blockOwnerDeletion": true,
                }],
                "managedFields": [{ "manager": "kubelet", "operation": "Update" }],
            },
            "spec": {
                "containers": [{ "name": "app", "image": "reviews:1", "resources": {},
                    "ports": [{ "containerPort": 9080, "protocol": "TCP" }] }],
                "serviceAccountName": "reader", "nodeName": "n1", "restartPolicy": "Always",
            },
            "status": {
                "phase": "Running", "hostIP": "192.168.0.1", "podIP": "10.0.0.1",
                "podIPs": [{ "ip": "10.0.0.1" }, { "ip": "fd00::1" }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_of_the_server_is_that_of_a_file() {
        let pod = pod(recorded()).unwrap();
        assert_eq!(&*key_of(&recorded()), "books/reviews-v1-6f4d8c9b7-x2x9p");
        assert_eq!((pod.workload_name.as_str(), pod.ips.len()), ("reviews-v1", 2));
        assert_eq!(pod.owner, "kubernetes://apis/apps/v1/namespaces/books/deployments/reviews-v1");
        assert!(pod.found_by_ip && pod.created > 0);
        assert_eq!((pod.service_account_name.as_str(), pod.containers.len()), ("reader", 1));
    }

    #[test]
    fn a_pod_that_makes_no_sense_says_where() {
        let mut object = recorded();
        object.data["status"]["podIP"] = json!("here");
        assert_eq!(pod(object).unwrap_err(), "status.podIP \"here\" is no IP address");
        let mut object = recorded();
        object.data["spec"]["containers"] = json!(7);
        assert!(pod(object).unwrap_err().starts_with("spec.containers: "));
    }
}
