use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::guest_text::cut;

/// Whether a target can be reached. Says so in the log when that changes, not with each message, and not
/// each time with a target that comes and goes.
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
    /// When the log was last told that the target is away, and whether it was told of this time.
    told_away: Option<Instant>,
    is_told: bool,
    told_refused: Option<Instant>,
}

/// The least time between two lines of one kind.
const TELL_AGAIN: Duration = Duration::from_secs(60);

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
        let is_told = std::mem::take(&mut inner.is_told);
        drop(inner);
        if !is_told {
            return;
        }
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
        let tell = is_first && is_due(&mut inner.told_away, now);
        inner.is_told |= tell;
        drop(inner);
        if tell {
            let (handler, target, address) = (&self.handler, &self.target, &self.address);
            tracing::warn!(handler, target, address, %cause, "a target of an adapter is away; what is sent to it is queued as far as there is room");
        }
    }

    /// The target answered that it does not want something: it is there.
    pub(super) fn refuses(&self, cause: String) {
        self.works();
        let cause = cut(cause);
        let mut inner = self.inner();
        inner.last_error = Some(cause.clone());
        let tell = is_due(&mut inner.told_refused, Instant::now());
        drop(inner);
        if tell {
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

/// Whether a line may be written now, which is noted.
fn is_due(told: &mut Option<Instant>, now: Instant) -> bool {
    let is_due = told.is_none_or(|before| now.duration_since(before) >= TELL_AGAIN);
    if is_due {
        *told = Some(now);
    }
    is_due
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_log_is_told_once_of_an_outage_and_not_of_each_of_many() {
        let health = Health::new("handler", "address", "h:1".to_owned());
        let told = || health.now().is_told;
        for _ in 0..3 {
            health.failed("refused", Duration::ZERO);
            assert!(told() && health.now().away_since.is_some());
        }
        health.works();
        assert!(!told() && health.now().away_since.is_none());
        health.failed("refused", Duration::ZERO);
        assert!(!told() && health.now().away_since.is_some(), "so soon after the last");
        health.works();
        tokio::time::advance(TELL_AGAIN).await;
        health.failed("refused", Duration::ZERO);
        assert!(told());
        assert_eq!(health.now().failures, 5);
    }
}
