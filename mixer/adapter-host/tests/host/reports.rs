use std::fs;

use adapter_host::{
    AdapterValue, ColumnBatch, ColumnTemplate, Handler, InstanceDecl, InstanceIndex, MetricBatch,
    ScrapeFormat, Template,
};
use mesh_attributes::{Span, Timestamp, ValueType};
use serde_json::{Value, json};

use crate::fixture::{TestHandler, host, load, metric};

const COUNT: InstanceIndex = InstanceIndex(0);
const LATENCY: InstanceIndex = InstanceIndex(1);
const LOAD: InstanceIndex = InstanceIndex(2);

fn three_metrics() -> Value {
    json!({ "metrics": [
        {
            "name": "requests_total",
            "instance_name": "count.instance.default",
            "description": "Requests, \"all\" of them",
            "kind": "COUNTER",
            "label_names": ["code", "service"],
        },
        {
            "name": "duration_seconds",
            "instance_name": "latency.instance.default",
            "kind": "DISTRIBUTION",
            "label_names": ["service"],
            "buckets": { "explicit_buckets": { "bounds": [0.1, 1] } },
        },
        {
            "namespace": "",
            "name": "load",
            "instance_name": "load.instance.default",
            "kind": "GAUGE",
        },
    ] })
}

fn prometheus(params: Value) -> TestHandler {
    TestHandler::new(params)
        .with(metric("count", &["code", "service"], ValueType::Int64))
        .with(metric("latency", &["service"], ValueType::Duration))
        .with(metric("load", &[], ValueType::Double))
}

fn count(batch: &mut MetricBatch, code: &str, service: &str) {
    let dimensions = [AdapterValue::String(code), AdapterValue::String(service)];
    let element = u32::try_from(batch.len()).unwrap();
    batch.push(element, COUNT, &dimensions, AdapterValue::Int64(1));
}

async fn report(handler: &Handler, codes: &[&str]) {
    let mut batch = MetricBatch::new();
    codes.iter().for_each(|code| count(&mut batch, code, "a"));
    assert_eq!(handler.report_metrics(&batch).await.unwrap(), []);
}

fn text(host: &adapter_host::AdapterHost) -> String {
    let mut text = String::new();
    host.series().encode_text(&mut text);
    text
}

#[tokio::test]
async fn metrics_become_prometheus_text() {
    let host = host();
    let adapter = load(&host, "prometheus");
    let handler = prometheus(three_metrics()).build(&host, &adapter).await;
    let mut batch = MetricBatch::new();
    for service in ["b", "a\\\"\n", "b"] {
        count(&mut batch, "200", service);
    }
    count(&mut batch, "404", "b");
    for millis in [50, 100, 700, 5000] {
        let latency = AdapterValue::Duration(Span::from_nanos(millis * 1_000_000));
        batch.push(7, LATENCY, &[AdapterValue::String("b")], latency);
    }
    for value in [0.25, 12.5] {
        batch.push(8, LOAD, &[], AdapterValue::Double(value));
    }
    for _ in 0..2 {
        assert_eq!(handler.report_metrics(&batch).await.unwrap(), []);
    }
    let expected = r#"# TYPE istio_duration_seconds histogram
istio_duration_seconds_bucket{service="b",le="0.1"} 4
istio_duration_seconds_bucket{service="b",le="1"} 6
istio_duration_seconds_bucket{service="b",le="+Inf"} 8
istio_duration_seconds_sum{service="b"} 11.7
istio_duration_seconds_count{service="b"} 8
# HELP istio_requests_total Requests, "all" of them
# TYPE istio_requests_total counter
istio_requests_total{code="200",service="a\\\"\n"} 2
istio_requests_total{code="200",service="b"} 4
istio_requests_total{code="404",service="b"} 2
# TYPE load gauge
load 12.5
"#;
    assert_eq!(text(&host), expected);
    assert_eq!(handler.status().series, 5);
}

