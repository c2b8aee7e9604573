//! Mixer as its operators meet it: options, ports, pages, load it cannot serve, and the command line
//! beside it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::http::{Answer, Connection, get};
use testbed::{Launch, Layout, Mixer, SpanCollector, TestMesh, free_address, wait_until};

use crate::readings::LIMIT;

/// Counts every report; the adapter that goes by the name prometheus takes its time.
const COUNT: &str = r#"
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: slow, namespace: default }
spec: { compiledAdapter: prometheus, params: {} }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: count, namespace: default }
spec: { compiledTemplate: metric, params: { value: "1", dimensions: {} } }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: count, namespace: default }
spec: { actions: [ { handler: slow, instances: [ count ] } ] }
"#;

/// The attributes of a request, as flags of meshctl.
const REQUEST: [&str; 2] = ["-s", "destination.namespace=default,request.path=/admin"];

fn meshctl(mixer: &Mixer, command: &str, arguments: &[&str]) -> Result<Output> {
    let address = mixer.grpc().to_string();
    let mut meshctl = Command::new(Layout::of_checkout().binary("meshctl")?);
    meshctl.args([command, "--mixer", &address, "-o", "json"]).args(REQUEST).args(arguments);
    Ok(meshctl.output()?)
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

fn summary(output: &Output) -> Result<Value> {
    let out = String::from_utf8_lossy(&output.stdout);
    let last = out.lines().last().with_context(|| text(output))?;
    serde_json::from_str(last).with_context(|| text(output))
}

fn mixer(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(Layout::of_checkout().binary("mixer")?).args(arguments).output()?)
}

fn with_flags(mesh: TestMesh, flags: &[&str]) -> TestMesh {
    let flags = flags.iter().map(|flag| (*flag).to_owned());
    mesh.with(|mesh| mesh.mixer().flags.extend(flags))
}

fn page(mixer: &Mixer, page: &str) -> Result<Value> {
    let answer = get(&format!("{}{page}", mixer.http_url()))?.require_ok()?;
    Ok(serde_json::from_slice(&answer.body)?)
}

#[test]
fn options_of_a_file_hold_and_flags_win_over_them() -> Result<()> {
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?;
    let file = mesh.folder().join("options.yaml");
    // Mixer's own port stands on the command line.
    fs::write(&file, "grpc: 127.0.0.1:1\nlog-format: json\ncheck-cache-bytes: 12345678\n")?;
    let file = file.to_str().context("the folder's name is text")?.to_owned();
    let mixer = with_flags(mesh, &["--options", &file]).start_mixer()?;
    ensure!(page(&mixer, "/debug/cache")?["size"]["limit_bytes"] == 12_345_678);
    let log = fs::read_to_string(mixer.log())?;
    let line: Value = serde_json::from_str(log.lines().next().context("the log is empty")?)?;
    ensure!(line["level"].is_string(), "{line}");
    Ok(())
}

#[test]
fn mistakes_in_options_are_told_at_once_and_nothing_is_started() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("options.yaml");
    fs::write(&file, "config: .\ngrcp: 127.0.0.1:1\nspans: http://here\n")?;
    let refused = mixer(&["serve", "--options", &file.display().to_string()])?;
    let told = text(&refused);
    ensure!(refused.status.code() == Some(2), "{told}");
    ensure!(told.contains("options.yaml:2: grcp: no such option; did you mean grpc?"), "{told}");
    ensure!(told.contains("options.yaml:3: spans: ") && told.contains("otlp=URL"), "{told}");
    let gone = mixer(&["serve", "--configStoreURL=fs:///etc"])?;
    let told = text(&gone);
    ensure!(gone.status.code() == Some(2) && told.contains("use --config"), "{told}");
    let late = mixer(&[
        "serve",
        "--config",
        "/nowhere",
        "--config-wait-timeout",
        "1ms",
        "--http",
        "127.0.0.1:0",
    ])?;
    let told = text(&late);
    ensure!(!late.status.success() && told.contains("configuration folder /nowhere"), "{told}");
    let file = file.display().to_string();
    let no_folder = mixer(&["serve", "--config", &file, "--http", "127.0.0.1:0"])?;
    let told = text(&no_folder);
    ensure!(!no_folder.status.success() && told.contains("is not a folder"), "{told}");
    Ok(())
}

