//! Prometheus' text format, version 0.0.4, and what it has in common with OpenMetrics.

use std::fmt::Write;
use std::sync::Arc;

use super::cell::Cell;
use super::definition::Definition;
use super::family::Series;
use super::labels;

/// Writing to a `String` does not fail.
pub(super) const INFALLIBLE: &str = "a String takes any text";

/// Appends a metric with its series.
pub(super) fn write_family(out: &mut String, definition: &Definition, series: &[Arc<Series>]) {
    let name = definition.name();
    if !definition.help().is_empty() {
        write!(out, "# HELP {name} ").expect(INFALLIBLE);
        labels::escape(out, definition.help(), false);
        out.push('\n');
    }
    writeln!(out, "# TYPE {name} {}", definition.kind().name()).expect(INFALLIBLE);
    for series in series {
        write_series(out, definition, series);
    }
}

fn write_series(out: &mut String, definition: &Definition, series: &Series) {
    let (name, labels) = (definition.name(), series.labels());
    match series.cell() {
        Cell::Counter(counter) => write_line(out, [name, ""], [labels, ""], counter.total()),
        Cell::Gauge(last) => write_line(out, [name, ""], [labels, ""], last.value()),
        Cell::Histogram(histogram) => {
            let reading = histogram.read();
            let mut le = String::new();
            for (bound, cumulative) in bounds(definition).zip(&reading.cumulative) {
                le.clear();
                le.push_str("le=\"");
                write_number(&mut le, bound);
                le.push('"');
                write_line(out, [name, "_bucket"], [labels, &le], *cumulative as f64);
            }
            write_line(out, [name, "_sum"], [labels, ""], reading.sum);
            write_line(out, [name, "_count"], [labels, ""], reading.count() as f64);
        }
    }
}

/// The upper bounds of a histogram's buckets, with infinity.
pub(super) fn bounds(definition: &Definition) -> impl Iterator<Item = f64> {
    definition.buckets().iter().copied().chain([f64::INFINITY])
}

fn write_line(out: &mut String, name: [&str; 2], labels: [&str; 2], value: f64) {
    write_sample(out, name, labels, value);
    out.push('\n');
}

/// Appends a sample without the end of its line. `name` and its suffix, labels and those of the format
/// itself.
pub(super) fn write_sample(out: &mut String, name: [&str; 2], labels: [&str; 2], value: f64) {
    let [own, more] = labels;
    name.iter().for_each(|part| out.push_str(part));
    if !(own.is_empty() && more.is_empty()) {
        out.push('{');
        out.push_str(own);
        if !(own.is_empty() || more.is_empty()) {
            out.push(',');
        }
        out.push_str(more);
        out.push('}');
    }
    out.push(' ');
    write_number(out, value);
}

pub(super) fn write_number(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        write!(out, "{value}").expect(INFALLIBLE);
    }
}
