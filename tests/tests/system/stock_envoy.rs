//! An Envoy without our module: external authorization, access logs and rate limits by the same rules.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{StockEnvoy, TestMesh, UpstreamTls, wait_until};

use crate::certificates::Authority;
use crate::readings::LIMIT;
use crate::require_part;

fn mesh() -> Result<TestMesh> {
    TestMesh::new()?
        .with_demo_file("deny.yaml")?
        .with_demo_file("list.yaml")?
        .with_demo_file("metrics.yaml")?
        .with_demo_file("accesslog.yaml")
}

fn start() -> Result<StockEnvoy> {
    StockEnvoy::start(mesh()?, |_| {})
}

#[test]
fn a_stock_envoy_allows_and_denies_by_the_same_rules() -> Result<()> {
    require_part!(Envoy);
    let envoy = start()?;
    envoy.get("/", &[])?.require_ok()?;
    envoy.get("/", &[("x-user", "ann")])?.require_ok()?;
    assert_eq!(envoy.upstream_requests()?, 2);
    let denied = envoy.get("/admin/keys", &[])?;
    assert_eq!(denied.status, 403);
    assert_eq!(denied.text(), "PERMISSION_DENIED:denyadmin.default:the administration is closed");
    let listed = envoy.get("/", &[("x-user", "mallory")])?;
    assert_eq!(listed.status, 403);
    assert_eq!(listed.text(), "PERMISSION_DENIED:blockedusers.default:mallory is blacklisted");
    assert_eq!(envoy.upstream_requests()?, 2);
    let asked = envoy.mixer().metrics()?;
    assert_eq!(asked.count("mixer_ext_authz_requests_total", &[("answer", "ok")]), 2);
    assert_eq!(asked.count("mixer_ext_authz_requests_total", &[("answer", "denied")]), 2);
    Ok(())
}

#[test]
fn a_grpc_call_that_is_refused_gets_policys_own_code() -> Result<()> {
    require_part!(Envoy);
    let envoy = start()?;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let refused = envoy.connect()?.request("POST", "/admin", &headers, b"")?;
    assert_eq!((refused.status, refused.header("grpc-status")), (200, Some("7")));
    let message = refused.header("grpc-message").context("a message")?;
    ensure!(message.contains("the administration is closed"), "{message}");
    Ok(())
}

#[test]
fn without_mixer_a_stock_envoy_refuses_and_recovers() -> Result<()> {
    require_part!(Envoy);
    let mut envoy = start()?;
    envoy.get("/", &[])?.require_ok()?;
    envoy.mixer_mut().kill()?;
    for _ in 0..5 {
        assert_eq!(envoy.get("/", &[])?.status, 403);
    }
    assert_eq!(envoy.upstream_requests()?, 1);
    envoy.mixer_mut().restart()?;
    wait_until("the first answer", LIMIT, || envoy.get("/", &[])?.require_ok())?;
    Ok(())
}

#[test]
fn the_access_log_of_a_stock_envoy_is_counted_with_istios_labels() -> Result<()> {
    require_part!(Envoy);
    let envoy = start()?;
    let mut connection = envoy.connect()?;
    for _ in 0..7 {
        connection.get("/", &[])?.require_ok()?;
    }
    for _ in 0..5 {
        assert_eq!(connection.get("/admin", &[])?.status, 403);
    }
    let series = wait_until("twelve requests to be counted", LIMIT, || {
        let series = envoy.mixer().series()?;
        let counted = series.count("istio_requests_total", &[]);
        ensure!(counted == 12, "{counted} are");
        Ok(series)
    })?;
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
            ("reporter", "destination"),
            ("request_protocol", "http"),
            ("response_code", code),
            ("source_principal", "unknown"),
        ];
        assert_eq!(series.count("istio_requests_total", &labels), count, "{code}");
        let of_code = [("response_code", code)];
        assert_eq!(series.count("istio_request_duration_seconds_count", &of_code), count, "{code}");
    }
    let taken = [("protocol", "http"), ("result", "taken")];
    assert_eq!(envoy.mixer().metrics()?.count("mixer_access_log_entries_total", &taken), 12);
    Ok(())
}

