use std::sync::Arc;
use std::time::Duration;

use adapter_host::{
    CallError, CheckResult, CustomBatch, FailedElement, Handler, HandlerStatus, InstanceIndex,
    Limits, OwnedValue, QuotaGrant, QuotaRequest, Variety,
};
use remote_adapter::RemoteHandler;

use crate::handlers::ReportBatch;
use crate::native::NativeHandler;

/// What a handler's adapter runs in. All keep their limits, breaker and counts themselves, and answer
/// alike.
#[derive(Debug, Clone)]
pub(crate) enum Engine {
    /// A WebAssembly component.
    Component(Arc<Handler>),
    /// A process of its own, by gRPC.
    Remote(Arc<RemoteHandler>),
    /// This process, in Rust.
    Native(Arc<NativeHandler>),
}

impl Engine {
    /// Whether it takes instances in the shape for adapters that are no components.
    pub(crate) fn takes_shapes(&self) -> bool {
        !matches!(self, Self::Component(_))
    }

    pub(crate) async fn check(
        &self,
        instance: InstanceIndex,
        values: Vec<OwnedValue>,
    ) -> Result<CheckResult, CallError> {
        match self {
            Self::Component(handler) => handler.check(instance, values).await,
            Self::Remote(handler) => handler.check(instance, &values).await,
            Self::Native(handler) => handler.check(instance, &values).await,
        }
    }

    pub(crate) async fn allocate(
        &self,
        instance: InstanceIndex,
        dimensions: Vec<OwnedValue>,
        request: QuotaRequest,
    ) -> Result<QuotaGrant, CallError> {
        match self {
            Self::Component(handler) => handler.allocate(instance, dimensions, request).await,
            Self::Remote(handler) => handler.allocate(instance, &dimensions, &request).await,
            Self::Native(handler) => handler.allocate(instance, &dimensions, &request).await,
        }
    }

    pub(crate) async fn generate(
        &self,
        instance: InstanceIndex,
        values: Vec<OwnedValue>,
    ) -> Result<Vec<(String, OwnedValue)>, CallError> {
        match self {
            Self::Component(handler) => handler.generate(instance, values).await,
            Self::Remote(handler) => handler.generate(instance, &values).await,
            Self::Native(handler) => handler.generate(instance, &values).await,
        }
    }

    /// Hands a batch over; an adapter in another process that is away is waited for as long as `patience`
    /// lasts.
    pub(crate) async fn report(
        &self,
        batch: &ReportBatch,
        patience: Duration,
    ) -> Result<Vec<FailedElement>, CallError> {
        match (self, batch) {
            (Self::Component(handler), ReportBatch::Metrics(batch)) => {
                handler.report_metrics(batch).await
            }
            (Self::Component(handler), ReportBatch::Columns(batch)) => {
                handler.report_columns(batch).await
            }
            (Self::Component(handler), ReportBatch::Nothing(instance, count)) => {
                handler.report_nothing(*instance, *count).await.map(|()| Vec::new())
            }
            (Self::Component(handler), ReportBatch::Rows(_, rows)) => {
                let mut batch = CustomBatch::default();
                for row in rows {
                    batch.push(row.element, row.instance, row.values.clone());
                }
                handler.report_custom(&batch).await
            }
            (Self::Remote(handler), ReportBatch::Rows(_, rows)) => {
                handler.report(rows, patience).await
            }
            (Self::Native(handler), ReportBatch::Rows(_, rows)) => handler.report(rows).await,
            // Rules are linked by what their handler takes.
            (_, _) => Err(CallError::NoSuchInstance { variety: Variety::Report, index: 0 }),
        }
    }

    /// What a component may use.
    pub(crate) fn limits(&self) -> Option<&Limits> {
        match self {
            Self::Component(handler) => Some(handler.limits()),
            Self::Remote(_) | Self::Native(_) => None,
        }
    }

    pub(crate) fn status(&self) -> HandlerStatus {
        match self {
            Self::Component(handler) => handler.status(),
            Self::Remote(handler) => handler.status(),
            Self::Native(handler) => handler.status(),
        }
    }

    /// Waits for the calls under way, and lets go of what the adapter holds. Returns the elements that were
    /// still to be sent to other systems, and are lost.
    pub(crate) async fn close(&self) -> u64 {
        match self {
            Self::Component(handler) => handler.close().await,
            Self::Remote(handler) => {
                handler.close().await;
                0
            }
            Self::Native(handler) => {
                handler.close();
                0
            }
        }
    }
}
