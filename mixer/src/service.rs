use std::sync::Arc;
use std::time::Duration;

use adapter_host::HandlerStatus;
use arc_swap::ArcSwap;
use opentelemetry_sdk::trace::SdkTracer;
use tokio::sync::watch;
use tracing::info;

use crate::batches::Batches;
use crate::check_cache::CheckCache;
use crate::handlers::HandlerState;
use crate::metrics::Metrics;
use crate::policy::{Announcement, Policy};
use crate::shedding::{Admission, SheddingOptions};

/// Mixer without its ports: answers checks and takes reports by the policy in force.
#[derive(Debug)]
pub struct Mixer {
    policy: ArcSwap<Policy>,
    announcements: watch::Sender<Arc<Announcement>>,
    pub(crate) cache: CheckCache,
    pub(crate) batches: Batches,
    pub(crate) admission: Admission,
    pub(crate) metrics: Metrics,
    pub(crate) tracer: Option<SdkTracer>,
}

impl Mixer {
    /// A Mixer with its first policy. `cache_bytes` bounds the check cache; 0 turns it off.
    pub fn new(
        policy: Policy,
        cache_bytes: u64,
        metrics: Metrics,
        tracer: Option<SdkTracer>,
    ) -> Self {
        policy.export(&metrics);
        Self {
            announcements: watch::Sender::new(Arc::new(policy.announcement())),
            policy: ArcSwap::from_pointee(policy),
            cache: CheckCache::new(cache_bytes, metrics.check_cache.clone()),
            batches: Batches::default(),
            admission: Admission::new(&SheddingOptions::default(), &metrics),
            metrics,
            tracer,
        }
    }

    /// The same with limits of load; without them all that comes is worked on.
    #[must_use]
    pub fn with_shedding(mut self, options: &SheddingOptions) -> Self {
        self.admission = Admission::new(options, &self.metrics);
        self
    }

    /// The same, but while a handler is away its cached answers are served for so long past their
    /// lifetime.
    #[must_use]
    pub fn with_stale_window(mut self, window: Duration) -> Self {
        self.cache = self.cache.with_stale_window(window);
        self
    }

    /// Puts `policy` in force, then tells the watchers. Requests under way finish by the old one.
    pub fn install(&self, policy: Policy) {
        policy.export(&self.metrics);
        let announcement = policy.announcement();
        let before = self.announcements.borrow().clone();
        let changes = announcement.changed_since(&before);
        self.metrics.config_generation_changes.inc_by(changes);
        info!(
            revision = policy.revision(),
            problems = policy.problems().len(),
            generation_changes = changes,
            "a configuration came into force"
        );
        self.policy.store(Arc::new(policy));
        self.announcements.send_replace(Arc::new(announcement));
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Tells of generations as they change; the newest is there at once.
    pub fn watch(&self) -> watch::Receiver<Arc<Announcement>> {
        self.announcements.subscribe()
    }

    /// Mixer's own metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What each handler of the policy in force has done; none for those that are not built.
    pub fn handler_statuses(&self) -> Vec<HandlerStatus> {
        let policy = self.policy();
        let statuses = policy.handlers().iter().filter_map(|unit| match &unit.state {
            HandlerState::Built { built, .. } => Some(built.engine.status()),
            HandlerState::Missing { .. } => None,
        });
        statuses.collect()
    }

    /// Brings metrics up to date that are read from state.
    pub fn refresh_metrics(&self) {
        self.cache.export_size();
        let policy = self.policy();
        let shapes: usize =
            policy.namespaces().map(|(_, policy)| policy.shapes.table().len()).sum();
        self.metrics.check_cache.shapes.set(i64::try_from(shapes).unwrap_or(i64::MAX));
    }
}
