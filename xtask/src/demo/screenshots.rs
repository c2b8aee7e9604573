//! `cargo xtask screenshots`: what the demo's mesh looks like in Prometheus and in Zipkin, as pictures for
//! the documents.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::{Chromium, ClientSidecar, Layout, Mesh, MeshOptions, Part, Zipkin};

use super::backends::Backends;
use super::{V2_PERCENT, clear, copy_config, only_demo, traffic};
use crate::preflight::{self, Purpose};
use crate::{build, setup};

/// For how long requests are sent, so that graphs have something to show.
const TRAFFIC: Duration = Duration::from_secs(60);

/// A graph of Prometheus' page: the query, and how much of the past it shows.
const GRAPHS: [&str; 2] = [
    "sum by (response_code, destination_version) (rate(istio_requests_total[10s]))",
    "histogram_quantile(0.9, sum by (le) (rate(istio_request_duration_seconds_bucket[10s])))",
];
const RANGE: &str = "1m";

const WINDOW: (u32, u32) = (1400, 1480);
const TRACE_WINDOW: (u32, u32) = (1400, 760);
/// The call of a service, Mixer's check and its call of an adapter. Zipkin's page has one row for the spans
/// that share an id, which are those of both sides of a call.
const ROWS: usize = 3;

/// Runs the mesh, sends requests, and takes the pictures.
///
/// # Errors
/// When a part is missing or does not show what it should.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    eprintln!("mixmesh screenshots: set-up");
    preflight::check(layout, Purpose::Mesh)?;
    setup::mesh(layout)?;
    let missing = setup::parts(layout, &[Part::Chromium, Part::Prometheus, Part::Zipkin], true);
    ensure!(missing.is_empty(), "there are no pictures without all parts, see above");
    build::development(layout)?;

    let folder = layout.target().join("demo");
    let _alone = only_demo(&folder)?;
    clear(&folder)?;
    copy_config(layout, &folder.join("config"))?;
    let mut options = MeshOptions::new(layout, &folder)?;
    options.second_version(V2_PERCENT);
    let backends = Backends::start(layout, &folder, &mut options)?;
    let mesh = options.start()?;
    let client = mesh.start_client_sidecar()?;

    eprintln!("\nmixmesh screenshots: {} s of requests", TRAFFIC.as_secs());
    send(&mesh, &client)?;
    let pictures = layout.root().join("docs/screenshots");
    fs::create_dir_all(&pictures)?;
    let browser = Chromium::new(layout, &folder)?;
    let prometheus = backends.prometheus_url().context("Prometheus runs")?;
    let page = graph_page(&prometheus);
    ensure!(
        browser.dom(&page)?.contains("Execute"),
        "Prometheus at {prometheus} has no pages: install it (Debian: apt-get install prometheus)"
    );
    browser.screenshot(&page, WINDOW, &pictures.join("prometheus.png"))?;
    let trace = trace_of_both_sides(backends.zipkin().context("Zipkin runs")?)?;
    ensure!(browser.dom(&trace)?.to_lowercase().contains("mixer"), "{trace} does not show Mixer");
    browser.screenshot(&trace, TRACE_WINDOW, &pictures.join("zipkin.png"))?;
    eprintln!("  ✓ {}", pictures.display());
    mesh.stop()
}

/// The demo's requests over and over, and some of a client with a sidecar of its own.
fn send(mesh: &Mesh, client: &ClientSidecar) -> Result<()> {
    let end = Instant::now() + TRAFFIC;
    for round in 0.. {
        if Instant::now() >= end {
            break;
        }
        traffic::run(mesh)?;
        // Nobody has been asked about this user yet: Mixer has a part in the trace.
        let user = format!("visitor-{round}");
        for path in ["/greet", "/greet?language=en"] {
            client.get(path, &[("x-user", &user)])?;
        }
        // The pace of the pictures' story, not a condition.
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn graph_page(prometheus: &str) -> String {
    let graphs = GRAPHS.iter().enumerate().map(|(number, query)| {
        format!("g{number}.expr={}&g{number}.tab=0&g{number}.range_input={RANGE}", encoded(query))
    });
    format!("{prometheus}/graph?{}", graphs.collect::<Vec<_>>().join("&"))
}

/// The page of a trace that both sidecars and Mixer have spans in, those of its adapters among them.
fn trace_of_both_sides(zipkin: &Zipkin) -> Result<String> {
    let id = zipkin.wait_for_trace("a trace of both sides", |spans| {
        let has = |kind: &str| {
            spans
                .iter()
                .any(|span| span["kind"] == kind && span["tags"]["mesh.service"].is_string())
        };
        let asked_mixer = spans.iter().any(|span| span["localEndpoint"]["serviceName"] == "mixer");
        let rows: BTreeSet<_> = spans.iter().filter_map(|span| span["id"].as_str()).collect();
        has("CLIENT") && has("SERVER") && asked_mixer && rows.len() >= ROWS
    })?;
    Ok(format!("{}/zipkin/traces/{id}", zipkin.url()))
}

/// As it may stand in a URL's query.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded_whole() {
        assert_eq!(encoded("a{b=\"c\"}[5s]"), "a%7Bb%3D%22c%22%7D%5B5s%5D");
    }
}
