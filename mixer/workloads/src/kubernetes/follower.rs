use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant, SystemTime, UNIX_EPOCH};

use adapter_host::WorkloadIndex;
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use mesh_config::{KubernetesLocation, kubernetes_client};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{error, info, warn};

use super::known::{Known, News};
use super::watcher::Watcher;
use crate::{WorkloadError, WorkloadMetrics};

/// Changes within this time are shown together.
const GATHER: Duration = Duration::from_millis(100);
/// Of the time, making the index may take one part in so many.
const SHARE: u32 = 10;
/// How long the first list is waited for before Mixer serves without.
const FIRST: Duration = Duration::from_secs(15);
/// What watches may tell ahead of its being noted; then they wait.
const AHEAD: usize = 1024;
/// A fault that comes again at once must not keep the server busy.
const AFTER_FAULT: Duration = Duration::from_secs(1);
/// Between two lists for pods that did not fit.
const ROOM: Duration = Duration::from_secs(60);

/// Keeps an index filled with the pods of a Kubernetes API server.
pub struct KubernetesWorkloads {
    location: KubernetesLocation,
    client: Client,
    index: Arc<WorkloadIndex>,
    metrics: WorkloadMetrics,
    known: Known,
    told: mpsc::Receiver<(usize, News)>,
    watchers: JoinSet<()>,
    was_broken: bool,
    listed: Instant,
}

impl KubernetesWorkloads {
    /// Begins to follow pods and waits some seconds for the first list, so that what is served soon after
    /// knows them. Without an answer it goes on all the same: nothing is known then, and the reason is in
    /// the log.
    ///
    /// # Errors
    /// When nothing tells who and where the API server is.
    pub async fn open(
        location: &KubernetesLocation,
        index: Arc<WorkloadIndex>,
        metrics: WorkloadMetrics,
    ) -> Result<Self, WorkloadError> {
        let client = kubernetes_client(location).await.map_err(WorkloadError::Kubernetes)?;
        let (_, told) = mpsc::channel(1);
        let mut followed = Self {
            location: location.clone(),
            client,
            index,
            metrics,
            known: Known::new(location.namespaces.len().max(1)),
            told,
            watchers: JoinSet::new(),
            was_broken: false,
            listed: Instant::now(),
        };
        followed.begin(Duration::ZERO);
        let synced = timeout(FIRST, async {
            while !followed.known.is_synced() {
                followed.hear().await;
            }
        });
        if synced.await.is_err() {
            warn!(source = %location, "The pods were not listed yet; none is known.");
        }
        followed.show().await;
        Ok(followed)
    }

    /// Follows changes until `stop` resolves.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let follow = async {
            let mut due: Option<Instant> = None;
            loop {
                tokio::select! {
                    // A flood of news must not hold up what is due.
                    biased;
                    () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                        let took = self.show().await;
                        // What is due next is due after a rest.
                        due = None;
                        sleep((took * SHARE).saturating_sub(GATHER)).await;
                    }
                    () = self.hear() => {}
                }
                if due.is_none() && self.known.is_changed() && self.known.is_synced() {
                    due = Some(Instant::now() + GATHER);
                }
                if self.known.has_room_again() && self.listed.elapsed() > ROOM {
                    info!("There is room for more pods; all are listed again.");
                    self.begin(Duration::ZERO);
                }
            }
        };
        tokio::select! {
            () = stop => {}
            () = follow => {}
        }
    }

    /// Starts a watch of each namespace, in place of those there were.
    fn begin(&mut self, pause: Duration) {
        let pods = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
        let (sender, told) = mpsc::channel(AHEAD);
        self.told = told;
        self.listed = Instant::now();
        self.watchers = JoinSet::new();
        let within = self.location.namespaces.iter().map(|namespace| {
            Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace.as_str(), &pods)
        });
        let mut apis: Vec<_> = within.collect();
        if apis.is_empty() {
            apis.push(Api::all_with(self.client.clone(), &pods));
        }
        for (scope, api) in apis.into_iter().enumerate() {
            let (told, metrics) = (sender.clone(), self.metrics.clone());
            self.watchers.spawn(Watcher { scope, api, told, metrics, pause }.run());
        }
    }

    /// Takes note of the next that is told. Loses nothing when it is dropped.
    async fn hear(&mut self) {
        tokio::select! {
            Some((scope, news)) = self.told.recv() => {
                let is_heard = !matches!(news, News::Broken(_));
                self.known.told(scope, news);
                if is_heard {
                    self.metrics.last_contact.set(now());
                }
                self.tell_state();
            }
            ended = self.watchers.join_next() => {
                // Watches end when this does, and not before.
                error!(?ended, "A watch of pods ended unexpectedly; all are listed again.");
                self.begin(AFTER_FAULT);
            }
        }
    }

    fn tell_state(&mut self) {
        match self.known.broken() {
            Some(why) if !self.was_broken => {
                warn!(source = %self.location, why, "Pods are not followed; what is known stays.");
                self.was_broken = true;
            }
            None if self.was_broken && self.known.is_synced() => {
                info!(source = %self.location, "Pods are followed again.");
                self.was_broken = false;
            }
            _ => {}
        }
        self.metrics.connected.set((!self.was_broken && self.known.is_synced()).into());
    }

    /// Shows what is known to adapters. Returns how long that took.
    async fn show(&mut self) -> Duration {
        let begun = StdInstant::now();
        let had_none = self.index.is_empty();
        let (index, pods) = (Arc::clone(&self.index), self.known.take());
        // Of a large cluster it takes a good part of a second.
        let made = tokio::task::spawn_blocking(move || index.replace(pods)).await;
        if let Err(cause) = made {
            error!(%cause, "the index of pods could not be made");
        }
        let left_out = self.known.left_out();
        self.metrics.shown(self.index.len(), left_out);
        if had_none && !self.index.is_empty() {
            info!(source = %self.location, pods = self.index.len(), "pods were listed");
        }
        begun.elapsed()
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
