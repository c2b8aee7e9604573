//! Quotas that the sidecar charges, against a real store in Mixer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::http::Connection;
use testbed::{FailPolicy, Mesh, TestMesh};

use crate::require_part;

/// What `quotas.yaml` allows each user.
const LIMIT: u64 = 60;

fn start() -> Result<Mesh> {
    let charged = json!({ "quota_specs": [{ "rules": [{
        "match": [{ "clause": { "request.url_path": { "prefix": "/limited" } } }],
        "quotas": [{ "quota": "requestcount", "charge": 1 }],
    }]}]});
    TestMesh::new()?
        .with_file("quotas.yaml", include_str!("quotas.yaml"))?
        .with(|options| {
            options.filter(charged);
        })
        .start()
}

#[test]
fn many_workers_and_listeners_together_pass_no_more_than_the_limit() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let listeners = [mesh.proxy_with(FailPolicy::Closed)?, mesh.proxy_with(FailPolicy::Open)?];
    let (passed, limited) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let (passed, limited) = (&passed, &limited);
                let address = listeners[client % listeners.len()];
                scope.spawn(move || -> Result<()> {
                    let mut connection = Connection::open(address)?;
                    for _ in 0..40 {
                        let answer = connection.get("/limited", &[("x-user", "ann")])?;
                        match answer.status {
                            200 => passed.fetch_add(1, Ordering::Relaxed),
                            429 => limited.fetch_add(1, Ordering::Relaxed),
                            other => anyhow::bail!("{other}: {}", answer.text()),
                        };
                    }
                    Ok(())
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| {
            client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?
        })
    })?;
    let (passed, limited) = (passed.into_inner(), limited.into_inner());
    assert_eq!(passed + limited, 320);
    ensure!(passed <= LIMIT, "{passed} passed");
    // Some of the tokens may lie in a pool, no more than are asked for ahead.
    ensure!(passed > LIMIT / 2, "only {passed} passed");
    // Another user has a limit of its own, and what is not limited passes.
    mesh.get("/limited", &[("x-user", "bob")])?.require_ok()?;
    mesh.get("/free", &[("x-user", "ann")])?.require_ok()?;
    let stats = mesh.envoy()?.stats()?;
    ensure!(stats.value("mixmesh.quota_exhausted") == limited);
    let calls = stats.value("mixmesh.quota_calls") + stats.value("mixmesh.quota_prefetches");
    ensure!(calls < 100, "{calls} calls for 322 requests");
    Ok(())
}

#[test]
fn an_exhausted_quota_is_told_to_the_client_and_the_log() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let answers = (0..=LIMIT).map(|_| mesh.get("/limited", &[("x-user", "eve")]));
    let answers = answers.collect::<Result<Vec<_>>>()?;
    let answer = answers.iter().find(|answer| answer.status != 200).context("none was limited")?;
    assert_eq!(answer.status, 429);
    assert_eq!(
        answer.text(),
        "RESOURCE_EXHAUSTED:Quota is exhausted for: requestcount"
    );
    Ok(())
}
