//! Export of our own spans.
//!
//! Spans are made with the OpenTelemetry API and wait in a bounded queue of our own, because the SDK's
//! does not say how many it dropped. One thread takes them from there in batches and uploads them, so
//! the HTTP client may block. What does not fit into the queue is dropped, what a collector does not
//! take is lost; both are counted. Nothing is sent twice: a collector that is away misses spans, and the
//! mesh does not notice.
//!
//! The SDK's Zipkin exporter is no longer kept and its OTLP exporter brings an HTTP client of its own;
//! both formats are small enough to be written here.

mod context;
mod otlp;
mod queue;
mod target;
#[cfg(test)]
mod tests;
mod zipkin;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData};

pub use self::context::parent_context;
use self::otlp::Otlp;
pub use self::queue::SpanCounts;
use self::queue::{Counters, Queue};
pub use self::target::{SpanTarget, SpanTargetError};
use self::zipkin::Zipkin;

/// How long one upload may take. Collectors answer within milliseconds; the rest is a lost collector.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Exports spans until it is closed.
#[derive(Debug)]
pub struct SpanExport {
    provider: SdkTracerProvider,
    counters: Arc<Counters>,
}

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum SpanExportError {
    /// The system gives no thread.
    #[error("cannot start the thread that uploads spans: is the limit of processes reached?")]
    StartThread {
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Where batches go.
trait Collector: Send {
    /// Hands over `batch`, within [`UPLOAD_TIMEOUT`]; the text says why not.
    fn upload(&self, batch: Vec<SpanData>) -> Result<(), String>;
}

impl SpanExport {
    /// Starts exporting spans of `service`.
    ///
    /// # Errors
    /// When no thread can be started. A collector that is down is no error: its spans are lost, and
    /// counted.
    pub fn open(service: &'static str, target: &SpanTarget) -> Result<Self, SpanExportError> {
        let agent =
            ureq::Agent::config_builder().timeout_global(Some(UPLOAD_TIMEOUT)).build().new_agent();
        let resource =
            Resource::builder().with_attribute(KeyValue::new("service.name", service)).build();
        let collector: Box<dyn Collector> = match target {
            SpanTarget::Zipkin(url) => Box::new(Zipkin { url: url.clone(), service, agent }),
            SpanTarget::Otlp(url) => Box::new(Otlp::new(url.clone(), &resource, agent)),
        };
        let counters = Arc::<Counters>::default();
        let queue = Queue::spawn(collector, Arc::clone(&counters))
            .map_err(|source| SpanExportError::StartThread { source })?;
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_span_processor(queue).build();
        Ok(Self { provider, counters })
    }

    /// What makes spans.
    pub fn tracer(&self) -> SdkTracer {
        self.provider.tracer("mixmesh")
    }

    /// Reads what became of the spans so far, from any thread.
    pub fn counts(&self) -> impl Fn() -> SpanCounts + Send + Sync + use<> {
        let counters = Arc::clone(&self.counters);
        move || counters.counts()
    }

    /// Sends what is queued and stops. Waits at most as long as two uploads may take.
    pub fn close(&self) {
        if let Err(cause) = self.provider.shutdown_with_timeout(2 * UPLOAD_TIMEOUT) {
            tracing::warn!(%cause, "the last spans may be lost");
        }
    }
}
