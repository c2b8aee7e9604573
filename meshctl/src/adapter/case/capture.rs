use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// What an adapter says to the operator, taken from the host's log. The host itself limits the rate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capture(Arc<Mutex<Vec<String>>>);

/// How the host begins what an adapter says.
const SAID: &str = "an adapter says: ";
/// More messages of one case help nobody.
const MAX_MESSAGES: usize = 1000;

impl Capture {
    /// Takes the process's log. To be called once.
    pub(crate) fn install() -> Self {
        let capture = Self::default();
        // Where somebody else has the log already, nothing is captured.
        let _installed = tracing_subscriber::registry().with(capture.clone()).try_init();
        capture
    }

    /// What was said since the last time.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let Some(said) = text.0.strip_prefix(SAID) else { return };
        let level = event.metadata().level().as_str().to_lowercase();
        let mut messages = self.lock();
        if messages.len() < MAX_MESSAGES {
            messages.push(format!("{level}: {said}"));
        }
    }
}

/// The message of an event.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a string does not fail.
            let _written = write!(self.0, "{value:?}");
        }
    }
}
