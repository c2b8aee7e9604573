//! Components out of a real registry, in a tier of its own.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::{Layout, Mixer, Registry, TestMesh, free_address, http, wait_until, write_at_once};

use crate::require_part;
use crate::verdicts::Client;

/// A pull that failed is tried again after a minute at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// Denies everything with this message.
fn gate(reference: &str, message: &str) -> String {
    format!(
        r#"
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {{ name: gate, namespace: default }}
spec:
  adapter: {reference}
  limits: {{ checkDeadline: 10s }}
  params: {{ status: {{ code: 7, message: {message} }} }}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: anything, namespace: default }}
spec: {{ compiledTemplate: checknothing }}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{ name: gate, namespace: default }}
spec:
  actions: [ {{ handler: gate, instances: [ anything ] }} ]
"#
    )
}

fn await_verdict(mixer: &Mixer, expected: i32, text: &str) -> Result<()> {
    let mut client = Client::of(mixer)?;
    let mut number = 0;
    wait_until(&format!("`{text}`"), PATIENCE, || {
        number += 1;
        let (code, message) = client.ask(&format!("/{number}"))?;
        ensure!(code == expected && message.contains(text), "{code}: {message}");
        Ok(())
    })
}

#[test]
#[ignore = "of the tier `registry`, which builds one"]
fn registry_delivers_components_by_digest() -> Result<()> {
    require_part!(Registry);
    let layout = Layout::of_checkout();
    let mesh = TestMesh::new()?;
    let (folder, config) = (mesh.folder().to_owned(), mesh.config().join("gate.yaml"));
    let address = free_address()?;
    let registry = Registry::start(&layout, address, &folder)?;
    let denier = fs::read(layout.adapters().join("denier.wasm"))?;
    let first = registry.push("team/denier", &denier)?;
    let kept = folder.join("components");
    let flags = vec!["--component-cache".to_owned(), kept.display().to_string()];
    let mesh = mesh.with_file("gate.yaml", &gate(&first, "first"))?;
    let mut mixer = mesh.with(|mesh| mesh.mixer().flags = flags).start_mixer()?;
    await_verdict(&mixer, 7, "first")?;

    // Another component, in a repository of another depth.
    let other = [&denier[..], &[0, 2, 1, b'x']].concat();
    let second = registry.push("org/team/gates/denier", &other)?;
    write_at_once(&config, gate(&second, "second").as_bytes())?;
    await_verdict(&mixer, 7, "second")?;

    // What is not there: the handler in force stays, and the mistake is told.
    let nowhere =
        format!("{}@sha256:{}", first.split('@').next().unwrap_or(&first), "0".repeat(64));
    write_at_once(&config, gate(&nowhere, "third").as_bytes())?;
    let page = format!("{}/debug/config", mixer.http_url());
    wait_until("the mistake to be told", PATIENCE, || {
        let text = http::get(&page)?.require_ok()?.text();
        ensure!(text.contains(&nowhere) && text.contains("tried again"), "{text}");
        Ok(())
    })?;
    await_verdict(&mixer, 7, "second")?;

    // Without the registry, what was pulled is found again.
    write_at_once(&config, gate(&second, "fourth").as_bytes())?;
    await_verdict(&mixer, 7, "fourth")?;
    drop(registry);
    mixer.restart()?;
    await_verdict(&mixer, 7, "fourth")?;

    // What was not pulled is refused until the registry is back with it.
    fs::remove_dir_all(&kept)?;
    mixer.restart()?;
    await_verdict(&mixer, 14, "gate.default")?;
    let registry = Registry::start(&layout, address, &folder)?;
    assert_eq!(registry.push("org/team/gates/denier", &other)?, second);
    await_verdict(&mixer, 7, "fourth")
}