#[test]
fn a_mixer_without_configuration_is_alive_and_waits_for_it() -> Result<()> {
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?;
    let layout = Layout::of_checkout();
    let late = mesh.folder().join("late");
    let http = free_address()?.to_string();
    let mut process = Launch::new("mixer", layout.binary("mixer")?, mesh.folder())
        .arg("serve")
        .arg("--config")
        .arg(&late)
        .arg("--adapters")
        .arg(layout.adapters())
        .arg("--http")
        .arg(&http)
        .arg("--grpc")
        .arg(free_address()?.to_string())
        .arg("--prometheus")
        .arg(free_address()?.to_string())
        .start()?;
    process
        .wait_until("it to live", LIMIT, || get(&format!("http://{http}/healthz"))?.require_ok())?;
    let waits = get(&format!("http://{http}/readyz"))?;
    ensure!(waits.status == 503 && waits.text().contains("configuration"), "{}", waits.text());
    ensure!(get(&format!("http://{http}/debug/config"))?.status == 503);
    fs::rename(mesh.config(), &late)?;
    process.wait_until("it to be ready", LIMIT, || {
        get(&format!("http://{http}/readyz"))?.require_ok()
    })?;
    Ok(())
}

#[test]
fn the_probe_follows_the_process() -> Result<()> {
    let mut mixer_process = TestMesh::new()?.with_demo_file("deny.yaml")?.start_mixer()?;
    let http = mixer_process.http_url().replace("http://", "");
    for flags in [&["probe", "--http", &http][..], &["probe", "--http", &http, "--liveness"]] {
        let well = mixer(flags)?;
        ensure!(well.status.success(), "{}", text(&well));
    }
    mixer_process.kill()?;
    let gone = mixer(&["probe", "--http", &http])?;
    ensure!(
        gone.status.code() == Some(1) && text(&gone).contains("does not answer"),
        "{}",
        text(&gone)
    );
    Ok(())
}

#[test]
fn dashboards_find_mixers_metrics_under_their_names() -> Result<()> {
    let mixer =
        TestMesh::new()?.with_demo_file("deny.yaml")?.with_demo_file("list.yaml")?.start_mixer()?;
    for _ in 0..2 {
        let denied = meshctl(&mixer, "check", &[])?;
        ensure!(denied.status.code() == Some(1), "{}", text(&denied));
    }
    let metrics = mixer.metrics()?;
    let check = [("grpc_server_method", "istio.mixer.v1.Mixer/Check")];
    let completed = [check[0], ("grpc_server_status", "OK")];
    ensure!(metrics.count("grpc_io_server_completed_rpcs", &completed) == 2);
    for name in ["server_latency", "received_bytes_per_rpc", "sent_bytes_per_rpc"] {
        ensure!(metrics.count(&format!("grpc_io_server_{name}_count"), &check) == 2, "{name}");
    }
    ensure!(metrics.sum("grpc_io_server_received_bytes_per_rpc_sum", &check) > 20.0);
    ensure!(metrics.sum("grpc_io_server_sent_bytes_per_rpc_sum", &check) > 20.0);
    ensure!(metrics.count("mixer_checkcache_cache_hits_total", &[]) == 1);
    ensure!(metrics.count("mixer_checkcache_cache_writes_total", &[]) == 1);
    let dispatched = [
        ("meshFunction", "checknothing"),
        ("handler", "denyadmin.default"),
        ("adapter", "denier"),
        ("error", "false"),
    ];
    ensure!(metrics.count("mixer_runtime_dispatches_total", &dispatched) == 1);
    ensure!(metrics.count("mixer_runtime_dispatch_duration_seconds_count", &dispatched) == 1);
    let of_handler = [("handler", "denyadmin.default"), ("adapter", "denier")];
    ensure!(metrics.count("mixer_adapter_calls_total", &of_handler) == 1);
    ensure!(metrics.count("mixer_config_rule_configs_total", &[]) >= 2);
    ensure!(metrics.count("mixer_config_attributes_total", &[]) > 10);
    for name in ["process_resident_memory_bytes", "process_start_time_seconds", "process_open_fds"]
    {
        ensure!(metrics.sum(name, &[]) > 0.0, "{name}");
    }
    Ok(())
}

