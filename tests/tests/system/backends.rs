//! The real Prometheus and the real Zipkin, where the machine has them.

use anyhow::Result;
use testbed::{Layout, Prometheus, TestMesh, Zipkin};

use crate::require_part;

#[test]
fn prometheus_answers_a_query_for_istios_metrics() -> Result<()> {
    require_part!(Envoy);
    require_part!(Prometheus);
    let mesh =
        TestMesh::new()?.with_demo_file("deny.yaml")?.with_demo_file("metrics.yaml")?.start()?;
    let targets = [
        ("adapters", mesh.mixer().series_url()),
        ("mixer", format!("{}/metrics", mesh.mixer().http_url())),
        ("envoy", format!("{}/stats/prometheus", mesh.envoy()?.admin_url())),
    ];
    let prometheus = Prometheus::start(&Layout::of_checkout(), &targets, mesh.folder())?;
    let mut connection = mesh.connect()?;
    for _ in 0..6 {
        connection.get("/", &[])?.require_ok()?;
        assert_eq!(connection.get("/admin", &[])?.status, 403);
    }
    prometheus.wait_for_sum("istio_requests_total", 12.0)?;
    prometheus.wait_for_sum("istio_requests_total{response_code=\"403\"}", 6.0)?;
    prometheus.wait_for_sum("istio_request_duration_seconds_count", 12.0)?;
    prometheus.wait_for_sum("mixer_reports_received_total", 12.0)?;
    // All three targets are read without an error.
    prometheus.wait_for_sum("up", 3.0)?;
    Ok(())
}

#[test]
fn zipkin_shows_envoy_and_mixer_in_one_trace() -> Result<()> {
    require_part!(Envoy);
    require_part!(Zipkin);
    let layout = Layout::of_checkout();
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?;
    let mut zipkin = Zipkin::spawn(&layout, mesh.folder())?;
    zipkin.wait_until_ready()?;
    let mesh = mesh.with(|mesh| {
        mesh.spans_to(zipkin.address());
    });
    let mesh = mesh.start()?;
    mesh.get("/", &[])?.require_ok()?;
    zipkin.wait_for_trace_of(["greeter", "mixer"])?;
    Ok(())
}
