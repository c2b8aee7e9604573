//! `meshctl` against a running Mixer.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Layout, Mixer, TestMesh, wait_until};

use crate::readings::LIMIT;

fn meshctl() -> Result<Command> {
    Ok(Command::new(Layout::of_checkout().binary("meshctl")?))
}

fn check(mixer: &Mixer, attributes: &Value) -> Result<Value> {
    let output = meshctl()?
        .args(["check", "-o", "json", "--mixer", &mixer.grpc().to_string()])
        .args(["--attributes", &attributes.to_string()])
        .output()?;
    serde_json::from_slice(&output.stdout).with_context(|| text(&output))
}

fn text(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn request(path: &str) -> Value {
    json!({
        "destination.namespace": { "t": "STRING", "v": "default" },
        "request.path": { "t": "STRING", "v": path },
        "request.headers": { "t": "STRING_MAP", "v": { "x-user": "ann" } },
    })
}

#[test]
fn meshctl_check_shows_the_verdict_and_what_it_depends_on() -> Result<()> {
    let mixer =
        TestMesh::new()?.with_demo_file("deny.yaml")?.with_demo_file("list.yaml")?.start_mixer()?;
    let denied = check(&mixer, &request("/admin"))?;
    assert_eq!(denied["status"]["code"], 7, "{denied}");
    assert_eq!(denied["status"]["message"], "denyadmin.default:the administration is closed");
    let allowed = check(&mixer, &request("/"))?;
    assert_eq!(allowed["status"]["code"], 0, "{allowed}");
    assert!(allowed["valid_ms"].as_i64().is_some_and(|ms| ms > 0), "{allowed}");
    assert!(allowed["uses"].as_i64().is_some_and(|uses| uses > 0), "{allowed}");
    assert_eq!((&allowed["cache"], &allowed["headers"]), (&json!("miss"), &json!([])));
    let referenced = allowed["referenced"].to_string();
    assert!(referenced.contains("request.path") && referenced.contains("x-user"), "{referenced}");
    let again = check(&mixer, &request("/"))?;
    assert_eq!((&again["cache"], &again["generation"]), (&json!("l2"), &allowed["generation"]));
    Ok(())
}

#[test]
fn meshctl_watch_shows_a_generation_change_when_a_rule_changes() -> Result<()> {
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?;
    let config = mesh.config();
    let mixer = mesh.start_mixer()?;
    let mut watch = meshctl()?
        .args(["watch", "generations", "-o", "json", "--mixer", &mixer.grpc().to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(watch.stdout.take().context("its output")?).lines();
    let mut events = lines.map(|line| -> Result<Value> { Ok(serde_json::from_str(&line?)?) });
    let mut next_of = |namespace: &str| -> Result<Value> {
        let found = events
            .find(|event| event.as_ref().map_or(true, |event| event["namespace"] == namespace));
        found.context("the watch ended")?
    };
    let first = next_of("default")?;
    assert_eq!((&first["has_check"], &first["quotas"]), (&json!(true), &json!([])), "{first}");
    testbed::write_at_once(
        &config.join("deny.yaml"),
        std::fs::read_to_string(config.join("deny.yaml"))?.replace("/admin", "/private").as_bytes(),
    )?;
    let second = next_of("default")?;
    assert_ne!(first["digest"], second["digest"]);
    assert!(first["revision"].as_u64() < second["revision"].as_u64(), "{first} {second}");
    watch.kill()?;
    watch.wait()?;
    Ok(())
}

#[test]
fn meshctl_validate_names_file_and_line_of_every_mistake() -> Result<()> {
    let layout = Layout::of_checkout();
    let folder = tempfile::tempdir()?;
    let bad = folder.path().join("bad.yaml");
    let text_of = |file| std::fs::read_to_string(layout.demo_config().join(file));
    let mistaken = text_of("deny.yaml")?
        .replace("request.path", "request.pth")
        .replace("compiledTemplate", "compiledTemplte");
    std::fs::write(&bad, mistaken)?;
    let validate = |files: &[&std::path::Path]| -> Result<Output> {
        Ok(meshctl()?
            .arg("validate")
            .arg("--adapters")
            .arg(layout.adapters())
            .args(files)
            .output()?)
    };
    let good = validate(&[&layout.demo_config()])?;
    ensure!(good.status.success(), "{}", text(&good));
    let manifest = layout.demo_config().join("attributes.yaml");
    let refused = validate(&[&manifest, &bad])?;
    let told = text(&refused);
    ensure!(!refused.status.success(), "{told}");
    ensure!(told.contains("bad.yaml:20") && told.contains("compiledTemplate"), "{told}");
    ensure!(told.contains("bad.yaml:28") && told.contains("request.path"), "{told}");
    Ok(())
}

#[test]
fn mixer_ends_gracefully_when_asked_to() -> Result<()> {
    let mut mixer = TestMesh::new()?.with_demo_file("deny.yaml")?.start_mixer()?;
    let status = mixer.terminate(LIMIT)?;
    ensure!(status.is_some_and(|status| status.success()), "{status:?}");
    // It can be started again at once on the same ports.
    mixer.restart()?;
    wait_until("its verdict", LIMIT, || {
        ensure!(check(&mixer, &request("/admin"))?["status"]["code"] == 7);
        Ok(())
    })
}