#[tokio::test]
async fn elements_that_cannot_be_taken_are_named_and_the_others_count() {
    let host = host();
    let adapter = load(&host, "prometheus");
    let handler = prometheus(three_metrics()).build(&host, &adapter).await;
    let mut batch = MetricBatch::new();
    let dimensions = [AdapterValue::String("200"), AdapterValue::String("a")];
    batch.push(10, COUNT, &dimensions, AdapterValue::Int64(1));
    batch.push(11, COUNT, &dimensions, AdapterValue::Int64(-1));
    batch.push(12, COUNT, &dimensions[..1], AdapterValue::Int64(1));
    batch.push(13, COUNT, &dimensions, AdapterValue::Int64(2));
    let failed = handler.report_metrics(&batch).await.unwrap();
    let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
    assert_eq!(
        failed,
        ["element 12: 1 dimensions instead of 2", "element 11: -1 is no sample for this metric"]
    );
    assert!(text(&host).contains("} 3\n"), "{}", text(&host));
    assert_eq!(handler.status().failed_elements, 2);
}

#[tokio::test]
async fn a_handler_that_is_replaced_goes_on_counting_and_its_series_end_with_the_last() {
    let host = host();
    let adapter = load(&host, "prometheus");
    let old = prometheus(three_metrics()).build(&host, &adapter).await;
    report(&old, &["200"]).await;
    let new = prometheus(three_metrics()).build(&host, &adapter).await;
    report(&new, &["200"]).await;
    report(&old, &["200"]).await;
    drop(old);
    assert!(text(&host).contains("istio_requests_total{code=\"200\",service=\"a\"} 3\n"));
    drop(new);
    assert_eq!(text(&host), "");
}

#[tokio::test]
async fn a_handler_that_redefines_its_metric_starts_anew_and_another_may_not() {
    let host = host();
    let adapter = load(&host, "prometheus");
    let old = prometheus(three_metrics()).build(&host, &adapter).await;
    report(&old, &["200"]).await;
    let mut params = three_metrics();
    params["metrics"][0]["description"] = json!("other words");
    let problems =
        prometheus(params.clone()).named("second.default").problems(&host, &adapter).await;
    assert_eq!(
        problems,
        ["metrics[0]: metric istio_requests_total is defined by handler handler.default with \
          another description"]
    );
    let new = prometheus(params).build(&host, &adapter).await;
    assert_eq!(text(&host), "", "a new definition has no series yet");
    report(&old, &["200"]).await;
    report(&new, &["404"]).await;
    let text = text(&host);
    assert!(text.contains("other words") && text.contains("404"), "{text}");
    assert!(!text.contains("200"), "{text}");
}

#[tokio::test]
async fn beyond_its_limit_a_handlers_new_series_share_one() {
    let host = host();
    let adapter = load(&host, "prometheus");
    let handler = prometheus(three_metrics())
        .with_limits(|limits| limits.series = 2)
        .build(&host, &adapter)
        .await;
    report(&handler, &["1", "2", "3", "4", "1", "4"]).await;
    let expected = "\
        # HELP istio_requests_total Requests, \"all\" of them\n\
        # TYPE istio_requests_total counter\n\
        istio_requests_total{code=\"1\",service=\"a\"} 2\n\
        istio_requests_total{code=\"2\",service=\"a\"} 1\n\
        istio_requests_total{code=\"__overflow__\",service=\"__overflow__\"} 3\n";
    assert_eq!(text(&host), expected);
    let status = handler.status();
    assert_eq!((status.series, status.series_overflowed), (2, 2));
}

