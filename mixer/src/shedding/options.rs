use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// What is done with requests beyond the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SheddingMode {
    /// There are no limits.
    #[default]
    Disabled,
    /// They are counted and logged, and served.
    LogOnly,
    /// They are refused.
    Enforce,
}

/// Limits of load.
#[derive(Debug, Clone, Copy)]
pub struct SheddingOptions {
    /// Whether they hold.
    pub mode: SheddingMode,
    /// For checks that no cache answers.
    pub check: Limits,
    /// For reports.
    pub report: Limits,
    /// How long a request waits for a place.
    pub max_wait: Duration,
    /// Instances in all handlers' queues above which reports are shed.
    pub max_queued: u64,
    /// Checks and elements of reports in a second.
    pub rate: Option<RateLimit>,
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Worked on at once, at least 1.
    pub concurrent: u32,
    /// Waiting for that.
    pub waiting: u32,
}

/// A rate with what may come at once.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    /// Cost in a second in the long run.
    pub per_second: NonZeroU32,
    /// Cost at once after a pause. A request that costs more is taken when nothing was used of it.
    pub burst: NonZeroU32,
}

impl Default for SheddingOptions {
    /// No limits.
    fn default() -> Self {
        let none = Limits { concurrent: u32::MAX, waiting: 0 };
        Self {
            mode: SheddingMode::Disabled,
            check: none,
            report: none,
            max_wait: Duration::ZERO,
            max_queued: u64::MAX,
            rate: None,
        }
    }
}

impl FromStr for SheddingMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "disabled" => Ok(Self::Disabled),
            "logonly" => Ok(Self::LogOnly),
            "enforce" => Ok(Self::Enforce),
            _ => Err("expected `disabled`, `logonly` or `enforce`".to_owned()),
        }
    }
}

impl fmt::Display for SheddingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::LogOnly => "logonly",
            Self::Enforce => "enforce",
        })
    }
}
