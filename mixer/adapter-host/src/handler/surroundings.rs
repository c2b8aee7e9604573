use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use serde_json::Value;

use super::talk::TalkLimit;
use crate::bindings::mixmesh::host::log::Level;
use crate::counters::Counters;
use crate::lists::Lists;
use crate::log_stream::{LogStream, Refusal};
use crate::outbound::Targets;
use crate::series::HandlerSeries;
use crate::{AdapterHost, Limits, WorkloadIndex};

/// The longest diagnostic message, in bytes; what is longer is cut.
const MAX_MESSAGE: usize = 4096;

/// What the instances of one handler's component reach through their imports.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(super) handler: String,
    pub(crate) series: HandlerSeries,
    pub(crate) workloads: Arc<WorkloadIndex>,
    pub(super) talk: TalkLimit,
    /// Open from the end of the first `configure`, if the component can write at all.
    pub(super) stream: OnceLock<Arc<LogStream>>,
    pub(super) writes_refused: AtomicU64,
    /// As the stream, if the component can count.
    pub(crate) counters: OnceLock<Counters>,
    pub(crate) targets: Targets,
    pub(crate) lists: Lists,
}

impl Surroundings {
    /// For a handler, or an adapter that is asked about itself: nothing is open yet.
    pub(crate) fn new(
        host: &AdapterHost,
        handler: &str,
        parameters: &Value,
        limits: &Limits,
        converses: bool,
    ) -> Self {
        let parameters = Arc::new(parameters.clone());
        Self {
            handler: handler.to_owned(),
            series: HandlerSeries::new(host.series(), handler),
            workloads: Arc::clone(host.workloads()),
            talk: TalkLimit::new(limits.log_rate, Instant::now()),
            stream: OnceLock::new(),
            writes_refused: AtomicU64::new(0),
            counters: OnceLock::new(),
            targets: Targets::new(handler, &parameters, limits, converses),
            lists: Lists::new(handler, &parameters, limits.outbound_deadline),
        }
    }

    /// Passes a guest's message on to our log, if it is not too talkative. Control characters are
    /// escaped: the message is one line.
    pub(crate) fn say(&self, level: Level, message: &str) {
        let Some(dropped) = self.talk.admit(Instant::now()) else { return };
        let message = message[..message.floor_char_boundary(MAX_MESSAGE)].escape_debug();
        let handler = &self.handler;
        if dropped > 0 {
            tracing::warn!(
                handler,
                dropped,
                "messages of an adapter were dropped, it talks too much"
            );
        }
        match level {
            Level::Debug => tracing::debug!(handler, "an adapter says: {message}"),
            Level::Info => tracing::info!(handler, "an adapter says: {message}"),
            Level::Warn => tracing::warn!(handler, "an adapter says: {message}"),
            Level::Error => tracing::error!(handler, "an adapter says: {message}"),
        }
    }

    /// Appends lines to the handler's stream.
    pub(crate) fn write(&self, lines: String) -> Result<(), Refusal> {
        let outcome = self.stream.get().ok_or(Refusal::Closed).and_then(|s| s.write(lines));
        if outcome.is_err() {
            self.writes_refused.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }
}
