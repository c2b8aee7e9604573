//! OpenMetrics, version 1.0.
//!
//! A counter's samples must end in `_total`, and its metric is named without that. We rename nothing: a
//! series has one name in all formats, or a dashboard would depend on what a scraper has asked for. A
//! counter that is not called so is of type `unknown`, which may be called anything; and so is one whose
//! short name another metric has.

use std::fmt::Write;
use std::sync::Arc;
use std::time::SystemTime;

use super::cell::Cell;
use super::definition::{Definition, MetricKind};
use super::exemplar::Exemplar;
use super::family::Series;
use super::labels;
use super::text::{INFALLIBLE, bounds, write_number, write_sample};

/// The ends of names that tell a unit.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// The last line of a page.
pub(super) const END: &str = "# EOF\n";

/// Appends a metric with its series. `is_taken` says whether another metric has a name.
pub(super) fn write_family(
    out: &mut String,
    definition: &Definition,
    series: &[Arc<Series>],
    is_taken: impl Fn(&str) -> bool,
) {
    let full = definition.name();
    let short = full.strip_suffix("_total").filter(|short| !short.is_empty() && !is_taken(short));
    let (name, kind) = match (definition.kind(), short) {
        (MetricKind::Counter, Some(short)) => (short, "counter"),
        (MetricKind::Counter, None) => (full, "unknown"),
        (MetricKind::Gauge | MetricKind::Histogram, _) => (full, definition.kind().name()),
    };
    writeln!(out, "# TYPE {name} {kind}").expect(INFALLIBLE);
    let unit = UNITS.iter().find(|unit| {
        name.strip_suffix(**unit).is_some_and(|rest| rest.len() > 1 && rest.ends_with('_'))
    });
    if let Some(unit) = unit {
        writeln!(out, "# UNIT {name} {unit}").expect(INFALLIBLE);
    }
    if !definition.help().is_empty() {
        write!(out, "# HELP {name} ").expect(INFALLIBLE);
        labels::escape(out, definition.help(), true);
        out.push('\n');
    }
    for series in series {
        write_series(out, definition, kind == "counter", series);
    }
}

/// Exemplars stand at counters and buckets alone.
fn write_series(out: &mut String, definition: &Definition, is_counter: bool, series: &Series) {
    let (name, labels) = (definition.name(), series.labels());
    match series.cell() {
        Cell::Counter(counter) => {
            let exemplar = counter.exemplar().filter(|_| is_counter);
            write_line(out, [name, ""], [labels, ""], counter.total(), exemplar.as_ref());
        }
        Cell::Gauge(last) => write_line(out, [name, ""], [labels, ""], last.value(), None),
        Cell::Histogram(histogram) => {
            let (reading, exemplars) = (histogram.read(), histogram.exemplars());
            let mut le = String::new();
            for (index, (bound, cumulative)) in
                bounds(definition).zip(&reading.cumulative).enumerate()
            {
                le.clear();
                le.push_str("le=\"");
                write_bound(&mut le, bound);
                le.push('"');
                let exemplar = exemplars.get(index).and_then(Option::as_ref);
                let count = *cumulative as f64;
                write_line(out, [name, "_bucket"], [labels, &le], count, exemplar);
            }
            write_line(out, [name, "_sum"], [labels, ""], reading.sum, None);
            write_line(out, [name, "_count"], [labels, ""], reading.count() as f64, None);
        }
    }
}

fn write_line(
    out: &mut String,
    name: [&str; 2],
    labels: [&str; 2],
    value: f64,
    exemplar: Option<&Exemplar>,
) {
    write_sample(out, name, labels, value);
    if let Some(Exemplar { labels, value, at }) = exemplar {
        let mut text = String::new();
        labels.iter().for_each(|(name, value)| labels::write_one(&mut text, name, value));
        write!(out, " # {{{text}}} ").expect(INFALLIBLE);
        write_number(out, *value);
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        write!(out, " {}.{:03}", since.as_secs(), since.subsec_millis()).expect(INFALLIBLE);
    }
    out.push('\n');
}

/// Bounds have a point always.
fn write_bound(out: &mut String, bound: f64) {
    let start = out.len();
    write_number(out, bound);
    if bound.is_finite() && !out[start..].contains('.') {
        out.push_str(".0");
    }
}
