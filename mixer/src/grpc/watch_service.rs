use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use mesh_api::watch::v1::watch_server::Watch;
use mesh_api::watch::v1::{GenerationsEvent, GenerationsRequest};
use mesh_runtime::Drain;
use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::{Request, Response, Status};
use tracing::info;

use super::connection::Peer;
use crate::metrics::Metrics;
use crate::policy::Announcement;

/// A watch is promised an event each second; the rest is for a busy machine.
const HEARTBEAT: Duration = Duration::from_millis(800);

/// Longer names of watchers are cut in logs.
const MAX_WATCHER_NAME: usize = 128;

/// `mixmesh.v1.Watch`: tells sidecars the generation of each namespace, as it changes.
#[derive(Debug)]
pub(crate) struct WatchService {
    announcements: watch::Receiver<Arc<Announcement>>,
    metrics: Metrics,
    drain: Drain,
}

impl WatchService {
    pub(crate) fn new(
        announcements: watch::Receiver<Arc<Announcement>>,
        metrics: Metrics,
        drain: Drain,
    ) -> Self {
        Self { announcements, metrics, drain }
    }
}

#[tonic::async_trait]
impl Watch for WatchService {
    type GenerationsStream =
        Pin<Box<dyn Stream<Item = Result<GenerationsEvent, Status>> + Send + 'static>>;

    async fn generations(
        &self,
        request: Request<GenerationsRequest>,
    ) -> Result<Response<Self::GenerationsStream>, Status> {
        let watcher: String = request.get_ref().watcher.chars().take(MAX_WATCHER_NAME).collect();
        info!(watcher, peer = %Peer::of(&request), "a watch of generations begins");
        let watcher = Watcher {
            known: None,
            announcements: self.announcements.clone(),
            next_heartbeat: Instant::now(),
            drain: self.drain.clone(),
            _counted: Counted::new(self.metrics.watchers.clone()),
        };
        let events = stream::unfold(watcher, |mut watcher| async move {
            let event = watcher.next().await?;
            Some((Ok(event), watcher))
        });
        Ok(Response::new(Box::pin(events)))
    }
}

struct Watcher {
    known: Option<Arc<Announcement>>,
    announcements: watch::Receiver<Arc<Announcement>>,
    next_heartbeat: Instant,
    drain: Drain,
    _counted: Counted,
}

impl Watcher {
    /// The next event; `None` when the process drains.
    async fn next(&mut self) -> Option<GenerationsEvent> {
        loop {
            let newest = self.announcements.borrow_and_update().clone();
            let event = match &self.known {
                None => Some(newest.full()),
                Some(known) => newest.since(known),
            };
            self.known = Some(newest);
            if let Some(event) = event {
                self.next_heartbeat = Instant::now() + HEARTBEAT;
                return Some(event);
            }
            tokio::select! {
                changed = self.announcements.changed() => changed.ok()?,
                () = sleep_until(self.next_heartbeat) => {
                    self.next_heartbeat = Instant::now() + HEARTBEAT;
                    return Some(GenerationsEvent::default());
                }
                () = self.drain.signaled() => return None,
            }
        }
    }
}

/// Keeps a gauge at the number of values that live.
#[derive(Debug)]
pub(super) struct Counted(IntGauge);

impl Counted {
    pub(super) fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
