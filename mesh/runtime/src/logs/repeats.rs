//! What one place in the code may log.
//!
//! Goal: a back end that is away for an hour, or a client that sends rubbish at full speed, must not fill
//! a disk or cost a core, and must not hide the other lines. Each place in the code may log so many lines
//! in so many seconds; what comes on top is counted, and told in one line.
//!
//! Refused: to compare texts (costs more than the line, and ids differ), and to limit all places together
//! (the noisy one would silence the others).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines of one place in one [`WINDOW`]: room for every mistake of a large configuration.
const LINES: u32 = 200;
const WINDOW: Duration = Duration::from_secs(10);

/// Counts the lines of each place. Places are part of the program, so their number is bounded.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    places: Mutex<HashMap<Identifier, Place>>,
    left_out: AtomicU64,
}

#[derive(Debug)]
struct Place {
    metadata: &'static Metadata<'static>,
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl Repeats {
    fn may_log(&self, metadata: &'static Metadata<'static>, now: Instant) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(metadata.callsite()).or_insert(Place {
            metadata,
            since: now,
            lines: 0,
            left_out: 0,
        });
        if now.saturating_duration_since(place.since) >= WINDOW {
            (place.since, place.lines) = (now, 0);
        }
        place.lines = place.lines.saturating_add(1);
        if place.lines <= LINES {
            return true;
        }
        place.left_out += 1;
        self.left_out.fetch_add(1, Ordering::Relaxed);
        false
    }

    pub(super) fn tell(&self) {
        let mut told = Vec::new();
        {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            for place in places.values_mut().filter(|place| place.left_out > 0) {
                told.push((place.metadata, std::mem::take(&mut place.left_out)));
            }
        }
        for (metadata, count) in told {
            let (file, line) = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or(0));
            warn!(
                count,
                file, line, "lines of one place were left out because there were too many"
            );
        }
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}

/// The layer of the log that leaves out what repeats too often.
pub(super) struct RepeatsLayer(pub(super) Arc<Repeats>);

impl<S: Subscriber> Layer<S> for RepeatsLayer {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        self.0.may_log(event.metadata(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use tracing::info;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_place_that_floods_is_cut_short_and_the_others_are_heard() {
        let (repeats, lines) = (Arc::<Repeats>::default(), Lines::default());
        let writer = lines.clone();
        let log =
            tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let subscriber =
            tracing_subscriber::registry().with(RepeatsLayer(repeats.clone())).with(log);
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..LINES + 50 {
                warn!(number, "flood");
            }
            info!("another place");
            repeats.tell();
            repeats.tell();
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("flood").count(), LINES as usize);
        assert_eq!(text.matches("another place").count(), 1);
        assert_eq!(text.matches("were left out").count(), 1, "{text}");
        assert!(text.contains("count=50") && text.contains("repeats.rs"), "{text}");
        assert_eq!(repeats.left_out(), 50);
    }

    #[test]
    fn a_new_window_begins_with_the_time() {
        let repeats = Repeats::default();
        let now = Instant::now();
        let metadata = metadata();
        for _ in 0..LINES {
            assert!(repeats.may_log(metadata, now));
        }
        assert!(!repeats.may_log(metadata, now + WINDOW / 2));
        assert!(repeats.may_log(metadata, now + WINDOW));
    }

    /// Of some place.
    fn metadata() -> &'static Metadata<'static> {
        let span = tracing_subscriber::registry();
        tracing::subscriber::with_default(span, || tracing::info_span!("place").metadata().unwrap())
    }
}
