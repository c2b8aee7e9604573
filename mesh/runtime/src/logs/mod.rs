//! The process's log: on standard error, its level changed while it runs, and never flooded.

mod admin;
mod format;
mod repeats;

use std::sync::Arc;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

pub use self::admin::log_router;
pub use self::format::LogFormat;
use self::repeats::{Repeats, RepeatsLayer};

/// What is logged when nobody says otherwise.
pub const DEFAULT_LOG_LEVEL: &str = "info";

/// Changes the log of a running process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogControl {
    filter: reload::Handle<EnvFilter, Registry>,
    repeats: Arc<Repeats>,
}

/// Why the log's level is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogLevelError {
    /// The text is no level.
    #[error(
        "log level `{level}` is not understood ({cause}): expected error, warn, info, debug, trace or off, \
         or a list such as `info,mixer::policy=debug`"
    )]
    Syntax {
        /// The text.
        level: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The process has another log.
    #[error("the process's log was started by something else")]
    NotOurs,
}

/// Starts the process's log on standard error. `level` is a level, or a list of them by module such as
/// `info,mixer::policy=debug`. A place in the code that logs the same again and again is cut short, see
/// [`LogControl::tell_repeats`]. In a process that has a log already nothing changes.
///
/// # Errors
/// When `level` is not understood.
pub fn start_logs(format: LogFormat, level: &str) -> Result<LogControl, LogLevelError> {
    let (filter, handle) = reload::Layer::new(parse(level)?);
    let repeats = Arc::<Repeats>::default();
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let base = tracing_subscriber::registry().with(filter).with(RepeatsLayer(Arc::clone(&repeats)));
    let _already_started = match format {
        LogFormat::Text => base.with(log).try_init(),
        LogFormat::Json => base.with(log.json()).try_init(),
    };
    Ok(LogControl { filter: handle, repeats })
}

/// Whether `level` is one, without changing anything.
///
/// # Errors
/// When it is not understood.
pub fn check_log_level(level: &str) -> Result<(), LogLevelError> {
    parse(level).map(drop)
}

impl LogControl {
    /// Changes what is logged from now on.
    ///
    /// # Errors
    /// When `level` is not understood; what is logged then stays.
    pub fn set_level(&self, level: &str) -> Result<(), LogLevelError> {
        self.filter.reload(parse(level)?).map_err(|_| LogLevelError::NotOurs)
    }

    /// What is logged.
    pub fn level(&self) -> String {
        self.filter.with_current(ToString::to_string).unwrap_or_default()
    }

    /// Logs how often each place was cut short since the last time: to be called every few seconds.
    pub fn tell_repeats(&self) {
        self.repeats.tell();
    }

    /// Lines left out so far.
    pub fn left_out(&self) -> u64 {
        self.repeats.left_out()
    }
}

fn parse(level: &str) -> Result<EnvFilter, LogLevelError> {
    let syntax = |cause: String| LogLevelError::Syntax { level: level.to_owned(), cause };
    if level.trim().is_empty() {
        return Err(syntax("it is empty".to_owned()));
    }
    // A single word that is no level would be taken for a module whose everything is logged.
    for part in level.split(',').map(str::trim) {
        if !part.contains(['=', ':', '[', '_'])
            && part.parse::<tracing::level_filters::LevelFilter>().is_err()
        {
            return Err(syntax(format!("`{part}` is no level")));
        }
    }
    EnvFilter::try_new(level).map_err(|cause| syntax(cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_lists_of_them_are_understood() {
        for level in ["info", "WARN", "off", "info,mixer::policy=debug", "mixer=trace"] {
            assert_eq!(check_log_level(level), Ok(()), "{level}");
        }
        for level in ["", " ", "loud", "info,loud", "mixer=loud"] {
            let told = check_log_level(level).unwrap_err().to_string();
            assert!(told.contains("expected error, warn, info"), "{level}: {told}");
        }
    }
}
