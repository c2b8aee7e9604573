//! Sends what is left before a process drains or ends.

use std::time::Duration;

use super::sending::Cargo;
use super::{CONTROLS, Control};
use crate::host::Moment;

/// How long a process that ends waits for its last reports; whoever ends it waits some seconds at least.
const LONGEST_FAREWELL: Duration = Duration::from_secs(2);

/// Who waits for the last report.
pub(super) struct Farewell {
    until: Moment,
    done: Box<dyn FnOnce()>,
}

impl Control {
    /// Every control of this thread.
    pub fn all_of_this_thread() -> Vec<std::rc::Rc<Self>> {
        CONTROLS.with_borrow(Clone::clone)
    }

    /// Sends what all workers have gathered so far.
    pub fn drain(&self, now: Moment) {
        self.state.borrow_mut().flushed = None;
        self.run(now);
    }

    /// The same, and runs `done` when the last report has landed, or after two seconds.
    pub fn drain_then(&self, now: Moment, done: Box<dyn FnOnce()>) {
        let alone = self.host().is_none();
        if alone {
            done();
            return;
        }
        self.state.borrow_mut().farewell =
            Some(Farewell { until: now.plus(LONGEST_FAREWELL), done });
        self.drain(now);
        self.mixer.bell.ring_within(LONGEST_FAREWELL);
    }

    /// Says farewell if there is nothing more to wait for.
    pub(super) fn say_farewell(&self, now: Moment) {
        let farewell = {
            let mut state = self.state.borrow_mut();
            let carrying =
                state.flights.values().any(|flight| matches!(flight.cargo, Cargo::Report(_)));
            let landed = !carrying && self.mixer.reports.is_empty();
            let due = state.farewell.as_ref().is_some_and(|f| landed || now >= f.until);
            if due { state.farewell.take() } else { None }
        };
        if let Some(farewell) = farewell {
            (farewell.done)();
        }
    }
}
