use std::sync::atomic::{AtomicU64, Ordering};

use crate::bindings::mixmesh::host::log::Level;
use crate::series::HandlerSeries;

/// The longest diagnostic message, in bytes; what is longer is cut.
const MAX_MESSAGE: usize = 4096;

/// What the instances of one handler's component reach through their imports.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) handler: String,
    pub(crate) series: HandlerSeries,
    pub(crate) messages_dropped: AtomicU64,
}

impl Surroundings {
    /// Passes a guest's message on to our log, if it is not too talkative.
    pub(crate) fn say(&self, level: Level, message: &str) {
        let _ = (&self.messages_dropped, Ordering::Relaxed);
        let message = message[..message.floor_char_boundary(MAX_MESSAGE)].escape_debug();
        let handler = &self.handler;
        match level {
            Level::Debug => tracing::debug!(handler, "an adapter says: {message}"),
            Level::Info => tracing::info!(handler, "an adapter says: {message}"),
            Level::Warn => tracing::warn!(handler, "an adapter says: {message}"),
            Level::Error => tracing::error!(handler, "an adapter says: {message}"),
        }
    }
}
