use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::guest_text::cut;

/// Whether a target can be reached. Says so in the log when that changes, not with each message.
#[derive(Debug)]
pub(super) struct Health {
    handler: String,
    target: String,
    address: String,
    inner: Mutex<Inner>,
}

/// What there is to tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Inner {
    pub(super) stage: Stage,
    /// Since the first attempt that failed, or none has failed since one worked.
    pub(super) away_since: Option<Instant>,
    pub(super) last_error: Option<String>,
    pub(super) failures: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Idle,
    Connecting,
    Connected,
    BackingOff {
        until: Instant,
    },
    Closed,
}

impl Health {
    pub(super) fn new(handler: &str, target: &str, address: String) -> Self {
        let (handler, target) = (handler.to_owned(), target.to_owned());
        Self { handler, target, address, inner: Mutex::default() }
    }

    pub(super) fn is(&self, stage: Stage) {
        self.inner().stage = stage;
    }

    /// Something was sent.
    pub(super) fn works(&self) {
        let mut inner = self.inner();
        inner.stage = Stage::Connected;
        let Some(since) = inner.away_since.take() else { return };
        drop(inner);
        let (handler, target, address) = (&self.handler, &self.target, &self.address);
        let seconds = since.elapsed().as_secs();
        tracing::info!(handler, target, address, seconds, "a target of an adapter is back");
    }

    /// An attempt failed, and the next one is made in `pause`.
    pub(super) fn failed(&self, cause: &str, pause: Duration) {
        let now = Instant::now();
        let mut inner = self.inner();
        inner.stage = Stage::BackingOff { until: now + pause };
        inner.failures += 1;
        let cause = cut(cause.to_owned());
        inner.last_error = Some(cause.clone());
        let is_first = inner.away_since.is_none();
        inner.away_since.get_or_insert(now);
        drop(inner);
        if is_first {
            let (handler, target, address) = (&self.handler, &self.target, &self.address);
            tracing::warn!(handler, target, address, %cause, "a target of an adapter is away; what is sent to it is queued as far as there is room");
        }
    }

    /// The target answered that it does not want something: it is there.
    pub(super) fn refuses(&self, cause: String) {
        self.works();
        let cause = cut(cause);
        let mut inner = self.inner();
        let is_new = inner.last_error.as_ref() != Some(&cause);
        inner.last_error = Some(cause.clone());
        drop(inner);
        if is_new {
            let (handler, target, address) = (&self.handler, &self.target, &self.address);
            tracing::warn!(handler, target, address, %cause, "a target of an adapter refuses what is sent to it, which is lost");
        }
    }

    pub(super) fn now(&self) -> Inner {
        self.inner().clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::BackingOff { .. } => "backing off",
            Self::Closed => "closed",
        }
    }
}
