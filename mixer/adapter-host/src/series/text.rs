//! Prometheus' text format, version 0.0.4.

use std::fmt::Write;

use super::cell::Cell;
use super::definition::{Definition, MetricKind};

/// A label value in the text, longer ones are cut: they come from clients.
const MAX_LABEL_VALUE: usize = 1024;

/// Writing to a `String` does not fail.
const INFALLIBLE: &str = "a String takes any text";

pub(super) fn write_head(out: &mut String, definition: &Definition) {
    let name = definition.name();
    if !definition.help().is_empty() {
        write!(out, "# HELP {name} ").expect(INFALLIBLE);
        escape(out, definition.help(), false);
        out.push('\n');
    }
    writeln!(out, "# TYPE {name} {}", definition.kind().name()).expect(INFALLIBLE);
}

/// Writes `a="x",b="y"`.
pub(super) fn write_labels<N: AsRef<str>, V: AsRef<str>>(
    out: &mut String,
    names: &[N],
    values: &[V],
) {
    for (name, value) in names.iter().zip(values) {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name.as_ref());
        out.push_str("=\"");
        let value = value.as_ref();
        let end = value.floor_char_boundary(MAX_LABEL_VALUE);
        escape(out, &value[..end], true);
        out.push('"');
    }
}

pub(super) fn write_series(out: &mut String, definition: &Definition, labels: &str, cell: &Cell) {
    let name = definition.name();
    match cell {
        Cell::Counter(value) | Cell::Gauge(value) => {
            write_sample(out, name, "", labels, "", value.value());
        }
        Cell::Histogram(histogram) => {
            debug_assert_eq!(definition.kind(), MetricKind::Histogram);
            let bounds = definition.buckets().iter().copied().chain([f64::INFINITY]);
            let mut count = 0;
            let mut bucket = String::new();
            for (bound, cumulative) in bounds.zip(histogram.cumulative()) {
                bucket.clear();
                bucket.push_str("le=\"");
                write_number(&mut bucket, bound);
                bucket.push('"');
                count = cumulative;
                write_sample(out, name, "_bucket", labels, &bucket, cumulative as f64);
            }
            write_sample(out, name, "_sum", labels, "", histogram.sum());
            write_sample(out, name, "_count", labels, "", count as f64);
        }
    }
}

fn write_sample(out: &mut String, name: &str, suffix: &str, labels: &str, more: &str, value: f64) {
    out.push_str(name);
    out.push_str(suffix);
    if !(labels.is_empty() && more.is_empty()) {
        out.push('{');
        out.push_str(labels);
        if !(labels.is_empty() || more.is_empty()) {
            out.push(',');
        }
        out.push_str(more);
        out.push('}');
    }
    out.push(' ');
    write_number(out, value);
    out.push('\n');
}

fn write_number(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        write!(out, "{value}").expect(INFALLIBLE);
    }
}

/// Escapes backslash, line feed and, in a quoted text, the quotation mark.
fn escape(out: &mut String, text: &str, quoted: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quoted => out.push_str("\\\""),
            _ => out.push(c),
        }
    }
}
