//! Times an adapter's native code, for the figures beside those of its component.
//!
//! An adapter has one ignored test that calls these functions with what its `bench.yaml` has: batches are
//! put together once, and the host's place forgets what it is asked for. What is timed is the adapter and
//! the SDK under it. What is not is the border of the component: reading the arguments out of its memory,
//! and the host. Each figure is printed as a line of JSON; `cargo xtask bench adapters` runs the tests and
//! reads the lines.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::json;

use super::TestInstance;
use super::batch::{log_entry_batch, metric_batch, span_batch};
use super::handler::{TestHandler, TestSpan, instance};
use super::imports::{set_now, stop_recording};
use crate::metric::SeriesById;
use crate::{
    CallError, FailedElement, LogEntry, MetricSeries, Template, TraceSpan, Value, ValueType,
    log_entry, trace_span,
};

/// How long each figure is measured, in milliseconds.
const MILLIS_VARIABLE: &str = "MIXMESH_BENCH_MILLIS";
const MILLIS: u64 = 200;
/// Reports are measured in batches of so many elements, of so many that differ.
const BATCHES: [usize; 2] = [1, 100];
const DISTINCT: usize = 10;
/// The clock is looked at after so many calls.
const STRIDE: u32 = 16;
/// 2026-01-31T12:00:00Z.
const NOON: i64 = 1_769_860_800_000_000_000;

/// Declares the metric that [`metrics`] reports: requests by code and who talked to whom.
pub fn metric(name: &str) -> TestInstance {
    let text = ValueType::Text;
    let dimensions =
        [("code", ValueType::Int64), ("destination", text), ("protocol", text), ("source", text)];
    instance(&full(name), Template::Metric, &dimensions, Some(ValueType::Int64))
}

/// Declares the access log that [`log_entries`] reports.
pub fn access_log(name: &str) -> TestInstance {
    let text = ValueType::Text;
    let variables = [
        ("code", ValueType::Int64),
        ("latency", ValueType::Duration),
        ("method", text),
        ("source", text),
        ("url", text),
    ];
    instance(&full(name), Template::LogEntry, &variables, None)
}

/// Declares the spans that [`spans`] reports.
pub fn span(name: &str) -> TestInstance {
    let tags = [("http.method", ValueType::Text), ("http.url", ValueType::Text)];
    instance(&full(name), Template::TraceSpan, &tags, None)
}

/// Times a call that takes one instance.
///
/// # Panics
/// When the call fails.
pub fn call<T>(kind: &str, name: &str, mut call: impl FnMut() -> Result<T, CallError>) {
    time(kind, name, 1, || black_box(call()).err().map(|error| error.message));
}

