use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::fetch::{FetchError, Fetched, Fetcher};
use super::source::{ListSpec, Location};
use super::status::{Fetches, ListStatus};
use crate::guest_text::cut;
use crate::outbound::Backoff;

/// A version of a document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) version: u64,
    pub(crate) content: Bytes,
}

/// A document, as far as it could be fetched.
#[derive(Debug)]
pub(super) struct List {
    pub(super) spec: ListSpec,
    pub(super) location: Location,
    handler: String,
    current: ArcSwapOption<Document>,
    started: Instant,
    /// Until when the current version holds, in milliseconds since `started`.
    holds_until: AtomicU64,
    /// Whether a fetch has ended.
    tried: watch::Sender<bool>,
    fetched: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    last_success: Option<Instant>,
    away_since: Option<Instant>,
    last_error: Option<String>,
    fetches: Fetches,
}

/// The first pause after a fetch that failed; then twice as long, up to the refresh interval.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

impl List {
    pub(super) fn new(spec: ListSpec, location: Location, handler: &str) -> Self {
        Self {
            spec,
            location,
            handler: handler.to_owned(),
            current: ArcSwapOption::empty(),
            started: Instant::now(),
            holds_until: AtomicU64::new(0),
            tried: watch::Sender::new(false),
            fetched: Mutex::default(),
        }
    }

    /// The version that holds now.
    pub(super) fn current(&self) -> Option<Arc<Document>> {
        let now = millis(self.started.elapsed());
        let holds = now <= self.holds_until.load(Ordering::Relaxed);
        if holds { self.current.load_full() } else { None }
    }

    /// Waits until the first fetch has ended, well or not.
    pub(super) async fn tried(&self) {
        let mut tried = self.tried.subscribe();
        // The sender is ours.
        let _never_closed = tried.wait_for(|tried| *tried).await;
    }

    /// Fetches the document again and again, for ever.
    pub(super) async fn keep_fetching(&self, mut fetcher: Fetcher) {
        let refresh = self.spec.refresh;
        let mut backoff = Backoff::new(FIRST_PAUSE, refresh.max(FIRST_PAUSE));
        loop {
            let outcome = fetcher.fetch().await;
            let works = outcome.is_ok();
            self.note(outcome);
            self.tried.send_replace(true);
            let pause = if works {
                backoff.reset();
                // A tenth more or less, so that handlers do not all fetch at once.
                refresh.mul_f64(fastrand::f64().mul_add(0.2, 0.9))
            } else {
                backoff.pause()
            };
            sleep(pause).await;
        }
    }

    fn note(&self, outcome: Result<Fetched, FetchError>) {
        let mut fetched = self.fetched();
        match outcome {
            Ok(news) => {
                let count = match news {
                    Fetched::Document(content) if self.replace(&content) => {
                        &mut fetched.fetches.updated
                    }
                    Fetched::Document(_) | Fetched::Unchanged => &mut fetched.fetches.unchanged,
                };
                *count += 1;
                fetched.last_success = Some(Instant::now());
                let until = self
                    .spec
                    .keep
                    .map_or(u64::MAX, |keep| millis(self.started.elapsed().saturating_add(keep)));
                self.holds_until.store(until, Ordering::Relaxed);
                if let Some(since) = fetched.away_since.take() {
                    let (handler, list) = (&self.handler, &self.spec.parameter);
                    let seconds = since.elapsed().as_secs();
                    tracing::info!(handler, list, url = %self.location, seconds, "a document of an adapter can be fetched again");
                }
            }
            Err(cause) => {
                let count = match cause {
                    FetchError::TooLarge(_) => &mut fetched.fetches.too_large,
                    FetchError::Failed(_) => &mut fetched.fetches.failed,
                };
                *count += 1;
                let cause = cut(cause.to_string());
                if fetched.away_since.is_none() {
                    fetched.away_since = Some(Instant::now());
                    let (handler, list) = (&self.handler, &self.spec.parameter);
                    let has_version = self.current.load().is_some();
                    tracing::warn!(handler, list, url = %self.location, %cause, has_version, "a document of an adapter cannot be fetched; the last version holds as long as the adapter keeps it");
                }
                fetched.last_error = Some(cause);
            }
        }
    }

    /// Whether the content is another than before.
    fn replace(&self, content: &Bytes) -> bool {
        let current = self.current.load();
        let version = match &*current {
            Some(current) if current.content == *content => return false,
            Some(current) => current.version + 1,
            None => 1,
        };
        let content = content.clone();
        self.current.store(Some(Arc::new(Document { version, content })));
        true
    }

    pub(super) fn status(&self) -> ListStatus {
        let current = self.current();
        let fetched = self.fetched();
        ListStatus {
            list: self.spec.parameter.clone(),
            url: self.location.to_string(),
            version: current.as_ref().map(|document| document.version),
            bytes: current.as_ref().map_or(0, |document| document.content.len() as u64),
            age_ms: fetched.last_success.map(|success| millis(success.elapsed())),
            fetches: fetched.fetches,
            last_error: fetched.last_error.clone(),
            is_away: fetched.away_since.is_some(),
        }
    }

    fn fetched(&self) -> MutexGuard<'_, Seen> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