#[tokio::test]
async fn log_entries_become_lines_of_the_file_that_the_parameters_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let host = host();
    let adapter = load(&host, "stdio");
    let handler = TestHandler::new(json!({ "log_stream": "FILE", "output_path": path }))
        .with(InstanceDecl {
            name: "accesslog.instance.default".to_owned(),
            template: Template::LogEntry,
            fields: [
                ("headers", ValueType::StringMap),
                ("latency", ValueType::Duration),
                ("size", ValueType::Int64),
                ("sourceIp", ValueType::IpAddress),
                ("url", ValueType::String),
            ]
            .map(|(name, value_type)| (name.to_owned(), value_type))
            .into(),
            value_type: None,
        })
        .with_instance(Template::LogEntry)
        .build(&host, &adapter)
        .await;
    let headers = [("b", "2"), ("a", "/x")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let headers: std::collections::BTreeMap<String, String> = headers;
    let time = Timestamp { seconds: 1_717_156_800, nanos: 5_000 };
    let entry = |severity, size: i64| {
        [
            AdapterValue::String(severity),
            AdapterValue::Timestamp(time),
            AdapterValue::StringMap(&headers),
            AdapterValue::Duration(Span::from_nanos(1_500_000)),
            AdapterValue::Int64(size),
            AdapterValue::Bytes(&[127, 0, 0, 1]),
            AdapterValue::String("/x"),
        ]
    };
    let mut batch = ColumnBatch::new(ColumnTemplate::LogEntry);
    batch.push(0, InstanceIndex(0), &entry("Info", 1));
    batch.push(1, InstanceIndex(1), &entry("error", 0)[..2]);
    batch.push(2, InstanceIndex(0), &entry("warning", 2));
    batch.push(3, InstanceIndex(0), &entry("warning", 3)[..2]);
    let failed = handler.report_columns(&batch).await.unwrap();
    assert_eq!(failed[0].to_string(), "element 3: 2 values instead of 7");
    assert_eq!(failed.len(), 1);
    // The last holder of the stream waits for what is queued.
    drop(handler);
    let rest = r#""latency":"1.5ms","size":SIZE,"sourceIp":"127.0.0.1","url":"/x"}"#;
    let line = |level: &str, size: &str| {
        format!(
            r#"{{"level":"{level}","time":"2024-05-31T12:00:00.000005Z","instance":"accesslog.instance.default","headers":{{"a":"/x","b":"2"}},{}"#,
            rest.replace("SIZE", size)
        )
    };
    let second = r#"{"level":"error","time":"2024-05-31T12:00:00.000005Z","instance":"one.logentry.default"}"#;
    let expected = [line("info", "1"), second.to_owned(), line("warn", "2")].join("\n") + "\n";
    assert_eq!(fs::read_to_string(path).unwrap(), expected);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_a_mistake_in_the_parameters() {
    let host = host();
    let adapter = load(&host, "stdio");
    let folder = tempfile::tempdir().unwrap();
    let refused = TestHandler::new(json!({ "log_stream": "FILE", "output_path": folder.path() }))
        .try_build(&host, &adapter)
        .await
        .unwrap_err();
    assert!(refused.to_string().starts_with("output_path: the stream cannot be opened"));
}

#[tokio::test]
async fn a_batch_larger_than_a_call_arrives_whole() {
    let host = host();
    let adapter = load(&host, "prometheus");
    let handler = prometheus(three_metrics()).build(&host, &adapter).await;
    let mut batch = MetricBatch::new();
    for number in 0..9000 {
        count(&mut batch, &(number % 10).to_string(), "a");
    }
    assert_eq!(handler.report_metrics(&batch).await.unwrap(), []);
    let text = text(&host);
    assert_eq!(text.lines().filter(|line| line.ends_with("} 900")).count(), 10, "{text}");
}

#[tokio::test]
async fn entries_full_of_control_characters_are_cut_and_written_and_crash_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let host = host();
    let adapter = load(&host, "stdio");
    let handler = TestHandler::new(json!({ "log_stream": "FILE", "output_path": path }))
        .with(InstanceDecl {
            name: "accesslog.instance.default".to_owned(),
            template: Template::LogEntry,
            fields: (0..5).map(|n| (format!("variable{n}"), ValueType::String)).collect(),
            value_type: None,
        })
        // On a machine with much else to do the default is short for so much text.
        .with_limits(|limits| limits.report_deadline = std::time::Duration::from_secs(60))
        .build(&host, &adapter)
        .await;
    let evil = "\u{1}".repeat(1 << 20);
    let mut batch = ColumnBatch::new(ColumnTemplate::LogEntry);
    for element in 0..8 {
        let mut entry = vec![AdapterValue::String(&evil); 7];
        entry[1] = AdapterValue::Timestamp(Timestamp::default());
        batch.push(element, InstanceIndex(0), &entry);
    }
    let failed = handler.report_columns(&batch).await.unwrap();
    assert!(failed.is_empty() || failed.len() == 8, "{failed:?}");
    assert_eq!(handler.status().traps, 0);
    drop(handler);
    for line in fs::read_to_string(path).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["variable4"].as_str().unwrap().len(), 64 << 10);
    }
}

