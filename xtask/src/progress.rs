use std::time::{Duration, Instant};

/// Long steps say at this interval that they still run.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// One step of a run, printed when it starts and when it is done.
pub(crate) struct Step {
    what: String,
    started: Instant,
    spoke: Instant,
}

impl Step {
    /// Says that `what` begins.
    pub(crate) fn begin(what: impl Into<String>) -> Self {
        let what = what.into();
        eprintln!("  · {what} …");
        let now = Instant::now();
        Self { what, started: now, spoke: now }
    }

    /// Says, at most every 15 s, that the step still runs and what it last said.
    pub(crate) fn still_running(&mut self, last_line: impl FnOnce() -> Option<String>) {
        if self.spoke.elapsed() < HEARTBEAT {
            return;
        }
        self.spoke = Instant::now();
        let seconds = self.started.elapsed().as_secs();
        let line = last_line().map_or_else(String::new, |line| format!(" – {line}"));
        eprintln!("    {} ({seconds} s){line}", self.what);
    }

    /// Says that the step is done, with `result` if there is more to say.
    pub(crate) fn done(self, result: &str) {
        let took = self.started.elapsed();
        let colon = if result.is_empty() { "" } else { ": " };
        eprintln!("  ✓ {}{colon}{result} ({:.1} s)", self.what, took.as_secs_f64());
    }
}

/// Says that there is nothing to do for `what`.
pub(crate) fn already(what: &str) {
    eprintln!("  ✓ {what} (nothing to do)");
}

/// Says something that the reader should know and can act on.
pub(crate) fn note(text: &str) {
    eprintln!("  ! {text}");
}