/// Times reports of [`metric`], the instance at `index`, for ten series that are introduced beforehand.
///
/// # Panics
/// When the adapter does not take them.
pub fn metrics<A: MetricSeries>(handler: &mut TestHandler<A>, index: u32, name: &str) {
    let sources: Vec<String> = (0..DISTINCT).map(|n| format!("web-{n}")).collect();
    let dimensions: Vec<[Value<'_>; 4]> = sources
        .iter()
        .map(|source| {
            [Value::Int64(200), Value::Text("reviews"), Value::Text("http"), Value::Text(source)]
        })
        .collect();
    let mut series = SeriesById::default();
    for size in BATCHES {
        let rows = dimensions.iter().cycle().take(size);
        let rows: Vec<_> = rows.map(|row| (index, &row[..], Value::Int64(1))).collect();
        let mut batch = metric_batch(&rows);
        let failed = series.report(&mut handler.adapter, &batch);
        assert_eq!(failed, [], "the first batch");
        batch.introduced.clear();
        time("report", name, size, || first(&series.report(&mut handler.adapter, &batch)));
    }
}

/// Times reports of [`access_log`], the instance at `index`.
///
/// # Panics
/// When the adapter does not take them.
pub fn log_entries<A: LogEntry>(handler: &mut TestHandler<A>, index: u32, name: &str) {
    let urls: Vec<String> = (0..DISTINCT).map(|n| format!("/books/{n}")).collect();
    let variables: Vec<[Value<'_>; 5]> = urls
        .iter()
        .map(|url| {
            let latency = Value::Duration(1_500_000);
            [Value::Int64(200), latency, Value::Text("GET"), Value::Text("web"), Value::Text(url)]
        })
        .collect();
    for size in BATCHES {
        let rows = variables.iter().cycle().take(size);
        let rows: Vec<_> = rows.map(|row| (index, "info", NOON, &row[..])).collect();
        let batch = log_entry_batch(&rows);
        time("report", name, size, || first(&log_entry::report(&mut handler.adapter, &batch)));
    }
}

/// Times reports of [`span`], the instance at `index`.
///
/// # Panics
/// When the adapter does not take them.
pub fn spans<A: TraceSpan>(handler: &mut TestHandler<A>, index: u32, name: &str) {
    let texts: Vec<[String; 3]> = (0..DISTINCT)
        .map(|n| {
            let trace = format!("4bf92f3577b34da6a3ce929d0e0e473{n}");
            [trace, format!("00f067aa0ba902b{n}"), format!("/books/{n}")]
        })
        .collect();
    let tags: Vec<[Value<'_>; 2]> =
        texts.iter().map(|[.., url]| [Value::Text("GET"), Value::Text(url)]).collect();
    let rows = texts.iter().zip(&tags);
    let rows: Vec<_> = rows.map(|([trace, id, _], tags)| span_of(index, trace, id, tags)).collect();
    for size in BATCHES {
        let rows: Vec<_> = rows.iter().copied().cycle().take(size).collect();
        let batch = span_batch(&rows);
        time("report", name, size, || first(&trace_span::report(&mut handler.adapter, &batch)));
    }
}

fn span_of<'a>(
    instance: u32,
    trace_id: &'a str,
    span_id: &'a str,
    tags: &'a [Value<'a>],
) -> TestSpan<'a> {
    TestSpan {
        instance,
        trace_id,
        span_id,
        parent_span_id: "05e3ac9a4f6e3b90",
        name: "/books",
        start_time: NOON,
        end_time: NOON + 1_000_000_000,
        http_status_code: 200,
        source_name: "web",
        source_ip: &[10, 0, 0, 1],
        destination_name: "reviews",
        destination_ip: &[10, 0, 0, 2],
        request_size: 100,
        response_size: 2000,
        tags,
        ..TestSpan::default()
    }
}

fn first(failed: &[FailedElement]) -> Option<String> {
    failed.first().map(|failed| format!("element {}: {}", failed.element, failed.message))
}

/// Measures calls and prints the figure. `call` returns what failed.
fn time(kind: &str, name: &str, batch: usize, mut call: impl FnMut() -> Option<String>) {
    stop_recording();
    set_now(NOON);
    let what = format!("{kind} {}", full(name));
    let millis = std::env::var(MILLIS_VARIABLE).ok().and_then(|millis| millis.parse().ok());
    let limit = Duration::from_millis(millis.unwrap_or(MILLIS));
    let mut stride = || {
        for _ in 0..STRIDE {
            if let Some(problem) = black_box(call()) {
                panic!("{what}, batch of {batch}: {problem}");
            }
        }
    };
    stride();
    let (started, mut calls) = (Instant::now(), 0);
    while started.elapsed() < limit {
        stride();
        calls += STRIDE;
    }
    let each = started.elapsed().as_nanos() as f64 / f64::from(calls.max(1)) / batch as f64;
    let figure = json!({ "call": what, "batch": batch, "calls": calls, "ns_per_element": each });
    // The name of the test stands in the line that is begun.
    println!("\n{figure}");
}

fn full(name: &str) -> String {
    format!("{name}.instance.default")
}
