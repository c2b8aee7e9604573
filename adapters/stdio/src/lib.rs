//! Writes log entries and metrics as lines of text.
//!
//! The host opens the stream that the parameters name; this adapter says what a line looks like.

mod line;
mod parameters;

use adapter_sdk::host::log::WriteError;
use adapter_sdk::host::{clock, log};
use adapter_sdk::{Adapter, Entry, Instances, LogEntry, Metric, MetricInstance, Problems};

use crate::line::{Format, Layout};
pub use crate::parameters::Parameters;

adapter_sdk::export!(Stdio: logentry, metric);

/// The adapter, with the lines of the batch under way.
#[derive(Debug)]
pub struct Stdio {
    parameters: Parameters,
    /// What is the same in all lines of an instance, by its index.
    layouts: Vec<Layout>,
    lines: String,
    /// Why lines of the batch under way are lost.
    lost: Option<String>,
}

/// Lines are handed over when there are so many bytes of them: the host takes 16 MiB at once, and memory
/// is limited.
const ENOUGH: usize = 1 << 20;

impl Adapter for Stdio {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        parameters.check(&mut problems);
        let format = if parameters.output_as_json { Format::Json } else { Format::Text };
        let layouts = instances.iter().map(|instance| Layout::new(format, instance)).collect();
        problems.none_or(Self { parameters, layouts, lines: String::new(), lost: None })
    }
}

impl LogEntry for Stdio {
    fn log_entry(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        let level = self.parameters.level_of(entry.severity());
        if level >= self.parameters.output_level {
            let layout = &self.layouts[entry.instance.get()];
            layout.write(&mut self.lines, level, entry.timestamp(), None, entry.variables());
            self.flush_when_enough();
        }
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        self.finish()
    }
}

impl Metric for Stdio {
    fn metric(&mut self, metric: &MetricInstance<'_>) -> Result<(), String> {
        let level = self.parameters.metric_level;
        if level >= self.parameters.output_level {
            let layout = &self.layouts[metric.instance.get()];
            let value = Some(metric.value);
            layout.write(&mut self.lines, level, clock::now(), value, metric.dimensions());
            self.flush_when_enough();
        }
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        self.finish()
    }
}

impl Stdio {
    fn flush_when_enough(&mut self) {
        if self.lines.len() >= ENOUGH {
            self.flush();
        }
    }

    /// Hands the lines over. They are gone when the stream does not take them: the next batch is as
    /// important as this one.
    fn flush(&mut self) {
        if let Err(error) = log::write(&self.lines) {
            self.lost = Some(match error {
                WriteError::Full => "the log stream does not keep up".to_owned(),
                WriteError::Closed => "the log stream is closed".to_owned(),
            });
        }
        self.lines.clear();
    }

    /// Ends a batch. When some of its lines are lost, nobody knows which: all count as lost.
    fn finish(&mut self) -> Result<(), String> {
        if !self.lines.is_empty() {
            self.flush();
        }
        self.lost.take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