#[test]
fn reports_of_either_encoding_count_every_request_and_exit_codes_tell_what_happened() -> Result<()>
{
    let mut mixer = TestMesh::new()?.with_demo_file("deny.yaml")?.start_mixer()?;
    for encoding in ["delta", "independent"] {
        let load = ["--repeat", "10", "--concurrency", "3", "--batch-size", "7", "--rate", "1000"];
        let told = meshctl(&mixer, "report", &[&load[..], &["--encoding", encoding]].concat())?;
        ensure!(told.status.success(), "{}", text(&told));
        let told = summary(&told)?;
        ensure!(
            told["outcomes"] == json!({ "OK": 10 }) && told["micros"]["p99"].is_u64(),
            "{told}"
        );
    }
    ensure!(mixer.metrics()?.count("mixer_reports_received_total", &[]) == 140);
    let passes = meshctl(&mixer, "check", &["-s", "request.path=/"])?;
    ensure!(passes.status.code() == Some(0), "{}", text(&passes));
    for wrong in [&["-i", "a.b=x"][..], &["--concurrency", "0"], &["--header", "nothing"]] {
        let refused = meshctl(&mixer, "check", wrong)?;
        ensure!(refused.status.code() == Some(2), "{}", text(&refused));
    }
    mixer.kill()?;
    for command in ["check", "report"] {
        let silent = meshctl(&mixer, command, &[])?;
        ensure!(silent.status.code() == Some(3), "{}", text(&silent));
    }
    Ok(())
}

#[test]
fn debug_pages_show_what_is_in_force_and_the_log_changes_its_level() -> Result<()> {
    let mixer =
        TestMesh::new()?.with_demo_file("deny.yaml")?.with_demo_file("list.yaml")?.start_mixer()?;
    meshctl(&mixer, "check", &[])?;
    let index = page(&mixer, "/")?;
    for listed in index["pages"].as_array().context("the index has no pages")? {
        let listed = listed["page"].as_str().context("a page has no name")?;
        get(&format!("{}{listed}", mixer.http_url()))?.require_ok()?;
    }
    let handlers = page(&mixer, "/debug/handlers")?;
    let handlers = handlers["handlers"].as_array().context("there are no handlers")?;
    let denier = handlers.iter().find(|handler| handler["name"] == "denyadmin.default");
    let denier = denier.with_context(|| format!("{handlers:?}"))?;
    ensure!(denier["state"] == "built" && denier["status"]["calls"] == 1, "{denier:#}");
    ensure!(denier["status"]["digest"].as_str().is_some_and(|hex| hex.len() == 64), "{denier:#}");
    let shapes = page(&mixer, "/debug/cache")?["shapes"]["default"].to_string();
    ensure!(shapes.contains("request.path"), "{shapes}");
    let config = page(&mixer, "/debug/config")?;
    ensure!(config["source"]["in_force"] == true, "{config:#}");

    let address = mixer.http_url().replace("http://", "").parse()?;
    let put = |level: &str| -> Result<Answer> {
        let path = format!("/debug/log?level={level}");
        Connection::open(address)?.request("PUT", &path, &[], b"")
    };
    ensure!(put("warn,mixer%3A%3Aservice=debug")?.status == 200);
    let shown = get(&format!("{}/debug/log", mixer.http_url()))?.text();
    ensure!(shown.contains("mixer::service=debug"), "{shown}");
    let refused = put("loud")?;
    ensure!(refused.status == 400 && refused.text().contains("`loud`"), "{}", refused.text());
    Ok(())
}

