//! Spans and edges from the attributes of a request to a real adapter, which writes them down.

use std::fs;
use std::path::Path;
use std::time::Duration;

use http::HeaderMap;
use mesh_attributes::wire::ReportEncoder;
use mesh_attributes::{AttributeBag, OwnedValue, Timestamp};
use tempfile::TempDir;

use crate::fixture::{Fixture, built_adapters};

const MANIFEST: &str = "
kind: attributemanifest
metadata: { name: proxy, namespace: istio-system }
spec:
  attributes:
    request.headers: { valueType: STRING_MAP }
    request.time: { valueType: TIMESTAMP }
    response.time: { valueType: TIMESTAMP }
    response.code: { valueType: INT64 }
    source.ip: { valueType: IP_ADDRESS }
    source.workload.name: { valueType: STRING }
    destination.namespace: { valueType: STRING }
    context.reporter.kind: { valueType: STRING }
    context.protocol: { valueType: STRING }
";

/// Both templates for one handler: its batches do not mix.
const RULE: &str = r#"
kind: instance
metadata: { name: span, namespace: a }
spec:
  compiledTemplate: tracespan
  params:
    traceId: request.headers["x-b3-traceid"] | ""
    spanId: request.headers["x-b3-spanid"] | ""
    spanName: '"ask"'
    startTime: request.time
    endTime: response.time
    httpStatusCode: response.code | 0
    clientSpan: (context.reporter.kind | "inbound") == "outbound"
    sourceIp: source.ip | ip("0.0.0.0")
    spanTags:
      code: response.code | 0
      agent: request.headers["user-agent"] | "none"
---
kind: instance
metadata: { name: edge, namespace: a }
spec:
  compiledTemplate: edge
  params:
    timestamp: request.time
    sourceWorkloadName: source.workload.name | "unknown"
    contextProtocol: context.protocol | "unknown"
---
kind: instance
metadata: { name: empty, namespace: a }
spec: { compiledTemplate: edge }
---
kind: rule
metadata: { name: graph, namespace: a }
spec: { actions: [ { handler: graph, instances: [ span, edge, empty ] } ] }
"#;

fn handler(file: &Path) -> String {
    format!(
        "
kind: handler
metadata: {{ name: graph, namespace: a }}
spec:
  compiledAdapter: stdio
  params: {{ log_stream: FILE, output_path: {} }}
",
        file.display()
    )
}

/// A folder in which the test component has the name of an adapter that the configuration knows.
fn adapters(component: &str, name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = built_adapters().join(component).with_extension("wasm");
    fs::copy(from, folder.path().join(name).with_extension("wasm")).unwrap();
    folder
}

fn request() -> AttributeBag {
    let at = |seconds| OwnedValue::Timestamp(Timestamp { seconds, nanos: 5 });
    let headers = [("x-b3-traceid", "463ac35c9f6413ad"), ("x-b3-spanid", "a2fb4a1d1a96d312")];
    let headers = headers.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    AttributeBag::new()
        .with("destination.namespace", "a")
        .with("context.reporter.kind", "inbound")
        .with("request.headers", OwnedValue::StringMap(headers))
        .with("request.time", at(1))
        .with("response.time", at(2))
        .with("response.code", 503)
        .with("source.ip", OwnedValue::Bytes(vec![10, 0, 0, 1]))
        .with("context.protocol", "http")
}

/// The lines of the file once there are so many; the handler works its queue off meanwhile.
async fn lines(file: &Path, count: usize) -> Vec<String> {
    let lines = async {
        loop {
            let text = fs::read_to_string(file).unwrap_or_default();
            if text.lines().count() >= count {
                break text.lines().map(str::to_owned).collect();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), lines).await.unwrap()
}

#[tokio::test]
async fn spans_and_edges_are_made_of_attributes_and_what_is_not_set_is_zero() {
    let (adapters, folder) = (adapters("testing/edges", "stdio"), tempfile::tempdir().unwrap());
    let file = folder.path().join("graph");
    let f = Fixture::with(adapters.path(), 1 << 20, &[MANIFEST, RULE, &handler(&file)]).await;
    assert_eq!(f.problems(), [""; 0]);
    let without_time = AttributeBag::new().with("destination.namespace", "a");
    let mut encoder = ReportEncoder::new();
    assert!(encoder.push(&request()) && encoder.push(&without_time));
    let report = encoder.finish().unwrap();
    let refusal = f.mixer.report(&report, &HeaderMap::new()).await.unwrap_err();
    let message = refusal.message();
    assert!(
        message.starts_with("2 instances could not be made, the others were taken"),
        "{message}"
    );
    assert!(
        message.contains("instance span.instance.a: field start_time: lookup failed"),
        "{message}"
    );
    let mut lines = lines(&file, 4).await;
    lines.sort_unstable();
    let nobody = "source=/  ; destination=/  ; service=/";
    assert_eq!(
        lines,
        [
            format!(
                "edge.instance.a: edge 1000000005; {}; protocols=http ",
                nobody.replacen('/', "/unknown", 1)
            ),
            format!("empty.instance.a: edge 0; {nobody}; protocols= "),
            format!("empty.instance.a: edge 0; {nobody}; protocols= "),
            "span.instance.a: span ask; ids=463ac35c9f6413ad a2fb4a1d1a96d312 ; \
             time=1000000005 2000000005; code=503; client=false rewrite=false; \
             source= 10.0.0.1; destination= ; request=0 0; response=0 0; \
             tags=agent=none code=503"
                .to_owned(),
        ]
    );
}

#[tokio::test]
async fn an_explanation_shows_a_spans_fields_and_tags() {
    let (adapters, folder) = (adapters("testing/edges", "stdio"), tempfile::tempdir().unwrap());
    let file = folder.path().join("graph");
    let f = Fixture::with(adapters.path(), 1 << 20, &[MANIFEST, RULE, &handler(&file)]).await;
    let shown = f.mixer.explain(&request()).await;
    let span = &shown["rules"][0]["calls"][0];
    assert_eq!(span["instance"], "span.instance.a");
    assert_eq!(span["errors"], serde_json::Value::Null);
    let values = span["values"].to_string();
    for part in ["463ac35c9f6413ad", "span_tags.agent", "none", "client_span"] {
        assert!(values.contains(part), "{values}");
    }
    assert!(!file.exists() || fs::read(&file).unwrap().is_empty(), "nothing is reported");
}

#[tokio::test]
async fn an_api_keys_fields_go_to_the_adapter_and_its_answer_decides() {
    let adapters = adapters("testing/echo", "denier");
    let key = r#"
kind: handler
metadata: { name: keys, namespace: a }
spec: { compiledAdapter: denier }
---
kind: instance
metadata: { name: key, namespace: a }
spec:
  compiledTemplate: apikey
  params:
    api: '"books"'
    apiKey: request.headers["x-b3-traceid"]
    timestamp: request.time
---
kind: rule
metadata: { name: keys, namespace: a }
spec: { actions: [ { handler: keys, instances: [ key ] } ] }
"#;
    let f = Fixture::with(adapters.path(), 1 << 20, &[MANIFEST, key]).await;
    assert_eq!(f.problems(), [""; 0]);
    let answer = f.ask(&request(), &[]).await.0.precondition.unwrap();
    let status = answer.status.unwrap();
    let expected = r#"keys.a:"books" "" "" "463ac35c9f6413ad" 1000000005"#;
    assert_eq!((status.code, status.message.as_str()), (7, expected));
    assert_eq!(answer.route_directive.unwrap().direct_response_code, 418);
}
