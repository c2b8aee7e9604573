use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{Mesh, TestMesh, wait_until};

use crate::readings::{LIMIT, Reading, await_all_counted};
use crate::require_part;

fn start() -> Result<Mesh> {
    TestMesh::new()?
        .with_demo_file("deny.yaml")?
        .with_demo_file("metrics.yaml")?
        .with_demo_file("accesslog.yaml")?
        .start()
}

#[test]
fn every_request_is_counted_once_with_istios_labels() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let before = Reading::of(&mesh)?;
    let mut connection = mesh.connect()?;
    for _ in 0..7 {
        connection.get("/", &[])?.require_ok()?;
    }
    for _ in 0..5 {
        assert_eq!(connection.get("/admin", &[])?.status, 403);
    }
    let series = await_all_counted(&mesh)?;
    assert_eq!(Reading::of(&mesh)?.since(&before).reports_received, 12);
    for (code, count) in [("200", 7), ("403", 5)] {
        let labels = [
            ("connection_security_policy", "none"),
            ("destination_app", "greeter"),
            ("destination_principal", "unknown"),
            ("destination_service", "greeter.default.svc.cluster.local"),
            ("destination_service_name", "greeter"),
            ("destination_service_namespace", "default"),
            ("destination_version", "v1"),
            ("destination_workload", "greeter"),
            ("destination_workload_namespace", "default"),
            ("permissive_response_code", "none"),
            ("permissive_response_policyid", "none"),
            ("reporter", "destination"),
            ("request_protocol", "http"),
            ("response_code", code),
            ("source_app", "unknown"),
            ("source_principal", "unknown"),
            ("source_version", "unknown"),
            ("source_workload", "unknown"),
            ("source_workload_namespace", "unknown"),
        ];
        assert_eq!(series.count("istio_requests_total", &labels), count, "{code}");
        let of_code = [("response_code", code)];
        assert_eq!(series.count("istio_request_duration_seconds_count", &of_code), count, "{code}");
        let all = [("response_code", code), ("le", "+Inf")];
        assert_eq!(series.count("istio_request_duration_seconds_bucket", &all), count, "{code}");
    }
    // One series for each code, and no label beyond Istio's: 20 names.
    let all: Vec<_> = series.matching("istio_requests_total", &[]).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all.iter().all(|sample| sample.labels.len() == 20), "{all:?}");
    let buckets =
        series.matching("istio_request_duration_seconds_bucket", &[("response_code", "200")]);
    let bounds: Vec<_> = buckets.filter_map(|sample| sample.labels.get("le")).collect();
    assert_eq!(
        bounds,
        ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]
    );
    Ok(())
}

#[test]
fn the_access_log_has_one_line_of_json_for_each_request() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let mut connection = mesh.connect()?;
    connection.get("/hello?a=1", &[("x-user", "ann"), ("user-agent", "a \"quoted\" agent")])?;
    assert_eq!(connection.get("/admin", &[])?.status, 403);
    let lines = wait_until("two lines in the access log", LIMIT, || {
        let text = fs::read_to_string(mesh.mixer().access_log())?;
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("`{line}` is no JSON")))
            .collect::<Result<_>>()?;
        ensure!(lines.len() == 2, "there are {}", lines.len());
        Ok(lines)
    })?;
    let allowed = &lines[0];
    assert_eq!(allowed["instance"], "accesslog.instance.istio-system");
    assert_eq!(allowed["level"], "info");
    assert_eq!((&allowed["method"], &allowed["url"]), (&"GET".into(), &"/hello?a=1".into()));
    assert_eq!((&allowed["user"], &allowed["responseCode"]), (&"ann".into(), &200.into()));
    assert_eq!(allowed["userAgent"], "a \"quoted\" agent");
    assert_eq!(allowed["sourceIp"], "127.0.0.1");
    assert_eq!(lines[1]["responseCode"], 403);
    assert_eq!(lines[1]["checkErrorCode"], 7);
    assert!(
        lines[1]["checkErrorMessage"].as_str().is_some_and(|text| text.contains("closed")),
        "{}",
        lines[1]
    );
    Ok(())
}