#[test]
fn checks_go_on_while_reports_are_shed() -> Result<()> {
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?.with_file("count.yaml", COUNT)?;
    let adapters = slow_adapters(&mesh)?;
    let mesh = mesh.with(|mesh| mesh.mixer().adapters = adapters);
    let mixer = with_flags(mesh, &["--max-queued-instances", "200"]).start_mixer()?;
    // Each report takes the adapter 150 ms, however large it is: most of these find a full queue.
    let reports = meshctl(&mixer, "report", &["--repeat", "60", "--batch-size", "10"])?;
    let told = summary(&reports)?;
    let shed = told["outcomes"]["Unavailable"].as_u64().unwrap_or(0);
    ensure!(reports.status.code() == Some(3) && shed > 0, "{}", text(&reports));
    ensure!(told["outcomes"]["OK"].as_u64().is_some_and(|taken| taken >= 20), "{told}");
    ensure!(mixer.metrics()?.count("mixer_report_queued_instances", &[]) > 0);

    let checks = meshctl(&mixer, "check", &["--repeat", "50", "--concurrency", "5"])?;
    ensure!(summary(&checks)?["outcomes"] == json!({ "denied": 50 }), "{}", text(&checks));
    let metrics = mixer.metrics()?;
    let full = [("kind", "report"), ("reason", "handler_queues")];
    ensure!(metrics.count("mixer_loadshedding_requests_throttled", &full) == shed);
    let cost = metrics.count("mixer_loadshedding_predicted_cost_shed_total", &full);
    ensure!(cost == 10 * shed, "{cost} of {shed} reports");
    ensure!(metrics.count("mixer_loadshedding_requests_throttled", &[("kind", "check")]) == 0);
    // What was taken is worked off, and reports are taken again.
    wait_until("the queue to empty", LIMIT, || {
        let waiting = mixer.metrics()?.count("mixer_report_queued_instances", &[]);
        ensure!(waiting == 0, "{waiting} instances wait");
        Ok(())
    })?;
    let again = meshctl(&mixer, "report", &[])?;
    ensure!(again.status.success(), "{}", text(&again));
    ensure!(mixer.metrics()?.count("mixer_report_elements_lost_total", &[]) == 0);
    Ok(())
}

fn slow_adapters(mesh: &TestMesh) -> Result<PathBuf> {
    let adapters = Layout::of_checkout().adapters();
    let folder = mesh.folder().join("adapters");
    fs::create_dir_all(&folder)?;
    for (from, to) in [("denier", "denier"), ("testing/slow", "prometheus")] {
        let from = adapters.join(format!("{from}.wasm"));
        fs::copy(&from, folder.join(format!("{to}.wasm")))
            .with_context(|| from.display().to_string())?;
    }
    Ok(folder)
}

#[test]
fn a_rate_limit_refuses_with_a_hint_and_logonly_only_counts() -> Result<()> {
    for (mode, passes) in [("enforce", false), ("logonly", true)] {
        // The manifest alone: no answer is worth caching for ever, and none is denied.
        let mesh = TestMesh::new()?;
        let flags = ["--shedding", mode, "--max-requests-per-second", "1", "--burst-size", "2"];
        let cacheless = ["--check-cache-bytes", "0"];
        let mixer = with_flags(with_flags(mesh, &flags), &cacheless).start_mixer()?;
        let checks = meshctl(&mixer, "check", &["--repeat", "30", "--print-response"])?;
        let outcomes = &summary(&checks)?["outcomes"];
        let shed = outcomes["Unavailable"].as_u64().unwrap_or(0);
        ensure!((shed == 0) == passes, "{mode}: {}", text(&checks));
        ensure!(text(&checks).contains(" (again in ") != passes, "{mode}: {}", text(&checks));
        let rate = [("kind", "check"), ("reason", "rate")];
        let counted = mixer.metrics()?.count("mixer_loadshedding_requests_throttled", &rate);
        ensure!(counted > 0 && (passes || counted == shed), "{mode}: {counted} of {shed}");
    }
    Ok(())
}

