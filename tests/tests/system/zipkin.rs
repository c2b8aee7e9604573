//! Spans of the adapter zipkin in a real Zipkin.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{
    Chromium, Layout, Mesh, SpanCollector, TestMesh, Zipkin, free_address, http, wait_until,
};

use crate::readings::LIMIT;
use crate::require_part;

const HANDLER: [(&str, &str); 1] = [("handler", "zipkin.istio-system")];

/// The demo's span for each request, to the Zipkin at this address.
fn tracing(zipkin: SocketAddr) -> Result<String> {
    let file = Layout::of_checkout().demo_config().join("tracing.yaml");
    let text = std::fs::read_to_string(&file)?;
    let theirs = "127.0.0.1:9411";
    ensure!(text.contains(theirs), "{} names no {theirs}", file.display());
    Ok(text.replace(theirs, &zipkin.to_string()))
}

/// A trace's context for request `number`, as B3 in several headers.
fn b3(number: usize) -> [(&'static str, String); 2] {
    let (trace, span) = (format!("{:032x}", 0xabc_0000 + number), format!("{:016x}", 1 + number));
    [("x-b3-traceid", trace), ("x-b3-spanid", span)]
}

/// Requests with a context each, by number.
fn send(mesh: &Mesh, numbers: std::ops::Range<usize>) -> Result<()> {
    let mut connection = mesh.connect()?;
    for number in numbers {
        let context = b3(number);
        let headers = context.each_ref().map(|(name, value)| (*name, value.as_str()));
        connection.get("/greet", &headers)?.require_ok()?;
    }
    Ok(())
}

fn outbound(mesh: &Mesh, what: &str) -> Result<u64> {
    Ok(mesh.mixer().metrics()?.count(&format!("mixer_handler_outbound_{what}"), &HANDLER))
}

fn await_outbound(mesh: &Mesh, what: &str, expected: u64) -> Result<()> {
    wait_until(&format!("{what} to be {expected}"), LIMIT, || {
        let value = outbound(mesh, what)?;
        ensure!(value == expected, "it is {value}");
        Ok(())
    })
}

/// The client's and the server's span of a request.
fn pair(zipkin: &Zipkin, name: &str) -> Result<[Value; 2]> {
    let spans = zipkin.wait_for_spans(name, 2)?;
    ensure!(spans.len() == 2, "{spans:#?}");
    let of = |kind: &str, service: &str| {
        let is_meant =
            |span: &&Value| span["kind"] == kind && span["localEndpoint"]["serviceName"] == service;
        spans.iter().find(is_meant).cloned().with_context(|| format!("no {kind}: {spans:#?}"))
    };
    Ok([of("CLIENT", "shop")?, of("SERVER", "greeter")?])
}

/// Three rules, by path, for the three forms of a context.
const FORMS: &str = r#"
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: single, namespace: istio-system }
spec:
  compiledTemplate: tracespan
  params: { traceId: 'request.headers["b3"]', PARAMS }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: w3c, namespace: istio-system }
spec:
  compiledTemplate: tracespan
  params: { traceId: 'request.headers["traceparent"]', rewriteClientSpanId: "true", PARAMS }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: single, namespace: istio-system }
spec:
  match: request.path == "/single"
  actions: [ { handler: zipkin, instances: [ single ] } ]
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: w3c, namespace: istio-system }
spec:
  match: request.path == "/w3c"
  actions: [ { handler: zipkin, instances: [ w3c ] } ]
"#;

const PARAMS: &str = r#"spanName: request.path, startTime: request.time, endTime: response.time,
    clientSpan: (context.reporter.kind | "inbound") == "outbound",
    sourceName: source.workload.name | "unknown",
    destinationName: destination.workload.name | destination.service.name"#;

