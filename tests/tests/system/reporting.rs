//! Reports made by `meshctl`, for tests of what becomes of them.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Layout, Mixer, TestMesh, http, wait_until};

use crate::readings::LIMIT;

/// The attributes of a served request, and those named in `changes` as they are there.
pub(crate) fn served(changes: &Value) -> Value {
    let mut attributes = json!({
        "context.reporter.kind": { "t": "STRING", "v": "inbound" },
        "destination.namespace": { "t": "STRING", "v": "default" },
        "request.path": { "t": "STRING", "v": "/" },
        "request.time": { "t": "TIMESTAMP", "v": "2024-05-31T12:00:00.000000007Z" },
        "response.code": { "t": "INT64", "v": 200 },
        "response.duration": { "t": "DURATION", "v": 12_500_000 },
        "source.user": { "t": "STRING", "v": "ann" },
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        attributes[name] = value.clone();
    }
    attributes
}

/// Tells a Mixer of `count` requests with these attributes, in reports of `batch`.
///
/// # Errors
/// When it does not take them all.
pub(crate) fn report(mixer: &Mixer, attributes: &Value, count: u32, batch: u32) -> Result<()> {
    ensure!(count.is_multiple_of(batch), "{count} requests are no reports of {batch}");
    let output = Command::new(Layout::of_checkout().binary("meshctl")?)
        .args(["report", "--mixer", &mixer.grpc().to_string()])
        .args(["--attributes", &attributes.to_string()])
        .args(["--repeat", &(count / batch).to_string(), "--batch-size", &batch.to_string()])
        .output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "meshctl report: {}\n{error}", output.status);
    Ok(())
}

/// A Mixer with the demo's attributes and this configuration.
///
/// # Errors
/// When it does not start.
pub(crate) fn mixer_with(test: TestMesh, config: &str) -> Result<Mixer> {
    test.with_file("test.yaml", config)?.start_mixer()
}

/// Waits until a handler's target has been found to be away.
///
/// # Errors
/// When that does not happen.
pub(crate) fn wait_for_away(mixer: &Mixer, handler: &str) -> Result<()> {
    let url = format!("{}/debug/handlers", mixer.http_url());
    wait_until(&format!("the target of {handler} to be away"), LIMIT, || {
        let page: Value = serde_json::from_slice(&http::get(&url)?.require_ok()?.body)?;
        let handlers = page["handlers"].as_array().context("the page has handlers")?;
        let found = handlers.iter().find(|one| one["name"] == handler);
        let outbound = &found.with_context(|| format!("no {handler}"))?["status"]["outbound"];
        let targets = outbound.as_array().with_context(|| format!("no targets: {page}"))?;
        ensure!(targets.iter().any(|target| target["is_away"] == true), "{outbound}");
        Ok(())
    })
}
