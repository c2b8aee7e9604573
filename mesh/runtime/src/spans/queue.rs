use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tracing::{info, warn};

use super::Collector;

/// Spans that wait. One has some 500 bytes; this is a second of 400 traced checks with their calls.
pub(super) const CAPACITY: usize = 2048;

/// Spans in one upload, as in OpenTelemetry's specification.
const BATCH: usize = 512;

/// How long a span waits for others.
const INTERVAL: Duration = Duration::from_secs(1);

/// What became of the spans so far. Counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanCounts {
    /// A collector took them.
    pub exported: u64,
    /// There was no room in the queue.
    pub dropped: u64,
    /// The collector did not take them.
    pub lost: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    exported: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
}

impl Counters {
    pub(super) fn counts(&self) -> SpanCounts {
        SpanCounts {
            exported: self.exported.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
        }
    }
}

/// Finished spans on their way to the thread that uploads them.
#[derive(Debug)]
pub(super) struct Queue {
    spans: SyncSender<Message>,
    counters: Arc<Counters>,
    uploading: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Span(Box<SpanData>),
    /// Upload what came before, then answer.
    Flush(SyncSender<()>),
    /// The same, then end.
    End(SyncSender<()>),
}

impl Queue {
    pub(super) fn spawn(
        collector: Box<dyn Collector>,
        counters: Arc<Counters>,
    ) -> io::Result<Self> {
        let (spans, waiting) = sync_channel(CAPACITY);
        let uploader =
            Uploader { collector, counters: Arc::clone(&counters), batch: Vec::new(), down: false };
        let uploading = thread::Builder::new()
            .name("spans".to_owned())
            .spawn(move || uploader.run(&waiting))?;
        Ok(Self { spans, counters, uploading: Mutex::new(Some(uploading)) })
    }

    /// Sends a message and waits for its answer. While the queue is full it tries again: uploads make room.
    fn ask(
        &self,
        message: impl FnOnce(SyncSender<()>) -> Message,
        timeout: Duration,
    ) -> OTelSdkResult {
        let (answer, answered) = sync_channel(1);
        let until = Instant::now() + timeout;
        let mut message = message(answer);
        loop {
            match self.spans.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return Err(OTelSdkError::AlreadyShutdown),
                Err(TrySendError::Full(back)) if Instant::now() < until => message = back,
                Err(TrySendError::Full(_)) => return Err(OTelSdkError::Timeout(timeout)),
            }
            thread::sleep(Duration::from_millis(5));
        }
        answered
            .recv_timeout(until.saturating_duration_since(Instant::now()))
            .map_err(|_| OTelSdkError::Timeout(timeout))
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.spans.try_send(Message::Span(Box::new(span))).is_err() {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.ask(Message::Flush, super::UPLOAD_TIMEOUT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let uploading = self.uploading.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(uploading) = uploading else { return Err(OTelSdkError::AlreadyShutdown) };
        self.ask(Message::End, timeout)?;
        uploading
            .join()
            .map_err(|_| OTelSdkError::InternalFailure("the uploading thread panicked".to_owned()))
    }
}

struct Uploader {
    collector: Box<dyn Collector>,
    counters: Arc<Counters>,
    batch: Vec<SpanData>,
    /// Whether the last upload failed: only changes are logged.
    down: bool,
}

impl Uploader {
    /// Ends when it is told to, or when the queue's other side is gone.
    fn run(mut self, waiting: &Receiver<Message>) {
        let mut due = Instant::now() + INTERVAL;
        loop {
            match waiting.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Message::Span(span)) => {
                    self.batch.push(*span);
                    if self.batch.len() < BATCH {
                        continue;
                    }
                    self.upload();
                }
                Ok(Message::Flush(answer)) => {
                    self.upload();
                    // Who asked may have given up.
                    let _gone = answer.try_send(());
                }
                Ok(Message::End(answer)) => {
                    self.upload();
                    let _gone = answer.try_send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => self.upload(),
                Err(RecvTimeoutError::Disconnected) => return self.upload(),
            }
            due = Instant::now() + INTERVAL;
        }
    }

    fn upload(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let count = batch.len() as u64;
        match self.collector.upload(batch) {
            Ok(()) => {
                self.counters.exported.fetch_add(count, Ordering::Relaxed);
                if std::mem::take(&mut self.down) {
                    info!("the span collector takes spans again");
                }
            }
            Err(cause) => {
                self.counters.lost.fetch_add(count, Ordering::Relaxed);
                if !std::mem::replace(&mut self.down, true) {
                    warn!(count, cause, "the span collector does not take spans: they are lost");
                }
            }
        }
    }
}