#[test]
fn spans_of_two_sidecars_are_one_trace_whatever_form_its_context_has() -> Result<()> {
    require_part!(Envoy);
    require_part!(Zipkin);
    let mesh = TestMesh::new()?;
    let mut zipkin = Zipkin::spawn(&Layout::of_checkout(), mesh.folder())?;
    // Envoy's own spans would be in the way.
    let elsewhere = SpanCollector::start()?;
    let own_rules = tracing(zipkin.address())?.replace(
        "match: context.protocol == \"http\" || context.protocol == \"grpc\"",
        "match: request.path.startsWith(\"/b3\")",
    );
    let mesh = mesh
        .with_file("tracing.yaml", &own_rules)?
        .with_file("forms.yaml", &FORMS.replace("PARAMS", PARAMS))?
        .with(|mesh| {
            mesh.spans_to(elsewhere.address());
        })
        .start()?;
    let client = mesh.start_client_sidecar()?;
    zipkin.wait_until_ready()?;
    let (trace, span) = ("80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1");

    // A trace that begins at the client's sidecar.
    client.get("/b3", &[])?.require_ok()?;
    let [of_client, of_server] = pair(&zipkin, "/b3")?;
    for field in ["traceId", "id", "parentId"] {
        assert_eq!(of_client[field], of_server[field], "{field}: {of_client:#} {of_server:#}");
    }
    assert_eq!(of_client["traceId"].as_str().map(str::len), Some(32));
    assert_eq!((&of_client["shared"], &of_server["shared"]), (&Value::Null, &Value::Bool(true)));
    assert_eq!(of_client["remoteEndpoint"]["serviceName"], "greeter");
    assert_eq!(of_server["tags"]["http.status_code"], "200");
    assert_eq!(of_server["tags"]["mesh.version"], "v1");

    // One that an application began.
    let headers = [("x-b3-traceid", trace), ("x-b3-spanid", span), ("x-b3-sampled", "1")];
    client.get("/b3/application", &headers)?.require_ok()?;
    let [of_client, of_server] = pair(&zipkin, "/b3/application")?;
    for one in [&of_client, &of_server] {
        assert_eq!((&one["traceId"], &one["parentId"]), (&trace.into(), &span.into()), "{one:#}");
    }
    assert_eq!(of_client["id"], of_server["id"]);
    assert_ne!(of_client["id"], span, "the sidecar's span is its own");

    // All in one header, which sidecars write anew.
    let context = format!("0f1b2c3d4e5f6071-{span}-1-05e3ac9a4f6e3b90");
    client.get("/single", &[("b3", &context)])?.require_ok()?;
    let [of_client, of_server] = pair(&zipkin, "/single")?;
    for one in [&of_client, &of_server] {
        assert_eq!(one["traceId"], "0f1b2c3d4e5f6071", "{one:#}");
        assert_eq!((&one["id"], &one["parentId"]), (&of_client["id"], &span.into()), "{one:#}");
    }

    // W3C's, and the client's span gets an id of its own.
    let w3c = "4bf92f3577b34da6a3ce929d0e0e4736";
    client.get("/w3c", &[("traceparent", &format!("00-{w3c}-{span}-01"))])?.require_ok()?;
    let [of_client, of_server] = pair(&zipkin, "/w3c")?;
    assert_eq!((&of_client["traceId"], &of_server["traceId"]), (&w3c.into(), &w3c.into()));
    assert_eq!(of_server["parentId"], of_client["id"], "{of_client:#} {of_server:#}");
    assert_eq!(of_server["shared"], Value::Null);
    Ok(())
}

#[test]
fn spans_wait_for_a_zipkin_that_is_away_and_arrive_when_it_is_there() -> Result<()> {
    require_part!(Envoy);
    require_part!(Zipkin);
    let (address, layout) = (free_address()?, Layout::of_checkout());
    let mesh = TestMesh::new()?.with_file("tracing.yaml", &tracing(address)?)?.start()?;
    let mut sent = 0;
    // Never there, then gone.
    for _ in 0..2 {
        send(&mesh, sent..sent + 20)?;
        await_outbound(&mesh, "away", 1)?;
        wait_until("spans to wait", LIMIT, || {
            let waiting = outbound(&mesh, "queue_elements")?;
            ensure!(waiting == 20, "{waiting} wait");
            Ok(())
        })?;
        let mut zipkin = Zipkin::spawn_at(address, &layout, mesh.folder())?;
        zipkin.wait_until_ready()?;
        zipkin.wait_for_spans("/greet", 20)?;
        for number in [sent, sent + 19] {
            let trace = zipkin.trace(&b3(number)[0].1)?;
            assert_eq!(trace.len(), 1, "a span is there once: {trace:#?}");
        }
        sent += 20;
        await_outbound(&mesh, "sent_elements_total", sent as u64)?;
        await_outbound(&mesh, "away", 0)?;
    }
    assert_eq!(outbound(&mesh, "lost_elements_total")?, 0);
    let taken = mesh.mixer().series()?.count("mixmesh_zipkin_spans_total", &[("outcome", "sent")]);
    assert_eq!(taken, sent as u64);
    Ok(())
}