#[tokio::test]
async fn a_hundred_thousand_series_fit_and_one_more_takes_the_rest() {
    const SERIES: usize = 100_000;
    let host = host();
    let adapter = load(&host, "prometheus");
    let handler = prometheus(three_metrics())
        // On a machine with much else to do the default is short for so many new series.
        .with_limits(|limits| limits.report_deadline = std::time::Duration::from_secs(60))
        .build(&host, &adapter)
        .await;
    for start in (0..=SERIES).step_by(1000) {
        let mut batch = MetricBatch::new();
        (start..start + 1000).for_each(|number| count(&mut batch, "200", &number.to_string()));
        assert_eq!(handler.report_metrics(&batch).await.unwrap(), []);
    }
    let status = handler.status();
    assert_eq!((status.series, status.series_overflowed), (SERIES as u64, 1000));
    let page = text(&host);
    assert_eq!(page.lines().filter(|line| !line.starts_with('#')).count(), SERIES + 1);
    let overflow = "istio_requests_total{code=\"__overflow__\",service=\"__overflow__\"} 1000\n";
    assert!(page.contains(overflow), "the rest is in no series of its own");
}

#[tokio::test]
async fn native_buckets_and_exemplars_are_kept_for_those_who_ask() {
    let host = host();
    let adapter = load(&host, "prometheus");
    let parameters = json!({ "metrics": [{
        "name": "wait_seconds",
        "instance_name": "latency.instance.default",
        "kind": "DISTRIBUTION",
        "label_names": ["service"],
        "buckets": { "explicit_buckets": { "bounds": [1] } },
        "native_histogram": {},
        "exemplars": { "dimension": "trace" },
    }] });
    let handler = TestHandler::new(parameters)
        .with(metric("latency", &["service", "trace"], ValueType::Duration))
        .build(&host, &adapter)
        .await;
    let mut batch = MetricBatch::new();
    for (millis, trace) in [(250, "80f198ee56343ba864fe8b2a57d3eff7"), (500, ""), (4000, "")] {
        let latency = AdapterValue::Duration(Span::from_nanos(millis * 1_000_000));
        let dimensions = [AdapterValue::String("a"), AdapterValue::String(trace)];
        batch.push(0, InstanceIndex(0), &dimensions, latency);
    }
    assert_eq!(handler.report_metrics(&batch).await.unwrap(), []);
    assert_eq!(handler.status().series, 1, "a trace makes no series");
    let page = host.series().encode(ScrapeFormat::OpenMetrics);
    let page = String::from_utf8(page).unwrap();
    let bucket = "istio_wait_seconds_bucket{service=\"a\",le=\"1.0\"} 2 # \
                  {trace_id=\"80f198ee56343ba864fe8b2a57d3eff7\"} 0.25 ";
    assert!(page.contains(bucket), "{page}");
    assert!(!host.series().encode(ScrapeFormat::Protobuf).is_empty());
}
