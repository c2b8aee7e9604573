//! Handlers at work: an adapter with its configuration, and the queue of its reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use adapter_host::{
    CallError, CheckResult, ColumnBatch, Fault, InstanceIndex, MetricBatch, OwnedValue, QuotaGrant,
    QuotaRequest, Template,
};
use remote_adapter::ReportRow;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::engine::Engine;
use crate::metrics::{Dispatches, Metrics};
use crate::spans::WorkSpan;

/// Instances that wait for a handler: those of some ten thousand requests. What comes on top is counted as
/// lost instead of growing without end; a single batch may be larger.
const MAX_QUEUED_INSTANCES: u64 = 50_000;

/// Batches that wait for a handler, for proxies that report each request by itself.
const MAX_QUEUED_BATCHES: usize = 4096;

/// How long a batch waits for an adapter in another process that is away. What comes meanwhile waits in
/// the queue.
const PATIENCE: Duration = Duration::from_secs(60);

/// A handler that rules refer to: built, or missing with the reason.
#[derive(Debug)]
pub(crate) struct HandlerUnit {
    /// `name.namespace`, or `name.kind.namespace` of the older kinds: denials begin with it.
    pub(crate) name: String,
    /// The adapter's name.
    pub(crate) adapter: String,
    /// Equal signatures mean the same adapter with the same configuration.
    pub(crate) signature: [u8; 32],
    pub(crate) state: HandlerState,
    /// Its calls; none for a handler that is missing.
    pub(crate) dispatches: Arc<Dispatches>,
}

#[derive(Debug)]
pub(crate) enum HandlerState {
    Built { built: BuiltHandler, reports: ReportQueue },
    Missing { why: String },
}

#[derive(Debug)]
pub(crate) struct BuiltHandler {
    pub(crate) engine: Engine,
    /// What the adapter takes instances of.
    pub(crate) templates: Vec<TakenTemplate>,
    /// What the handler was configured with, in the order of its indexes.
    pub(crate) instances: Vec<TakenInstance>,
}

/// A template that an adapter takes instances of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TakenTemplate {
    pub(crate) name: String,
    /// Whether they are made after a request.
    pub(crate) is_report: bool,
}

/// An instance that a handler was configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TakenInstance {
    pub(crate) name: String,
    pub(crate) template: String,
}

/// The instances of one Report request for one handler.
#[derive(Debug)]
pub(crate) enum ReportBatch {
    Metrics(MetricBatch),
    Columns(ColumnBatch),
    /// How many requests rules have selected for an instance.
    Nothing(InstanceIndex, u32),
    /// Instances of one template, for an adapter that is no component.
    Rows(Arc<str>, Vec<ReportRow>),
}

/// The way into a handler's queue.
#[derive(Debug)]
pub(crate) struct ReportQueue {
    batches: mpsc::Sender<QueuedBatch>,
    /// Instances that wait.
    waiting: Arc<AtomicU64>,
}

/// Batches in a handler's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct QueueState {
    pub(crate) length: usize,
    pub(crate) limit: usize,
    /// Instances in them.
    pub(crate) instances: u64,
    pub(crate) instances_limit: u64,
}

impl ReportQueue {
    /// A place for a batch of `instances`, which are counted as waiting; or why there is none.
    fn reserve(&self, instances: u64) -> Result<mpsc::Permit<'_, QueuedBatch>, &'static str> {
        let before = self.waiting.fetch_add(instances, Ordering::Relaxed);
        let refused = if before > 0 && before + instances > MAX_QUEUED_INSTANCES {
            "queue_full"
        } else {
            match self.batches.try_reserve() {
                Ok(place) => return Ok(place),
                Err(mpsc::error::TrySendError::Full(())) => "queue_full",
                Err(mpsc::error::TrySendError::Closed(())) => "worker_gone",
            }
        };
        self.waiting.fetch_sub(instances, Ordering::Relaxed);
        Err(refused)
    }
}

/// A batch that waits for its handler; the span is that of the waiting and the call.
#[derive(Debug)]
pub(crate) struct QueuedBatch {
    batch: ReportBatch,
    span: WorkSpan,
}

/// Why a handler gave no answer.
#[derive(Debug)]
pub(crate) enum CallFailure {
    NotBuilt(String),
    Call(CallError),
}

impl HandlerUnit {
    /// A handler that works. Its reports are worked off by a task in `workers`, which ends, and closes
    /// the handler, after the last reference to this unit is gone and its queue is empty.
    pub(crate) fn built(
        name: String,
        adapter: String,
        signature: [u8; 32],
        built: BuiltHandler,
        workers: &mut JoinSet<()>,
        metrics: &Metrics,
    ) -> Self {
        let (batches, queue) = mpsc::channel(MAX_QUEUED_BATCHES);
        let reports = ReportQueue { batches, waiting: Arc::default() };
        let dispatches = Arc::new(Dispatches::new(&name, &adapter, &built.templates));
        workers.spawn(work_off(
            name.clone(),
            built.engine.clone(),
            (queue, Arc::clone(&reports.waiting)),
            Arc::clone(&dispatches),
            metrics.clone(),
        ));
        Self { name, adapter, signature, state: HandlerState::Built { built, reports }, dispatches }
    }

