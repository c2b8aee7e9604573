//! Log entries in a real server of the Fluent forward protocol.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::{FluentLogin, FluentServer, Layout, Mixer, TestMesh, wait_until};

use crate::reporting::{mixer_with, report, served, wait_for_away};
use crate::require_part;

const LIMIT: Duration = Duration::from_secs(30);

fn config(server: &FluentServer, more: &str) -> String {
    format!(
        r#"
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: access, namespace: default }}
spec:
  compiledTemplate: logentry
  params:
    severity: '"Warning"'
    timestamp: request.time
    variables:
      code: response.code | 0
      latency: response.duration | "0ms"
      path: request.path | ""
      tag: '"mesh.access"'
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {{ name: fluentd, namespace: default }}
spec:
  compiledAdapter: fluentd
  params:
    address: {}
    {more}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{ name: fluentd, namespace: default }}
spec:
  actions: [ {{ handler: fluentd, instances: [ access ] }} ]
"#,
        server.address()
    )
}

fn start(login: Option<&FluentLogin>, more: &str) -> Result<(FluentServer, Mixer)> {
    let test = TestMesh::new()?;
    let server = FluentServer::start(&Layout::of_checkout(), login, test.folder())?;
    let mixer = mixer_with(test, &config(&server, more))?;
    Ok((server, mixer))
}

fn at(path: &str) -> Value {
    served(&json!({ "request.path": { "t": "STRING", "v": path } }))
}

fn entries_arrive(login: Option<&FluentLogin>, more: &str) -> Result<()> {
    let (server, mixer) = start(login, more)?;
    report(&mixer, &at("/a"), 20, 10)?;
    let entries = server.wait_for(20)?;
    assert_eq!(entries.len(), 20);
    for entry in entries {
        assert_eq!(entry.tag, "mesh.access");
        assert_eq!(entry.nanos, 1_717_156_800_000_000_007);
        let expected = json!({
            "severity": "Warning",
            "name": "access.instance.default",
            "code": 200,
            "latency": "12.5ms",
            "path": "/a",
        });
        assert_eq!(entry.record, expected);
    }
    Ok(())
}

#[test]
fn entries_arrive_with_tag_and_time() -> Result<()> {
    require_part!(FluentServer);
    entries_arrive(None, "")
}

#[test]
fn entries_arrive_compressed() -> Result<()> {
    require_part!(FluentServer);
    entries_arrive(None, "gzip: true")
}

#[test]
fn entries_arrive_without_acknowledgements_as_from_istio() -> Result<()> {
    require_part!(FluentServer);
    entries_arrive(None, "ack: false\n    pushIntervalDuration: 50ms")
}

#[test]
fn entries_arrive_after_a_login_with_key_and_user() -> Result<()> {
    require_part!(FluentServer);
    let login = login();
    let more = "sharedKey: secret\n    username: mesh\n    password: open sesame";
    entries_arrive(Some(&login), more)
}

fn login() -> FluentLogin {
    FluentLogin {
        shared_key: "secret".to_owned(),
        username: "mesh".to_owned(),
        password: "open sesame".to_owned(),
    }
}

#[test]
fn a_wrong_key_sends_nothing_and_says_why() -> Result<()> {
    require_part!(FluentServer);
    let more = "sharedKey: guess\n    username: mesh\n    password: open sesame";
    let (server, mixer) = start(Some(&login()), more)?;
    report(&mixer, &at("/a"), 1, 1)?;
    wait_for_away(&mixer, "fluentd.default")?;
    assert_eq!(server.entries()?, []);
    Ok(())
}

#[test]
fn a_server_that_restarts_loses_nothing() -> Result<()> {
    require_part!(FluentServer);
    let (mut server, mixer) = start(None, "")?;
    for round in 0..3 {
        report(&mixer, &at(&format!("/{round}/up")), 50, 10)?;
        server.kill()?;
        report(&mixer, &at(&format!("/{round}/down")), 50, 10)?;
        server.start_again()?;
    }
    // Those that were written and not acknowledged when it was killed are there twice, so that their number
    // says nothing of the others.
    wait_until("all entries", LIMIT, || {
        let entries = server.entries()?;
        for round in 0..3 {
            for state in ["up", "down"] {
                let path = json!(format!("/{round}/{state}"));
                let count = entries.iter().filter(|entry| entry.record["path"] == path).count();
                ensure!(count >= 50, "{path}: {count}");
            }
        }
        Ok(())
    })
}
