//! For tests: writes down edges and spans as they are handed in, a line each, to the handler's stream.
//!
//! It fails an edge or span whose API protocol or name is `refuse`, and crashes on `crash`.

use std::fmt::{Display, Write};

use adapter_sdk::host::log;
use adapter_sdk::{
    Adapter, Edge, EdgeEnd, InstanceIndex, Instances, Problems, Span, TraceSpan, Value,
    WorkloadEdge,
};

adapter_sdk::export!(Edges: edge, tracespan);

/// The adapter, with the lines of the batch under way.
#[derive(Debug)]
pub struct Edges {
    instances: Instances,
    lines: String,
}

/// Those by which the host knows the stream.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// FILE.
    log_stream: String,
    /// The file.
    output_path: String,
}

impl Adapter for Edges {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        if parameters.log_stream == "FILE" && parameters.output_path.is_empty() {
            problems.add("output_path", "is empty");
        }
        problems.none_or(Self { instances, lines: String::new() })
    }
}

impl Edge for Edges {
    fn edge(&mut self, edge: &WorkloadEdge<'_>) -> Result<(), String> {
        obey(edge.api_protocol)?;
        let end = |name: &str, end: &EdgeEnd<'_>| {
            let EdgeEnd { workload_namespace, workload_name, owner, uid } = end;
            format!("{name}={workload_namespace}/{workload_name} {owner} {uid}")
        };
        let line = [
            format!("edge {}", edge.timestamp),
            end("source", &edge.source),
            end("destination", &edge.destination),
            format!(
                "service={}/{}",
                edge.destination_service_namespace, edge.destination_service_name
            ),
            format!("protocols={} {}", edge.context_protocol, edge.api_protocol),
        ];
        self.note(edge.instance, line.join("; "));
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        self.write()
    }
}

impl TraceSpan for Edges {
    fn trace_span(&mut self, span: &Span<'_>) -> Result<(), String> {
        obey(span.name())?;
        let address = |bytes| Value::IpAddress(bytes);
        let fields = &self.instances[span.instance].fields;
        let tags = fields.iter().zip(span.tags()).map(|(f, tag)| format!("{}={tag}", f.name));
        let line = [
            format!("span {}", span.name()),
            format!("ids={} {} {}", span.trace_id(), span.span_id(), span.parent_span_id()),
            format!("time={} {}", span.start_time(), span.end_time()),
            format!("code={}", span.http_status_code()),
            format!("client={} rewrite={}", span.is_client(), span.rewrite_client_span_id()),
            format!("source={} {}", span.source_name(), address(span.source_ip())),
            format!("destination={} {}", span.destination_name(), address(span.destination_ip())),
            format!("request={} {}", span.request_size(), span.request_total_size()),
            format!("response={} {}", span.response_size(), span.response_total_size()),
            format!("tags={}", tags.collect::<Vec<_>>().join(" ")),
        ];
        self.note(span.instance, line.join("; "));
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        self.write()
    }
}

impl Edges {
    fn note(&mut self, instance: InstanceIndex, line: impl Display) {
        let name = &self.instances[instance].name;
        writeln!(self.lines, "{name}: {line}").expect("writing to a string works");
    }

    fn write(&mut self) -> Result<(), String> {
        let lines = std::mem::take(&mut self.lines);
        log::write(&lines).map_err(|error| format!("{error:?}"))
    }
}

fn obey(text: &str) -> Result<(), String> {
    assert!(text != "crash", "told to crash");
    if text == "refuse" { Err("told to refuse".to_owned()) } else { Ok(()) }
}