#[test]
fn connections_beyond_the_limit_are_closed_and_counted() -> Result<()> {
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?;
    let mixer = with_flags(mesh, &["--max-connections", "2"]).start_mixer()?;
    let held = [mixer.grpc(); 2].map(std::net::TcpStream::connect);
    wait_until("both connections", LIMIT, || {
        let open = mixer.metrics()?.count("mixer_grpc_connections", &[]);
        ensure!(open == 2, "{open} are open");
        Ok(())
    })?;
    let refused = meshctl(&mixer, "check", &[])?;
    ensure!(refused.status.code() == Some(3), "{}", text(&refused));
    ensure!(mixer.metrics()?.count("mixer_grpc_connections_refused_total", &[]) >= 1);
    drop(held);
    wait_until("a place", LIMIT, || {
        let answered = meshctl(&mixer, "check", &[])?;
        ensure!(answered.status.code() == Some(1), "{}", text(&answered));
        Ok(())
    })
}

#[test]
fn a_socket_in_the_file_system_serves_and_goes_with_the_process() -> Result<()> {
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?;
    // The path of a socket is short; that of the test's folder may not be.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("mixer.sock");
    let address = format!("unix://{}", path.display());
    let mut mixer = with_flags(mesh, &["--grpc", &address]).start_mixer()?;
    let ask = || -> Result<Output> {
        let mut meshctl = Command::new(Layout::of_checkout().binary("meshctl")?);
        Ok(meshctl.args(["check", "--mixer", &address]).args(REQUEST).output()?)
    };
    let denied = ask()?;
    ensure!(denied.status.code() == Some(1), "{}", text(&denied));
    // A killed process leaves its socket behind; the next one takes its place.
    mixer.kill()?;
    ensure!(path.exists());
    mixer.restart()?;
    let denied = ask()?;
    ensure!(denied.status.code() == Some(1), "{}", text(&denied));
    mixer.terminate(LIMIT)?;
    ensure!(!path.exists(), "the socket is left behind");
    Ok(())
}

#[test]
fn a_check_leaves_spans_of_its_dispatch_and_of_each_handler_in_the_callers_trace() -> Result<()> {
    let collector = SpanCollector::start()?;
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?.with_demo_file("metrics.yaml")?;
    let mixer = mesh.with(|mesh| mesh.mixer().zipkin = Some(collector.url())).start_mixer()?;
    let trace = "80f198ee56343ba864fe8b2a57d3eff7";
    let parent = format!("00-{trace}-e457b5a2e4d86bd1-01");
    let denied = meshctl(&mixer, "check", &["--header", &format!("traceparent={parent}")])?;
    ensure!(denied.status.code() == Some(1), "{}", text(&denied));
    // Not sampled: no span.
    let unsampled = format!("traceparent={}", parent.replace("-01", "-00"));
    meshctl(&mixer, "check", &["--header", &unsampled])?;
    let header = format!("traceparent={parent}");
    let told = meshctl(&mixer, "report", &["-s", "context.protocol=http", "--header", &header])?;
    ensure!(told.status.success(), "{}", text(&told));
    let spans = wait_until("five spans", LIMIT, || {
        let spans = collector.spans();
        ensure!(spans.len() >= 5, "there are {}", spans.len());
        Ok(spans)
    })?;
    let id_of = |name: &str| -> Result<Value> {
        let mut named = spans.iter().filter(|span| span["name"] == name);
        let span = named.next().with_context(|| format!("no span {name} in {spans:#?}"))?;
        ensure!(named.next().is_none(), "two spans {name}: {spans:#?}");
        ensure!(span["traceId"] == trace, "{span}");
        Ok(span.clone())
    };
    let (check, dispatch) = (id_of("check")?, id_of("dispatch")?);
    let call = id_of("denyadmin.default")?;
    ensure!(check["parentId"] == "e457b5a2e4d86bd1", "{check}");
    ensure!(
        dispatch["parentId"] == check["id"] && call["parentId"] == dispatch["id"],
        "{spans:#?}"
    );
    let report = id_of("report")?;
    let counted = spans.iter().filter(|span| span["parentId"] == report["id"]);
    ensure!(counted.count() == 1, "the call of the metrics' handler: {spans:#?}");
    wait_until("the counts", LIMIT, || {
        ensure!(mixer.metrics()?.count("mixer_spans_exported_total", &[]) == 5);
        Ok(())
    })
}
