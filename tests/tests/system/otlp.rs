//! The OTLP adapter against a receiver that takes its requests with the official messages (crate
//! `opentelemetry-proto`) and misbehaves as a test says, and against a real OpenTelemetry Collector in a
//! tier of its own.

use std::fs;
use std::io::Read;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use prost::Message;
use serde_json::{Value, json};
use testbed::{
    HttpSink, Layout, Mixer, OtelCollector, SinkAnswer, SunkRequest, TestMesh, wait_until,
};

use crate::readings::LIMIT;
use crate::require_part;

const OTLP: &str = include_str!("otlp.yaml");

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn mixer_for(collector: &str) -> Result<Mixer> {
    let config = OTLP.replace("COLLECTOR", collector);
    TestMesh::new()?.with_file("otlp.yaml", &config)?.start_mixer()
}

/// Tells Mixer of `count` requests of this amount.
fn report(mixer: &Mixer, count: u32, amount: i64) -> Result<()> {
    let attributes = json!({
        "test.amount": { "t": "INT64", "v": amount },
        "test.label": { "t": "STRING", "v": "GET /ünï" },
        "test.trace": { "t": "STRING", "v": format!("00-{TRACE}-{SPAN}-01") },
        "test.start": { "t": "TIMESTAMP", "v": "2024-05-31T12:00:00.5Z" },
    });
    let output = Command::new(Layout::of_checkout().binary("meshctl")?)
        .args(["report", "--mixer", &mixer.grpc().to_string(), "--attributes"])
        .arg(attributes.to_string())
        .args(["--batch-size", &count.to_string()])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The requests of one path, decoded.
fn received<M: Message + Default>(sink: &HttpSink, path: &str) -> Result<Vec<M>> {
    let of_path = |request: &SunkRequest| request.path == path;
    sink.taken().iter().filter(|request| of_path(request)).map(decoded).collect()
}

fn decoded<M: Message + Default>(request: &SunkRequest) -> Result<M> {
    ensure!(request.header("content-type") == Some("application/x-protobuf"), "{request:?}");
    ensure!(request.header("content-encoding") == Some("gzip"), "{request:?}");
    ensure!(request.header("x-key") == Some("secret"), "{request:?}");
    let mut body = Vec::new();
    GzDecoder::new(&*request.body).read_to_end(&mut body)?;
    Ok(M::decode(body.as_slice())?)
}

/// The sum of all amounts that have arrived.
fn amounts(sink: &HttpSink) -> Result<i64> {
    let mut sum = 0;
    for request in received::<ExportMetricsServiceRequest>(sink, "/v1/metrics")? {
        let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &scope.metrics) {
            let Some(Data::Sum(data)) = &metric.data else { continue };
            for point in &data.data_points {
                if let Some(Number::AsInt(number)) = point.value {
                    sum += number;
                }
            }
        }
    }
    Ok(sum)
}

fn await_amounts(sink: &HttpSink, expected: i64) -> Result<()> {
    wait_until(&format!("amounts of {expected}"), LIMIT, || {
        let now = amounts(sink)?;
        ensure!(now == expected, "there are {now}");
        Ok(())
    })
}

#[test]
fn metrics_and_log_entries_arrive_with_what_was_reported() -> Result<()> {
    let sink = HttpSink::start()?;
    let mixer = mixer_for(&sink.url())?;
    report(&mixer, 3, 7)?;
    await_amounts(&sink, 21)?;
    wait_until("three entries", LIMIT, || {
        let logs: Vec<ExportLogsServiceRequest> = received(&sink, "/v1/logs")?;
        let records: Vec<_> = logs
            .iter()
            .flat_map(|request| &request.resource_logs)
            .flat_map(|resource| &resource.scope_logs)
            .flat_map(|scope| &scope.log_records)
            .collect();
        ensure!(records.len() == 3, "{records:?}");
        for record in records {
            ensure!(record.time_unix_nano == 1_717_156_800_500_000_000, "{record:?}");
            ensure!((record.severity_number, record.severity_text.as_str()) == (13, "warning"));
            ensure!(hexadecimal(&record.trace_id) == TRACE, "{record:?}");
            ensure!(format!("{:?}", record.body).contains("GET /ünï"), "{record:?}");
        }
        Ok(())
    })
}

