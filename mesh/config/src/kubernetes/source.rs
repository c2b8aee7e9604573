use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use kube::core::ApiResource;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info};

use super::client::kubernetes_client;
use super::hub::Hub;
use super::watcher::{Told, Watcher, keep_discovering};
use crate::source::{Publisher, Scope, SourceFeed};
use crate::{ConfigError, KubernetesLocation};

/// Changes within this time come into force together.
const GATHER: Duration = Duration::from_millis(20);
/// A fault that comes again at once must not keep the server busy.
const AFTER_FAULT: Duration = Duration::from_secs(1);
/// What watchers may tell ahead of its being noted; then they wait.
const AHEAD: usize = 64;

/// Follows custom resources of Kubernetes.
///
/// What was read stays in force while the API server is away. The revision of a set is the highest
/// `resourceVersion` in it.
pub struct KubernetesSource {
    location: KubernetesLocation,
    client: Client,
    hub: Hub,
}

impl KubernetesSource {
    /// Prepares to follow `location`, without connecting.
    ///
    /// # Errors
    /// When nothing tells who and where the API server is.
    pub async fn open(location: &KubernetesLocation) -> Result<(Self, SourceFeed), ConfigError> {
        let client = kubernetes_client(location).await?;
        let (publisher, feed) = Publisher::new(&location.to_string());
        Ok((Self { location: location.clone(), client, hub: Hub::new(publisher) }, feed))
    }

    /// Connects, again and again if need be, and publishes each change until `shutdown` resolves.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => {}
            never = self.follow() => match never {},
        }
    }

    async fn follow(&mut self) -> Infallible {
        loop {
            self.follow_all().await;
            self.hub.begin_again();
        }
    }

    /// Follows all kinds until all are to be listed again.
    async fn follow_all(&mut self) {
        let (sender, mut told) = mpsc::channel(AHEAD);
        let mut watchers = JoinSet::new();
        watchers.spawn(keep_discovering(self.client.clone(), sender.clone()));
        let mut due: Option<Instant> = None;
        loop {
            tokio::select! {
                // A flood of news must not hold up what is due.
                biased;
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    due = None;
                    self.hub.publish();
                    if self.hub.has_room_again() {
                        info!("There is room for more objects; all kinds are listed again.");
                        return;
                    }
                }
                Some(news) = told.recv() => {
                    match news {
                        Told::Of(scope, news) => self.hub.told(scope, news),
                        Told::Kinds(Ok(kinds)) => {
                            self.meet(&kinds, &sender, &mut watchers);
                            self.hub.discovered();
                        }
                        Told::Kinds(Err(why)) => self.hub.not_discovered(why),
                    }
                    if due.is_none() && self.hub.is_due() {
                        due = Some(Instant::now() + GATHER);
                    }
                }
                Some(ended) = watchers.join_next() => {
                    // Watchers end when this function does, and not before.
                    error!(?ended, "A watch ended unexpectedly; all kinds are listed again.");
                    sleep(AFTER_FAULT).await;
                    return;
                }
            }
        }
    }

    /// Starts a watcher for each scope of `kinds` that has none.
    fn meet(
        &mut self,
        kinds: &[ApiResource],
        told: &mpsc::Sender<Told>,
        watchers: &mut JoinSet<()>,
    ) {
        for resource in kinds {
            let all =
                || (Scope::from(&*resource.kind), Api::all_with(self.client.clone(), resource));
            let within = self.location.namespaces.iter().map(|namespace| {
                let scope = format!("{}/{namespace}", resource.kind).into();
                let api = Api::namespaced_with(self.client.clone(), namespace.as_str(), resource);
                (scope, api)
            });
            let mut scopes: Vec<_> = within.collect();
            if scopes.is_empty() {
                scopes.push(all());
            }
            for (scope, api) in scopes {
                if self.hub.knows(&scope) {
                    continue;
                }
                info!(kind = &*scope, "Custom resources are followed.");
                self.hub.meet(Scope::clone(&scope));
                let (resource, told) = (resource.clone(), told.clone());
                watchers.spawn(Watcher { scope, resource, api, told }.run());
            }
        }
    }
}