    /// A handler that could not be built: its checks fail closed and its reports are counted as lost.
    pub(crate) fn missing(name: String, adapter: String, signature: [u8; 32], why: String) -> Self {
        let dispatches = Arc::new(Dispatches::new(&name, &adapter, &[]));
        Self { name, adapter, signature, state: HandlerState::Missing { why }, dispatches }
    }

    pub(crate) fn is_built(&self) -> bool {
        matches!(self.state, HandlerState::Built { .. })
    }

    /// The index by which the handler knows an instance; `None` when it cannot take it. A handler that is
    /// not built is called by any index: it only says that it is not built.
    pub(crate) fn index_of(&self, instance: &str) -> Option<InstanceIndex> {
        match &self.state {
            HandlerState::Built { built, .. } => {
                let at = built.instances.iter().position(|taken| taken.name == instance)?;
                u32::try_from(at).ok().map(InstanceIndex)
            }
            HandlerState::Missing { .. } => Some(InstanceIndex(0)),
        }
    }

    /// Whether the handler takes instances in the shape for adapters that are no components.
    pub(crate) fn takes_shapes(&self) -> bool {
        match &self.state {
            HandlerState::Built { built, .. } => built.engine.takes_shapes(),
            HandlerState::Missing { .. } => false,
        }
    }

    /// Why the handler cannot take an instance.
    pub(crate) fn refusal(&self, instance: &str, template: &str) -> String {
        let taken = match &self.state {
            HandlerState::Built { built, .. } => built
                .templates
                .iter()
                .map(|template| template.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            HandlerState::Missing { .. } => String::new(),
        };
        format!(
            "handler {} (adapter {}) does not take {instance}, which is of template {template}; it takes {taken}",
            self.name, self.adapter
        )
    }

    /// Has the adapter decide about a request.
    pub(crate) async fn check(
        &self,
        instance: InstanceIndex,
        values: Vec<OwnedValue>,
    ) -> Result<CheckResult, CallFailure> {
        let (engine, template) = self.engine(instance)?;
        let started = Instant::now();
        let called = engine.check(instance, values).await;
        self.dispatches.done(template, started, &called);
        called.map_err(CallFailure::Call)
    }

    /// Has the adapter grant a part of a quota.
    pub(crate) async fn allocate(
        &self,
        instance: InstanceIndex,
        dimensions: Vec<OwnedValue>,
        request: QuotaRequest,
    ) -> Result<QuotaGrant, CallFailure> {
        let (engine, template) = self.engine(instance)?;
        let started = Instant::now();
        let called = engine.allocate(instance, dimensions, request).await;
        self.dispatches.done(template, started, &called);
        called.map_err(CallFailure::Call)
    }

    /// Has the adapter generate attributes.
    pub(crate) async fn generate(
        &self,
        instance: InstanceIndex,
        values: Vec<OwnedValue>,
    ) -> Result<Vec<(String, OwnedValue)>, CallFailure> {
        let (engine, template) = self.engine(instance)?;
        let started = Instant::now();
        let called = engine.generate(instance, values).await;
        self.dispatches.done(template, started, &called);
        called.map_err(CallFailure::Call)
    }

    /// Hands `batch` over without waiting.
    pub(crate) fn enqueue(&self, batch: ReportBatch, span: WorkSpan, metrics: &Metrics) {
        let (lost, reason) = match &self.state {
            HandlerState::Missing { .. } => (batch, "not_built"),
            // A worker may take the batch before this returns: it is counted first.
            HandlerState::Built { reports, .. } => match reports.reserve(batch.len()) {
                Ok(place) => {
                    metrics.report_queued.add(batch.len().cast_signed());
                    place.send(QueuedBatch { batch, span });
                    return;
                }
                Err(reason) => (batch, reason),
            },
        };
        span.failed(reason);
        metrics.report_elements_lost.with_label_values(&[reason]).inc_by(lost.len());
    }

    /// The queue of its reports; none for a handler that is missing.
    pub(crate) fn queue(&self) -> Option<QueueState> {
        match &self.state {
            HandlerState::Built { reports, .. } => Some(QueueState {
                length: reports.batches.max_capacity() - reports.batches.capacity(),
                limit: reports.batches.max_capacity(),
                instances: reports.waiting.load(Ordering::Relaxed),
                instances_limit: MAX_QUEUED_INSTANCES,
            }),
            HandlerState::Missing { .. } => None,
        }
    }

    /// What the handler runs in, and the template of one of its instances.
    fn engine(&self, instance: InstanceIndex) -> Result<(&Engine, &str), CallFailure> {
        match &self.state {
            HandlerState::Built { built, .. } => {
                let taken = built.instances.get(instance.0 as usize);
                Ok((&built.engine, taken.map_or("", |taken| taken.template.as_str())))
            }
            HandlerState::Missing { why } => Err(CallFailure::NotBuilt(why.clone())),
        }
    }
}

impl ReportBatch {
    fn len(&self) -> u64 {
        match self {
            Self::Metrics(batch) => batch.len() as u64,
            Self::Columns(batch) => batch.len() as u64,
            Self::Nothing(_, count) => u64::from(*count),
            Self::Rows(_, rows) => rows.len() as u64,
        }
    }