#[test]
fn spans_arrive_in_their_trace() -> Result<()> {
    let sink = HttpSink::start()?;
    let mixer = mixer_for(&sink.url())?;
    report(&mixer, 3, 7)?;
    wait_until("three spans", LIMIT, || {
        let traces: Vec<ExportTraceServiceRequest> = received(&sink, "/v1/traces")?;
        let spans: Vec<_> = traces
            .iter()
            .flat_map(|request| &request.resource_spans)
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
            .collect();
        ensure!(spans.len() == 3, "{spans:?}");
        for span in spans {
            ensure!(hexadecimal(&span.trace_id) == TRACE, "{span:?}");
            ensure!(hexadecimal(&span.span_id) == SPAN, "{span:?}");
            ensure!(span.status.as_ref().is_some_and(|status| status.code == 2), "{span:?}");
        }
        Ok(())
    })
}

#[test]
fn what_a_collector_cannot_take_now_is_sent_again() -> Result<()> {
    let sink = HttpSink::start()?;
    let mixer = mixer_for(&sink.url())?;
    let mut sent = 0;
    for answer in
        [SinkAnswer::Status(429, Some(1)), SinkAnswer::Status(503, None), SinkAnswer::Hangup]
    {
        sink.answer(answer.clone());
        let before = sink.asked();
        report(&mixer, 1, 5)?;
        sent += 5;
        wait_until(&format!("requests to be answered with {answer:?}"), LIMIT, || {
            ensure!(sink.asked() > before, "there is none");
            Ok(())
        })?;
        sink.answer(SinkAnswer::Status(200, None));
        await_amounts(&sink, sent)?;
    }
    Ok(())
}

#[test]
fn a_collector_that_comes_back_gets_what_waited_for_it() -> Result<()> {
    let sink = HttpSink::start()?;
    let address = sink.address();
    let mixer = mixer_for(&sink.url())?;
    report(&mixer, 1, 5)?;
    await_amounts(&sink, 5)?;
    drop(sink);
    report(&mixer, 2, 10)?;
    let sink = HttpSink::start_at(address)?;
    await_amounts(&sink, 20)
}

#[test]
fn what_a_collector_refuses_for_good_is_lost_by_count() -> Result<()> {
    let sink = HttpSink::start()?;
    let mixer = mixer_for(&sink.url())?;
    sink.answer(SinkAnswer::Status(400, None));
    report(&mixer, 4, 1)?;
    wait_until("four samples and four entries to be counted as lost", LIMIT, || {
        let lost = mixer.metrics()?.sum("mixer_handler_outbound_lost_elements_total", &[]);
        ensure!(lost >= 8.0, "{lost} are");
        Ok(())
    })?;
    sink.answer(SinkAnswer::Status(200, None));
    report(&mixer, 1, 3)?;
    await_amounts(&sink, 3)
}

#[test]
#[ignore = "of the tier `collector`, which builds one"]
fn otel_collector_takes_all_three_signals() -> Result<()> {
    require_part!(OtelCollector);
    let layout = Layout::of_checkout();
    let mesh = TestMesh::new()?;
    let folder = mesh.folder().to_owned();
    let collector = OtelCollector::start(&layout, &folder)?;
    let config = OTLP.replace("COLLECTOR", &collector.url());
    let mixer = mesh.with_file("otlp.yaml", &config)?.start_mixer()?;
    report(&mixer, 3, 7)?;
    let shown = |line: &Value, key: &str| -> Result<String> {
        Ok(line.get(key).context("another signal")?.to_string())
    };
    wait_until("the collector to have all signals", LIMIT, || {
        let lines: Vec<Value> = fs::read_to_string(collector.output())?
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let all = |key: &str| -> String {
            lines.iter().filter_map(|line| shown(line, key).ok()).collect()
        };
        let (metrics, logs, spans) =
            (all("resourceMetrics"), all("resourceLogs"), all("resourceSpans"));
        for text in
            ["mesh.amount", "\"aggregationTemporality\":1", "\"asInt\":\"21\"", "mesh.label"]
        {
            ensure!(metrics.contains(text), "{text} is not in {metrics}");
        }
        ensure!(logs.matches("\"severityNumber\":13").count() == 3, "{logs}");
        ensure!(logs.contains(TRACE) && logs.contains("GET /ünï"), "{logs}");
        ensure!(spans.matches(SPAN).count() >= 3 && spans.contains("back"), "{spans}");
        ensure!(spans.contains("deployment.environment.name"), "{spans}");
        Ok(())
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