/// A server that answers each connection's first request with the same bytes, whatever they are.
struct Peer {
    address: SocketAddr,
    is_closing: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Peer {
    fn start(answer: &'static [u8]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let is_closing = Arc::<AtomicBool>::default();
        let closing = Arc::clone(&is_closing);
        let accepting = thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if closing.load(Ordering::Relaxed) {
                    return;
                }
                let mut request = [0; 64 << 10];
                drop(stream.read(&mut request));
                drop(stream.write_all(answer));
            }
        });
        Ok(Self { address, is_closing, accepting: Some(accepting) })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Relaxed);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
        drop(self.accepting.take().map(JoinHandle::join));
    }
}

#[test]
fn a_zipkin_that_refuses_or_answers_garbage_costs_counted_spans_and_no_requests() -> Result<()> {
    require_part!(Envoy);
    for (answer, lost, retried) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"[..],
            10,
            false,
        ),
        (b"\xff\xfe not HTTP at all\r\n\r\n", 0, true),
        (b"HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 0, true),
    ] {
        let peer = Peer::start(answer)?;
        let address = peer.address;
        let mesh = TestMesh::new()?.with_file("tracing.yaml", &tracing(address)?)?.start()?;
        send(&mesh, 0..10)?;
        await_outbound(&mesh, "lost_elements_total", lost)?;
        if retried {
            await_outbound(&mesh, "queue_elements", 10)?;
            wait_until("another try", LIMIT, || {
                ensure!(outbound(&mesh, "retries_total")? > 0, "none");
                Ok(())
            })?;
        }
        assert_eq!(outbound(&mesh, "sent_elements_total")?, 0);
        let page = http::get(&format!("{}/debug/handlers", mesh.mixer().http_url()))?.text();
        ensure!(page.contains(&address.to_string()), "{page}");
        // Nobody's request suffers.
        mesh.get("/greet", &[])?.require_ok()?;
    }
    Ok(())
}

#[test]
fn bad_ids_are_refused_span_by_span_and_requests_without_a_trace_are_not_counted_as_lost()
-> Result<()> {
    require_part!(Envoy);
    let collector = SpanCollector::start()?;
    // The collector of the tests reads plain bodies.
    let plain = tracing(collector.address())?
        .replace("sampleProbability: 1", "sampleProbability: 1\n    gzip: false");
    let mesh = TestMesh::new()?.with_file("tracing.yaml", &plain)?.start()?;
    mesh.get("/greet", &[("x-b3-traceid", "nonsense"), ("x-b3-spanid", "1")])?.require_ok()?;
    mesh.get("/greet", &[])?.require_ok()?;
    send(&mesh, 0..1)?;
    let spans = wait_until("the good span", LIMIT, || {
        let spans = collector.spans();
        ensure!(!spans.is_empty(), "none");
        Ok(spans)
    })?;
    assert_eq!(spans.len(), 1, "{spans:#?}");
    wait_until("both to be counted", LIMIT, || {
        let skipped = [("outcome", "without_trace")];
        let skipped = mesh.mixer().series()?.count("mixmesh_zipkin_spans_total", &skipped);
        let refused = mesh
            .mixer()
            .metrics()?
            .count("mixer_report_elements_lost_total", &[("reason", "refused")]);
        ensure!((skipped, refused) == (1, 1), "{skipped} skipped, {refused} refused");
        Ok(())
    })
}

#[test]
fn zipkins_page_shows_the_services_of_a_trace() -> Result<()> {
    require_part!(Envoy);
    require_part!(Zipkin);
    require_part!(Chromium);
    let (mesh, layout) = (TestMesh::new()?, Layout::of_checkout());
    let mut zipkin = Zipkin::spawn(&layout, mesh.folder())?;
    let elsewhere = SpanCollector::start()?;
    let mesh = mesh
        .with_file("tracing.yaml", &tracing(zipkin.address())?)?
        .with(|mesh| {
            mesh.spans_to(elsewhere.address());
        })
        .start()?;
    let client = mesh.start_client_sidecar()?;
    zipkin.wait_until_ready()?;
    client.get("/greet", &[])?.require_ok()?;
    let [span, _] = pair(&zipkin, "/greet")?;
    let trace = span["traceId"].as_str().context("no trace id")?;
    let url = format!("{}/zipkin/traces/{trace}", zipkin.url());
    let browser = Chromium::new(&layout, mesh.folder())?;
    let page = browser.dom(&url)?;
    for text in ["shop", "greeter", "/greet"] {
        ensure!(page.to_lowercase().contains(text), "the page has no {text}: {page}");
    }
    browser.screenshot(&url, (1400, 800), &mesh.folder().join("trace.png"))
}