#[test]
fn an_entry_tells_what_the_module_would() -> Result<()> {
    require_part!(Envoy);
    let envoy = start()?;
    let mut connection = envoy.connect()?;
    connection.get("/hello?a=1", &[("x-user", "ann"), ("user-agent", "an agent")])?.require_ok()?;
    assert_eq!(connection.get("/admin", &[])?.status, 403);
    let lines = wait_until("two lines in the access log", LIMIT, || {
        let text = fs::read_to_string(envoy.mixer().access_log())?;
        let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        ensure!(lines.len() == 2, "there are {}", lines.len());
        Ok(lines)
    })?;
    let line = |path: &str| lines.iter().find(|line| line["url"] == path).context("a line");
    let allowed = line("/hello?a=1")?;
    for (name, value) in [
        ("method", "GET"),
        ("user", "ann"),
        ("userAgent", "an agent"),
        ("sourceIp", "127.0.0.1"),
        ("protocol", "http"),
        ("responseFlags", "-"),
        ("destinationWorkload", "greeter"),
        ("destinationNamespace", "default"),
    ] {
        assert_eq!(allowed[name], value, "{name}: {allowed}");
    }
    assert_eq!(allowed["responseCode"], 200);
    let denied = line("/admin")?;
    assert_eq!((&denied["responseCode"], &denied["checkErrorCode"]), (&403.into(), &7.into()));
    assert_eq!(denied["responseFlags"], "UAEX");
    let message = denied["checkErrorMessage"].as_str().unwrap_or_default();
    ensure!(message.contains("the administration is closed"), "{denied}");
    Ok(())
}

#[test]
fn a_connection_that_is_passed_on_is_reported_when_it_ends() -> Result<()> {
    require_part!(Envoy);
    let envoy = StockEnvoy::start(
        TestMesh::new()?.with_file("tcp.yaml", include_str!("tcp_metrics.yaml"))?,
        |_| {},
    )?;
    let request = b"GET / HTTP/1.1\r\nhost: greeter\r\nconnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(envoy.tcp())?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    drop(stream);
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    wait_until("its bytes to be counted", LIMIT, || {
        let series = envoy.mixer().series()?;
        let bytes = |name| series.count(name, &[("destination_workload", "greeter")]);
        let counted = (bytes("istio_tcp_received_bytes"), bytes("istio_tcp_sent_bytes"));
        ensure!(counted == (request.len() as u64, answer.len() as u64), "{counted:?}");
        Ok(())
    })
}

