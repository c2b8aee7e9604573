//! Handlers at work: an adapter with its configuration, and the queue of its reports.

use std::sync::Arc;
use std::time::Instant;

use adapter_host::{
    CallError, CheckResult, Fault, Handler, InstanceDecl, InstanceIndex, LogBatch, MetricBatch,
    OwnedValue, QuotaGrant, QuotaRequest, Template,
};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::metrics::{Dispatches, Metrics};
use crate::spans::WorkSpan;

/// Batches that wait for a handler. At 100 requests a batch this is some ten thousand requests; what
/// comes on top is counted as lost instead of growing without end.
const MAX_QUEUED_BATCHES: usize = 128;

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
    Built { built: BuiltHandler, reports: mpsc::Sender<QueuedBatch> },
    Missing { why: String },
}

#[derive(Debug)]
pub(crate) struct BuiltHandler {
    pub(crate) handler: Arc<Handler>,
    /// What the adapter takes instances of.
    pub(crate) templates: Vec<Template>,
    /// What the handler was configured with.
    pub(crate) instances: Vec<InstanceDecl>,
}

/// The instances of one Report request for one handler.
#[derive(Debug)]
pub(crate) enum ReportBatch {
    Metrics(MetricBatch),
    LogEntries(LogBatch),
    /// How many requests rules have selected for an instance.
    Nothing(InstanceIndex, u32),
}

/// Batches in a handler's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct QueueState {
    pub(crate) length: usize,
    pub(crate) limit: usize,
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
        let (reports, queue) = mpsc::channel(MAX_QUEUED_BATCHES);
        let dispatches = Arc::new(Dispatches::new(&name, &adapter, &built.templates));
        workers.spawn(work_off(
            name.clone(),
            Arc::clone(&built.handler),
            queue,
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
                let at = built.instances.iter().position(|decl| decl.name == instance)?;
                u32::try_from(at).ok().map(InstanceIndex)
            }
            HandlerState::Missing { .. } => Some(InstanceIndex(0)),
        }
    }

    /// Why the handler cannot take an instance.
    pub(crate) fn refusal(&self, instance: &InstanceDecl) -> String {
        let taken = match &self.state {
            HandlerState::Built { built, .. } => built
                .templates
                .iter()
                .map(|template| template.name())
                .collect::<Vec<_>>()
                .join(", "),
            HandlerState::Missing { .. } => String::new(),
        };
        format!(
            "handler {} (adapter {}) does not take {}, which is of template {}; it takes {taken}",
            self.name, self.adapter, instance.name, instance.template
        )
    }

    /// Has the adapter decide about a request.
    pub(crate) async fn check(
        &self,
        instance: InstanceIndex,
        values: Vec<OwnedValue>,
    ) -> Result<CheckResult, CallFailure> {
        let (handler, template) = self.handler(instance)?;
        let started = Instant::now();
        let called = handler.check(instance, values).await;
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
        let (handler, template) = self.handler(instance)?;
        let started = Instant::now();
        let called = handler.allocate(instance, dimensions, request).await;
        self.dispatches.done(template, started, &called);
        called.map_err(CallFailure::Call)
    }

    /// Has the adapter generate attributes.
    pub(crate) async fn generate(
        &self,
        instance: InstanceIndex,
        values: Vec<OwnedValue>,
    ) -> Result<Vec<(String, OwnedValue)>, CallFailure> {
        let (handler, template) = self.handler(instance)?;
        let started = Instant::now();
        let called = handler.generate(instance, values).await;
        self.dispatches.done(template, started, &called);
        called.map_err(CallFailure::Call)
    }

    /// Hands `batch` over without waiting.
    pub(crate) fn enqueue(&self, batch: ReportBatch, span: WorkSpan, metrics: &Metrics) {
        let (lost, reason) = match &self.state {
            HandlerState::Missing { .. } => (batch, "not_built"),
            // A worker may take the batch before this returns: it is counted first.
            HandlerState::Built { reports, .. } => match reports.try_reserve() {
                Ok(place) => {
                    metrics.report_queued.add(batch.len().cast_signed());
                    place.send(QueuedBatch { batch, span });
                    return;
                }
                Err(mpsc::error::TrySendError::Full(())) => (batch, "queue_full"),
                Err(mpsc::error::TrySendError::Closed(())) => (batch, "worker_gone"),
            },
        };
        span.failed(reason);
        metrics.report_elements_lost.with_label_values(&[reason]).inc_by(lost.len());
    }

    /// The queue of its reports; none for a handler that is missing.
    pub(crate) fn queue(&self) -> Option<QueueState> {
        match &self.state {
            HandlerState::Built { reports, .. } => Some(QueueState {
                length: reports.max_capacity() - reports.capacity(),
                limit: reports.max_capacity(),
            }),
            HandlerState::Missing { .. } => None,
        }
    }

    /// The handler, and the template of one of its instances.
    fn handler(&self, instance: InstanceIndex) -> Result<(&Arc<Handler>, Template), CallFailure> {
        match &self.state {
            HandlerState::Built { built, .. } => {
                let declared = built.instances.get(instance.0 as usize);
                let template = declared.map_or(Template::CheckNothing, |decl| decl.template);
                Ok((&built.handler, template))
            }
            HandlerState::Missing { why } => Err(CallFailure::NotBuilt(why.clone())),
        }
    }
}

impl ReportBatch {
    fn len(&self) -> u64 {
        match self {
            Self::Metrics(batch) => batch.len() as u64,
            Self::LogEntries(batch) => batch.len() as u64,
            Self::Nothing(_, count) => u64::from(*count),
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
    handler: Arc<Handler>,
    mut queue: mpsc::Receiver<QueuedBatch>,
    dispatches: Arc<Dispatches>,
    metrics: Metrics,
) {
    while let Some(QueuedBatch { batch, span }) = queue.recv().await {
        span.begins();
        metrics.report_queued.sub(batch.len().cast_signed());
        let started = Instant::now();
        let (template, outcome) = match &batch {
            ReportBatch::Metrics(batch) => (Template::Metric, handler.report_metrics(batch).await),
            ReportBatch::LogEntries(batch) => {
                (Template::LogEntry, handler.report_log_entries(batch).await)
            }
            ReportBatch::Nothing(instance, count) => {
                let noted = handler.report_nothing(*instance, *count).await;
                (Template::ReportNothing, noted.map(|()| Vec::new()))
            }
        };
        dispatches.done(template, started, &outcome);
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
    handler.close().await;
    metrics.handlers_closed.inc();
    info!(handler = name, "a handler that no rule uses any more is closed");
}