    /// The template of its instances.
    pub(crate) fn template(&self) -> &str {
        match self {
            Self::Metrics(_) => Template::Metric.name(),
            Self::Columns(batch) => batch.template().template().name(),
            Self::Nothing(..) => Template::ReportNothing.name(),
            Self::Rows(template, _) => template,
        }
    }
}

impl CallFailure {
    /// Whether the adapter, or what it depends on, is away and may come back: the next call may work.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::NotBuilt(_)
            | Self::Call(CallError::NoSuchInstance { .. } | CallError::Closed) => false,
            Self::Call(CallError::Refused { fault, .. }) => *fault != Fault::Caller,
            Self::Call(
                CallError::Trap { .. }
                | CallError::Deadline { .. }
                | CallError::Unreachable { .. }
                | CallError::BreakerOpen { .. }
                | CallError::Exhausted { .. }
                | CallError::HostFull,
            ) => true,
        }
    }

    /// The reason as a metric's label.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NotBuilt(_) => "not_built",
            Self::Call(cause) => cause.reason(),
        }
    }
}

impl std::fmt::Display for CallFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotBuilt(why) => write!(f, "handler is not built: {why}"),
            Self::Call(cause) => cause.fmt(f),
        }
    }
}

async fn work_off(
    name: String,
    engine: Engine,
    (mut queue, waiting): (mpsc::Receiver<QueuedBatch>, Arc<AtomicU64>),
    dispatches: Arc<Dispatches>,
    metrics: Metrics,
) {
    while let Some(QueuedBatch { batch, span }) = queue.recv().await {
        span.begins();
        metrics.report_queued.sub(batch.len().cast_signed());
        waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        let started = Instant::now();
        // Nobody waits long for an adapter whose handler is on its way out.
        let patience = if queue.is_closed() { Duration::ZERO } else { PATIENCE };
        let outcome = engine.report(&batch, patience).await;
        dispatches.done(batch.template(), started, &outcome);
        match outcome {
            Ok(failed) => {
                let Some(first) = failed.first() else { continue };
                metrics
                    .report_elements_lost
                    .with_label_values(&["refused"])
                    .inc_by(failed.len() as u64);
                warn!(handler = name, count = failed.len(), first = %first, "an adapter refused instances");
            }
            Err(cause) => {
                span.failed(cause.reason());
                metrics
                    .report_elements_lost
                    .with_label_values(&[cause.reason()])
                    .inc_by(batch.len());
                warn!(handler = name, count = batch.len(), %cause, "a batch of instances is lost");
            }
        }
    }
    let lost = engine.close().await;
    metrics.report_elements_lost.with_label_values(&["outbound_closed"]).inc_by(lost);
    metrics.handlers_closed.inc();
    info!(handler = name, "a handler that no rule uses any more is closed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_bounded_in_instances_whatever_the_size_of_batches() {
        let (batches, mut queue) = mpsc::channel(MAX_QUEUED_BATCHES);
        let reports = ReportQueue { batches, waiting: Arc::default() };
        let larger_than_all = MAX_QUEUED_INSTANCES + 1;
        let send = |instances: u64| -> Result<(), &'static str> {
            let count = u32::try_from(instances).unwrap();
            let batch = ReportBatch::Nothing(InstanceIndex(0), count);
            reports.reserve(instances)?.send(QueuedBatch { batch, span: WorkSpan::default() });
            Ok(())
        };
        send(larger_than_all).unwrap();
        assert_eq!(send(1), Err("queue_full"));
        reports.waiting.fetch_sub(queue.try_recv().unwrap().batch.len(), Ordering::Relaxed);
        for _ in 0..MAX_QUEUED_BATCHES {
            send(1).unwrap();
        }
        assert_eq!(send(1), Err("queue_full"));
        assert_eq!(reports.waiting.load(Ordering::Relaxed), MAX_QUEUED_BATCHES as u64);
        drop(queue);
        assert_eq!(send(1), Err("worker_gone"));
    }
}