#[test]
fn certificates_are_renewed_while_requests_flow_over_mutual_tls() -> Result<()> {
    require_part!(Envoy);
    let mesh = mesh()?;
    let folder = mesh.folder().join("tls");
    let authority = Authority::new(&folder)?;
    authority.sign("mixer", "spiffe://cluster.local/ns/istio-system/sa/mixer", 2040)?;
    authority.sign("envoy", "spiffe://cluster.local/ns/default/sa/greeter", 2040)?;
    let file = |name: &str| folder.join(name);
    let flag = |name: &str, path: &str| format!("--{name}={}", file(path).display());
    let flags = [
        flag("tls-cert", "mixer.pem"),
        flag("tls-key", "mixer.key"),
        flag("tls-client-ca", "authority.pem"),
    ];
    let mesh = mesh.with(|options| options.mixer().flags = flags.to_vec());
    let envoy = StockEnvoy::start(mesh, |options| {
        options.tls = Some(UpstreamTls {
            certificate: file("envoy.pem"),
            key: file("envoy.key"),
            authority: file("authority.pem"),
        });
    })?;
    let metric = |name: &str, labels: &[(&str, &str)]| -> Result<u64> {
        Ok(envoy.mixer().metrics()?.count(name, labels))
    };
    let expiry = || metric("mixer_tls_certificate_expiry_seconds", &[]);
    let shaken = || metric("mixer_tls_handshakes_total", &[("result", "ok")]);
    let first_expiry = expiry()?;
    let finished = AtomicBool::new(false);
    let traffic = || -> Result<u64> {
        let mut connection = envoy.connect()?;
        let mut sent = 0;
        while !finished.load(Ordering::Relaxed) {
            connection.get("/", &[("x-user", &format!("user-{sent}"))])?.require_ok()?;
            sent += 1;
        }
        Ok(sent)
    };
    let renew = || -> Result<()> {
        wait_until("handshakes with the first certificate", LIMIT, || {
            ensure!(shaken()? >= 3);
            Ok(())
        })?;
        authority.sign("mixer", "spiffe://cluster.local/ns/istio-system/sa/mixer", 2041)?;
        wait_until("the renewed certificate to be in use", LIMIT, || {
            ensure!(expiry()? > first_expiry);
            Ok(())
        })?;
        let before = shaken()?;
        wait_until("handshakes with the renewed certificate", LIMIT, || {
            ensure!(shaken()? >= before + 5);
            Ok(())
        })
    };
    let (sent, renewed) = thread::scope(|scope| {
        let traffic = scope.spawn(traffic);
        let renewed = renew();
        finished.store(true, Ordering::Relaxed);
        (traffic.join(), renewed)
    });
    let sent = sent.map_err(|_| anyhow::anyhow!("the traffic panicked"))??;
    renewed?;
    ensure!(sent > 100, "only {sent} requests were sent");
    let log = fs::read_to_string(envoy.mixer().log())?;
    ensure!(log.contains("spiffe://cluster.local/ns/default/sa/greeter at 127.0.0.1"), "{log}");
    Ok(())
}

#[test]
fn header_operations_of_rules_reach_the_service_and_the_client() -> Result<()> {
    require_part!(Envoy);
    let mesh =
        TestMesh::new()?.with_file("headers.yaml", include_str!("header_operations.yaml"))?;
    let envoy = StockEnvoy::start(mesh, |_| {})?;
    let answer = envoy.get("/", &[("x-user", "mallory")])?.require_ok()?;
    ensure!(answer.text().contains("Hello, ann!"), "{}", answer.text());
    let values = |name: &str| -> Vec<&str> {
        answer.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    };
    assert_eq!(values("x-policy"), ["first", "second"]);
    assert_eq!(values("content-type"), ["text/policy"]);
    let removed = envoy.get("/without", &[("x-user", "mallory")])?.require_ok()?;
    ensure!(removed.text().contains("Hello, stranger!"), "{}", removed.text());
    Ok(())
}

#[test]
fn a_quota_limits_each_user_of_a_stock_envoy() -> Result<()> {
    require_part!(Envoy);
    let mesh = TestMesh::new()?.with_demo_file("quota.yaml")?;
    let envoy =
        StockEnvoy::start(mesh, |options| options.rate_limit_domain = Some("requests.default"))?;
    for _ in 0..3 {
        envoy.get("/", &[("x-user", "ann")])?.require_ok()?;
    }
    let limited = envoy.get("/", &[("x-user", "ann")])?;
    assert_eq!((limited.status, limited.header("x-ratelimit-remaining")), (429, Some("0")));
    envoy.get("/", &[("x-user", "bob")])?.require_ok()?;
    // Without the header there is no descriptor, and nothing is asked.
    envoy.get("/", &[])?.require_ok()?;
    assert_eq!(envoy.upstream_requests()?, 5);
    let asked = envoy.mixer().metrics()?;
    let count = |answer| asked.count("mixer_rate_limit_descriptors_total", &[("answer", answer)]);
    assert_eq!((count("ok"), count("over_limit"), count("error")), (4, 1, 0));
    Ok(())
}
