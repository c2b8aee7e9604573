//! The series of the Prometheus adapter, as a real Prometheus reads them. What Mixer is told is told by
//! `meshctl report`, so every number is known.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::http::get;
use testbed::{Layout, Mixer, Prometheus, TestMesh, lint_series, wait_until, write_at_once};

use crate::readings::LIMIT;
use crate::require_part;

const SERIES: &str = include_str!("series.yaml");

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Tells Mixer of `count` requests with these attributes.
fn report(mixer: &Mixer, count: u32, attributes: &Value) -> Result<()> {
    let output = Command::new(Layout::of_checkout().binary("meshctl")?)
        .args(["report", "--mixer", &mixer.grpc().to_string(), "--attributes"])
        .arg(attributes.to_string())
        .args(["--batch-size", &count.to_string()])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn text(value: &str) -> Value {
    json!({ "t": "STRING", "v": value })
}

fn amount(amount: i64, label: &str, trace: &str) -> Value {
    json!({
        "test.amount": { "t": "INT64", "v": amount },
        "test.label": text(label),
        "test.trace": text(trace),
        "test.number": text("-2.5e1"),
        "test.time": { "t": "DURATION", "v": 1_250_000_000 },
    })
}

/// Waits until the series page has a line.
fn await_line(mixer: &Mixer, line: &str) -> Result<String> {
    wait_until(&format!("the line {line}"), LIMIT, || {
        let page = get(&mixer.series_url())?.require_ok()?.text();
        ensure!(page.lines().any(|there| there == line), "{page}");
        Ok(page)
    })
}

#[test]
fn prometheus_answers_for_every_kind_of_metric() -> Result<()> {
    require_part!(Prometheus);
    let mesh = TestMesh::new()?.with_file("series.yaml", SERIES)?;
    let folder = mesh.folder().to_owned();
    let mixer = mesh.start_mixer()?;
    report(&mixer, 50, &amount(100, "a", &format!("00-{TRACE}-00f067aa0ba902b7-01")))?;
    report(&mixer, 50, &amount(1000, "a", ""))?;
    let page = await_line(&mixer, "traced_total{label=\"a\"} 55000")?;
    assert_eq!(lint_series(&Layout::of_checkout(), &page)?, "", "{page}");

    let target = [("series", mixer.series_url())];
    let layout = Layout::of_checkout();
    // One that scrapes OpenMetrics, and one that scrapes protobuf.
    let start = |name: &str, features: &[&str]| {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Prometheus::start_with(&layout, &target, &folder, features)
    };
    let text = start("openmetrics", &["exemplar-storage"])?;
    let protobuf = start("protobuf", &["exemplar-storage", "native-histograms"])?;
    for prometheus in [&text, &protobuf] {
        prometheus.wait_for_sum("traced_total{label=\"a\"}", 55_000.0)?;
        prometheus.wait_for_sum("istio_last", -25.0)?;
        prometheus.wait_for_sum("istio_wait_seconds_bucket{le=\"1.0\"}", 0.0)?;
        prometheus.wait_for_sum("istio_wait_seconds_bucket{le=\"1.5\"}", 100.0)?;
        prometheus.wait_for_sum("istio_wait_seconds_sum", 125.0)?;
        prometheus.wait_for_sum("istio_explicit_bytes_bucket{le=\"50.0\"}", 0.0)?;
        prometheus.wait_for_sum("istio_explicit_bytes_bucket{le=\"500.0\"}", 50.0)?;
        prometheus.wait_for_sum("istio_explicit_bytes_count", 100.0)?;
        prometheus.wait_for_sum("up", 1.0)?;
        // Only these two formats have exemplars at all.
        let of_counter = prometheus.exemplars("traced_total")?;
        assert_eq!(of_counter, [json!({ "trace_id": TRACE })]);
    }
    text.wait_for_sum("istio_size_bytes_bucket{le=\"100.0\"}", 50.0)?;
    let of_bucket = text.exemplars("istio_size_bytes_bucket")?;
    assert_eq!(of_bucket, [json!({ "trace_id": TRACE })]);
    assert_eq!(protobuf.exemplars("istio_size_bytes")?, [json!({ "trace_id": TRACE })]);
    protobuf.wait_for_sum("histogram_count(istio_size_bytes)", 100.0)?;
    protobuf.wait_for_sum("histogram_sum(istio_size_bytes)", 55_000.0)?;
    for (quantile, low, high) in [(0.25, 91.0, 110.0), (0.75, 910.0, 1100.0)] {
        let answer =
            protobuf.query(&format!("histogram_quantile({quantile}, istio_size_bytes)"))?;
        let [(_, value)] = &answer[..] else { panic!("{answer:?}") };
        assert!((low..high).contains(value), "quantile {quantile} is {value}");
    }
    Ok(())
}

#[test]
fn whatever_a_client_sends_is_a_label_as_it_is() -> Result<()> {
    require_part!(Prometheus);
    let mesh = TestMesh::new()?.with_file("series.yaml", SERIES)?;
    let folder = mesh.folder().to_owned();
    let mixer = mesh.start_mixer()?;
    let hostile = [
        "a\nb",
        "\"} 1\ninjected_total 5\n",
        "back\\slash\\n",
        "# EOF",
        "{le=\"+Inf\"} # {trace_id=\"x\"} 1",
        "zero\u{0}one\u{1}",
        "\u{2028}ünï😀",
        "\r\n",
    ];
    for label in hostile {
        report(&mixer, 1, &amount(1, label, label))?;
    }
    let count = "count(traced_total)";
    let layout = Layout::of_checkout();
    let target = [("series", mixer.series_url())];
    for features in [&["exemplar-storage"][..], &["exemplar-storage", "native-histograms"]] {
        let folder = folder.join(features.len().to_string());
        std::fs::create_dir_all(&folder)?;
        let prometheus = Prometheus::start_with(&layout, &target, &folder, features)?;
        prometheus.wait_for_sum(count, hostile.len() as f64)?;
        let series = prometheus.query("traced_total")?;
        let mut labels: Vec<_> =
            series.iter().filter_map(|(labels, _)| labels["label"].as_str()).collect();
        labels.sort_unstable();
        // Where a NUL stands Prometheus would stop to read.
        let mut expected = hostile.map(|label| label.replace('\0', "\u{fffd}"));
        expected.sort_unstable();
        assert_eq!(labels, expected);
        assert_eq!(prometheus.query("injected_total")?, []);
    }
    let page = get(&mixer.series_url())?.require_ok()?.text();
    assert_eq!(lint_series(&layout, &page)?, "", "{page}");
    Ok(())
}

#[test]
fn a_scrape_sees_series_expire() -> Result<()> {
    let policy = "    metrics_expiration_policy: { metrics_expiry_duration: 1s }\n    metrics:\n    - name: last";
    let expiring = SERIES.replacen("    metrics:\n    - name: last", policy, 1);
    assert_ne!(expiring, SERIES);
    let mixer = TestMesh::new()?.with_file("series.yaml", &expiring)?.start_mixer()?;
    report(&mixer, 1, &amount(7, "idle", ""))?;
    let page = await_line(&mixer, "traced_total{label=\"idle\"} 7")?;
    assert!(page.contains("istio_explicit_bytes_count{label=\"idle\"} 1"), "{page}");
    wait_until("the idle series to go", LIMIT, || {
        let page = get(&mixer.series_url())?.require_ok()?.text();
        ensure!(!page.contains("traced_total"), "{page}");
        ensure!(page.contains("istio_explicit_bytes_count{label=\"idle\"} 1"), "{page}");
        Ok(())
    })
}

#[test]
fn scrapes_during_reloads_see_every_number_go_on() -> Result<()> {
    let mesh = TestMesh::new()?.with_file("series.yaml", SERIES)?;
    let config = mesh.config();
    let mixer = mesh.start_mixer()?;
    report(&mixer, 3, &amount(5, "a", ""))?;
    await_line(&mixer, "traced_total{label=\"a\"} 15")?;
    let snapshots =
        || Ok::<_, anyhow::Error>(mixer.metrics()?.count("mixer_config_snapshots_total", &[]));
    let before = snapshots()?;
    let reloaded = AtomicBool::new(false);
    thread::scope(|scope| -> Result<()> {
        let scraper = scope.spawn(|| -> Result<usize> {
            let mut scrapes = 0;
            while !reloaded.load(Ordering::Relaxed) {
                let page = get(&mixer.series_url())?.require_ok()?.text();
                ensure!(page.contains("traced_total{label=\"a\"} 15\n"), "{page}");
                ensure!(page.contains("istio_size_bytes_count{label=\"a\"} 3\n"), "{page}");
                scrapes += 1;
            }
            Ok(scrapes)
        });
        // Each edit builds the handler anew: its parameters are others.
        let edits = (0..5).try_for_each(|edit| -> Result<()> {
            let marker = format!("edit_{edit}");
            let more = format!(
                "    metrics:\n    - {{ name: {marker}, instance_name: unused, kind: GAUGE }}\n    - name: last"
            );
            let text = SERIES.replacen("    metrics:\n    - name: last", &more, 1);
            write_at_once(&config.join("series.yaml"), text.as_bytes())?;
            wait_until("the edit to be in force", LIMIT, || {
                let now = snapshots()?;
                ensure!(now > before + edit, "{now} configurations came into force");
                Ok(())
            })
        });
        report(&mixer, 1, &amount(0, "b", ""))?;
        let last = await_line(&mixer, "traced_total{label=\"b\"} 0");
        reloaded.store(true, Ordering::Relaxed);
        let scrapes = scraper.join().ok().context("the scraper panicked")??;
        edits?;
        last?;
        ensure!(scrapes > 0, "nothing was scraped");
        Ok(())
    })
}
