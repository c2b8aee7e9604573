use std::sync::Arc;

use http::HeaderMap;
use mesh_api::envoy::service::accesslog::v3::access_log_service_server::AccessLogService;
use mesh_api::envoy::service::accesslog::v3::stream_access_logs_message::LogEntries;
use mesh_api::envoy::service::accesslog::v3::{StreamAccessLogsMessage, StreamAccessLogsResponse};
use mesh_attributes::wire::ReportEncoder;
use mesh_runtime::Drain;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tonic::{Request, Response, Status, Streaming};
use tracing::{debug, info};

use super::connection::Peer;
use super::watch_service::Counted;
use crate::envoy::{Connections, EntrySource, LogEntry};
use crate::metrics::FrontMetrics;
use crate::service::Mixer;
use crate::shedding::{Permit, RequestKind};

/// Entries of one report: as many as the sidecar's module sends at once.
const BATCH: usize = 100;

/// How often entries are offered to a Mixer under load before they are lost.
const TRIES: usize = 4;

/// Longer names of nodes are cut in logs.
const MAX_NODE_NAME: usize = 128;

/// `envoy.service.accesslog.v3.AccessLogService`: what a stock Envoy served, as reports.
///
/// A stream lives as long as its Envoy and gets no answers. Its messages are read one after the other, so
/// that Envoy feels it when Mixer is slow: Envoy's own buffer is bounded and it counts what it drops.
#[derive(Debug)]
pub(crate) struct AccessLog {
    mixer: Arc<Mixer>,
    metrics: FrontMetrics,
    streams: Arc<Semaphore>,
    drain: Drain,
}

impl AccessLog {
    /// A service of at most `max_streams` streams at once.
    pub(crate) fn new(
        mixer: Arc<Mixer>,
        metrics: FrontMetrics,
        max_streams: usize,
        drain: Drain,
    ) -> Self {
        Self { mixer, metrics, streams: Arc::new(Semaphore::new(max_streams)), drain }
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_none_free| {
            self.refuse("limit");
            Status::resource_exhausted(
                "there are too many streams of access logs; see --max-access-log-streams",
            )
        })
    }

    fn refuse(&self, reason: &str) {
        self.metrics.access_log_streams_refused.with_label_values(&[reason]).inc();
    }

    fn count(&self, protocol: &str, result: &str, entries: usize) {
        let counter = self.metrics.access_log_entries.with_label_values(&[protocol, result]);
        counter.inc_by(entries as u64);
    }

    async fn read(
        &self,
        request: Request<Streaming<StreamAccessLogsMessage>>,
    ) -> Result<(), Status> {
        let peer = Peer::of(&request);
        let mut messages = request.into_inner();
        let mut source = None;
        let mut connections = Connections::default();
        loop {
            let message = tokio::select! {
                message = messages.message() => message?,
                // Envoy opens another stream, to another Mixer.
                () = self.drain.signaled() => None,
            };
            let Some(message) = message else { return Ok(()) };
            // Only the first has one; another would be a client that fills our log.
            if let (None, Some(identifier)) = (&source, &message.identifier) {
                let named = EntrySource::new(identifier).map_err(|cause| {
                    self.refuse("identifier");
                    Status::invalid_argument(format!(
                        "metadata of the node, structure mixmesh: {cause}"
                    ))
                })?;
                let node = identifier.node.as_ref().map_or("", |node| &node.id);
                let node: String = node.chars().take(MAX_NODE_NAME).collect();
                let log: String = identifier.log_name.chars().take(MAX_NODE_NAME).collect();
                info!(node, log, %peer, "a stream of access logs begins");
                source = Some(named);
            }
            let Some(source) = &source else {
                self.refuse("identifier");
                return Err(Status::invalid_argument(
                    "the first message of a stream has no identifier; is the sender an Envoy?",
                ));
            };
            match message.log_entries {
                Some(LogEntries::HttpLogs(entries)) => {
                    let entries = entries.log_entry;
                    let read = entries.iter().map(|entry| source.http(entry));
                    self.report("http", read).await;
                }
                Some(LogEntries::TcpLogs(entries)) => {
                    let entries = entries.log_entry;
                    let read = entries.iter().map(|entry| Some(connections.entry(source, entry)));
                    self.report("tcp", read).await;
                }
                None => {}
            }
        }
    }

    async fn report(&self, protocol: &str, entries: impl Iterator<Item = Option<LogEntry>>) {
        let mut encoder = ReportEncoder::new();
        for entry in entries {
            let Some(entry) = entry else {
                self.count(protocol, "intermediate", 1);
                continue;
            };
            self.metrics.access_log_tags_refused.inc_by(entry.refused_tags);
            let push = |encoder: &mut ReportEncoder| entry.fits() && encoder.push(&entry.bag);
            let taken = push(&mut encoder) || {
                // The words of the report may be used up; in one of its own the entry has all.
                self.send(protocol, &mut encoder).await;
                push(&mut encoder)
            };
            if !taken {
                self.count(protocol, "refused", 1);
            }
            if encoder.len() == BATCH {
                self.send(protocol, &mut encoder).await;
                // A large message must not keep a thread from other streams.
                tokio::task::yield_now().await;
            }
        }
        self.send(protocol, &mut encoder).await;
    }

    async fn send(&self, protocol: &str, encoder: &mut ReportEncoder) {
        let entries = encoder.len();
        let Some(bytes) = encoder.finish() else { return };
        let Some(_place) = self.place(entries).await else {
            self.count(protocol, "shed", entries);
            return;
        };
        match self.mixer.report(&bytes, &HeaderMap::new()).await {
            Ok(()) => self.count(protocol, "taken", entries),
            Err(cause) => {
                self.count(protocol, "refused", entries);
                debug!(%cause, "entries of an access log could not be taken");
            }
        }
    }

    /// A place to work on a report. Envoy's log cannot be told to come again, so this waits a few times;
    /// meanwhile nothing is read from the stream.
    async fn place(&self, entries: usize) -> Option<Permit<'_>> {
        let cost = u32::try_from(entries).unwrap_or(u32::MAX);
        for _ in 0..TRIES {
            match self.mixer.admission.enter(RequestKind::Report, cost).await {
                Ok(place) => return Some(place),
                Err(shed) => sleep(shed.retry_after).await,
            }
        }
        None
    }
}

#[tonic::async_trait]
impl AccessLogService for AccessLog {
    async fn stream_access_logs(
        &self,
        request: Request<Streaming<StreamAccessLogsMessage>>,
    ) -> Result<Response<StreamAccessLogsResponse>, Status> {
        let _permit = self.admit()?;
        let _counted = Counted::new(self.metrics.access_log_streams.clone());
        self.read(request).await?;
        Ok(Response::new(StreamAccessLogsResponse {}))
    }
}
