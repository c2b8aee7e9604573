use std::collections::BTreeMap;

use adapter_sdk::Problems;
use schemars::JsonSchema;
use serde::Deserialize;

/// What a handler of this adapter is configured with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// Where lines go. STDOUT by default.
    log_stream: LogStream,
    /// The file, when `log_stream` is FILE or ROTATED_FILE. Mixer must be able to write it; what is
    /// there is kept.
    output_path: String,
    /// A ROTATED_FILE that would grow beyond so many MiB is put aside. 100 by default.
    max_megabytes_before_rotation: u32,
    /// Files put aside longer ago than so many days are removed. 30 by default.
    max_days_before_rotation: u32,
    /// So many files put aside are kept. 1000 by default.
    max_rotated_files: u32,
    /// The level for each severity that instances have. The usual English words by default; others are
    /// INFO.
    severity_levels: BTreeMap<String, Level>,
    /// The level of metrics. INFO by default.
    pub(crate) metric_level: Level,
    /// Whether lines are JSON. true by default.
    pub(crate) output_as_json: bool,
    /// Lines of lower levels are not written. INFO by default.
    pub(crate) output_level: Level,
}

/// The order is that of the numbers in Istio's API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum LogStream {
    #[default]
    Stdout,
    Stderr,
    File,
    RotatedFile,
}

/// The order is that of the numbers in Istio's API, and of importance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Level {
    #[default]
    Info,
    Warning,
    Error,
}

const MAX_MEGABYTES: u32 = 100;
const MAX_DAYS: u32 = 30;
const MAX_FILES: u32 = 1000;

/// Severities that mean a level when the parameters name none, compared without case.
const USUAL_LEVELS: [(&str, Level); 7] = [
    ("INFORMATIONAL", Level::Info),
    ("INFO", Level::Info),
    ("WARNING", Level::Warning),
    ("WARN", Level::Warning),
    ("ERROR", Level::Error),
    ("ERR", Level::Error),
    ("FATAL", Level::Error),
];

impl Default for Parameters {
    fn default() -> Self {
        Self {
            log_stream: LogStream::default(),
            output_path: String::new(),
            max_megabytes_before_rotation: MAX_MEGABYTES,
            max_days_before_rotation: MAX_DAYS,
            max_rotated_files: MAX_FILES,
            severity_levels: BTreeMap::new(),
            metric_level: Level::default(),
            output_as_json: true,
            output_level: Level::default(),
        }
    }
}

impl Parameters {
    pub(crate) fn check(&self, problems: &mut Problems) {
        let is_file = matches!(self.log_stream, LogStream::File | LogStream::RotatedFile);
        if is_file && self.output_path.is_empty() {
            problems.add("output_path", "is needed when log_stream is a file");
        }
        if !is_file && !self.output_path.is_empty() {
            let message = "is for log_stream FILE and ROTATED_FILE, lines would not go there";
            problems.add("output_path", message);
        }
        for (field, value) in [
            ("max_megabytes_before_rotation", self.max_megabytes_before_rotation),
            ("max_days_before_rotation", self.max_days_before_rotation),
            ("max_rotated_files", self.max_rotated_files),
        ] {
            if value == 0 {
                problems.add(field, "must be more than 0");
            }
        }
    }

    /// The level of a severity.
    pub(crate) fn level_of(&self, severity: &str) -> Level {
        if !self.severity_levels.is_empty() {
            return self.severity_levels.get(severity).copied().unwrap_or_default();
        }
        let usual = USUAL_LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(severity));
        usual.map_or(Level::default(), |(_, level)| *level)
    }
}

impl Level {
    /// As lines show it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warn",
            Self::Error => "error",
        }
    }
}
