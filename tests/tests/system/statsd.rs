//! Metrics in the real StatsD.

use anyhow::Result;
use serde_json::{Value, json};
use testbed::{Layout, Mixer, StatsD, TestMesh};

use crate::reporting::{mixer_with, report, served, wait_for_away};
use crate::require_part;

/// A counter by code, a timing, a gauge and a set, sent to `statsd`.
fn config(statsd: &StatsD, more: &str) -> String {
    format!(
        r#"
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: requests, namespace: default }}
spec:
  compiledTemplate: metric
  params: {{ value: "1", dimensions: {{ code: response.code | 0 }} }}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: duration, namespace: default }}
spec:
  compiledTemplate: metric
  params: {{ value: response.duration | "0ms", dimensions: {{ code: response.code | 0 }} }}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: level, namespace: default }}
spec:
  compiledTemplate: metric
  params: {{ value: response.code | 0 }}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: users, namespace: default }}
spec:
  compiledTemplate: metric
  params: {{ value: source.user | "nobody" }}
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {{ name: statsd, namespace: default }}
spec:
  compiledAdapter: statsd
  params:
    address: {}
    {more}
    prefix: mesh.
    flushDuration: 50ms
    metrics:
      requests.instance.default: {{ type: COUNTER, nameTemplate: "requests.{{{{.code}}}}" }}
      duration.instance.default: {{ type: DISTRIBUTION, name: duration }}
      level.instance.default: {{ type: GAUGE, name: level }}
      users.instance.default: {{ type: SET, name: users }}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{ name: statsd, namespace: default }}
spec:
  actions: [ {{ handler: statsd, instances: [ requests, duration, level, users ] }} ]
"#,
        statsd.address()
    )
}

fn coded(code: u32) -> Value {
    served(&json!({ "response.code": { "t": "INT64", "v": code } }))
}

fn start(over_tcp: bool, more: &str) -> Result<(StatsD, Mixer)> {
    let test = TestMesh::new()?;
    let statsd = StatsD::start(&Layout::of_checkout(), over_tcp, test.folder())?;
    let mixer = mixer_with(test, &config(&statsd, more))?;
    Ok((statsd, mixer))
}

fn every_kind_arrives(over_tcp: bool, more: &str) -> Result<()> {
    let (statsd, mixer) = start(over_tcp, more)?;
    report(&mixer, &coded(200), 200, 20)?;
    report(&mixer, &coded(404), 7, 1)?;
    statsd.wait_for("counters", "'mesh.requests.200': 200")?;
    let counters = statsd.wait_for("counters", "'mesh.requests.404': 7")?;
    assert!(counters.contains("'statsd.bad_lines_seen': 0"), "{counters}");
    statsd.wait_for("gauges", "'mesh.level': 404")?;
    let timers = statsd.wait_for("timers", "mesh.duration")?;
    // It shows the first hundred values and counts the rest.
    assert_eq!(timers.matches("12.5").count(), 100, "{timers}");
    assert!(timers.contains("107 more items"), "{timers}");
    Ok(())
}

#[test]
fn every_kind_of_metric_arrives_over_udp() -> Result<()> {
    require_part!(StatsD);
    every_kind_arrives(false, "")
}

#[test]
fn every_kind_of_metric_arrives_over_tcp() -> Result<()> {
    require_part!(StatsD);
    every_kind_arrives(true, "protocol: TCP")
}

#[test]
fn over_tcp_metrics_wait_for_a_server_that_is_away() -> Result<()> {
    require_part!(StatsD);
    let (mut statsd, mixer) = start(true, "protocol: TCP")?;
    report(&mixer, &coded(200), 20, 20)?;
    statsd.wait_for("counters", "'mesh.requests.200': 20")?;
    statsd.kill()?;
    // The first message after the end of a connection may be written into it, and is then lost without
    // anybody noticing: TCP alone acknowledges nothing.
    report(&mixer, &coded(503), 1, 1)?;
    wait_for_away(&mixer, "statsd.default")?;
    report(&mixer, &coded(404), 40, 20)?;
    statsd.start_again()?;
    statsd.wait_for("counters", "'mesh.requests.404': 40")?;
    Ok(())
}
