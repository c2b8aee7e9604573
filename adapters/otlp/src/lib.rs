//! Sends metrics, log entries and spans to an OpenTelemetry collector, by OTLP over HTTP.

mod attribute;
mod envelope;
mod log;
mod metric;
mod metrics;
mod outlet;
mod parameters;
mod rows;
mod span;
mod wire;

use adapter_sdk::{
    Adapter, Entry, FailedElement, Instances, LogEntry, MetricSeries, NewSeries, Problems, Sample,
    Span, Template, TraceSpan,
};

use crate::attribute::AttributeWriter;
use crate::log::Layout;
use crate::metrics::Metrics;
pub use crate::metrics::SeriesId;
use crate::outlet::Signal;
pub use crate::parameters::Parameters;
use crate::rows::Rows;
use crate::span::SpanNames;

adapter_sdk::export!(Otlp: metric, logentry, tracespan);

/// The adapter, with what it needs for each signal that the handler has instances of.
#[derive(Debug)]
pub struct Otlp {
    parameters: Parameters,
    metrics: Option<Metrics>,
    logs: Option<Rows>,
    spans: Option<Rows>,
    /// By the instance's index.
    layouts: Vec<Layout>,
    span_names: SpanNames,
    writer: AttributeWriter,
    row: Vec<u8>,
}

impl Adapter for Otlp {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        parameters.check(&mut problems);
        let metrics = Metrics::new(&parameters, &instances, &mut problems);
        let mut rows = |signal, template| {
            instances.of(template).next()?;
            Rows::new(signal, &parameters, &mut problems)
        };
        let logs = rows(Signal::Logs, Template::LogEntry);
        let spans = rows(Signal::Traces, Template::TraceSpan);
        let layouts =
            instances.iter().map(|instance| Layout::new(&parameters, instance, &mut problems));
        let layouts = layouts.collect();
        let span_names = SpanNames::new(instances.iter(), &parameters.attribute_names);
        problems.none_or(Self {
            parameters,
            metrics,
            logs,
            spans,
            layouts,
            span_names,
            writer: AttributeWriter::default(),
            row: Vec::new(),
        })
    }
}

/// Why a signal is not there although it is reported; the host does not do that.
const NO_INSTANCES: &str = "the handler has no instances of this template";

impl MetricSeries for Otlp {
    type Series = SeriesId;

    fn introduce(&mut self, series: &[NewSeries<'_>]) -> Vec<SeriesId> {
        let metrics = self.metrics.as_mut().expect(NO_INSTANCES);
        series.iter().map(|new| metrics.introduce(new)).collect()
    }

    fn report(&mut self, samples: &[Sample<'_, SeriesId>]) -> Vec<FailedElement> {
        self.metrics.as_mut().expect(NO_INSTANCES).report(samples)
    }

    fn forget(&mut self, series: Vec<SeriesId>) {
        let metrics = self.metrics.as_mut().expect(NO_INSTANCES);
        series.into_iter().for_each(|id| metrics.forget(id));
    }
}

impl LogEntry for Otlp {
    fn log_entry(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        let logs = self.logs.as_mut().ok_or(NO_INSTANCES)?;
        self.row.clear();
        let layout = &self.layouts[entry.instance.get()];
        layout.write(&mut self.row, entry, &self.parameters, &mut self.writer);
        logs.push("", &self.row);
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        self.logs.as_mut().map_or(Ok(()), Rows::finish)
    }
}

impl TraceSpan for Otlp {
    fn trace_span(&mut self, span: &Span<'_>) -> Result<(), String> {
        let spans = self.spans.as_mut().ok_or(NO_INSTANCES)?;
        self.row.clear();
        if self.span_names.write(&mut self.row, span, &mut self.writer)? {
            let service =
                if span.is_client() { span.source_name() } else { span.destination_name() };
            spans.push(service, &self.row);
        }
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        self.spans.as_mut().map_or(Ok(()), Rows::finish)
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
