use std::fs::{self, File};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use testbed::{Mesh, TestMesh, WORKERS, wait_until};

use crate::readings::{LIMIT, Reading, await_all_counted, await_watch};
use crate::require_part;

/// A rule file that a user brings along, of their own names.
const OWN_RULE: &str = r#"
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: teapot, namespace: default }
spec:
  compiledAdapter: denier
  params: { status: { code: 16, message: who are you } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: anything, namespace: default }
spec: { compiledTemplate: checknothing }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: brewing, namespace: default }
spec:
  match: request.headers["x-brew"] == "tea"
  actions: [ { handler: teapot, instances: [ anything ] } ]
"#;

/// Waits until every worker answers so.
fn await_status(mesh: &Mesh, path: &str, headers: &[(&str, &str)], status: u16) -> Result<()> {
    let mut connections = (0..WORKERS).map(|_| mesh.connect()).collect::<Result<Vec<_>>>()?;
    for connection in &mut connections {
        wait_until(&format!("{path} to answer {status}"), LIMIT, || {
            let answer = connection.get(path, headers)?;
            ensure!(answer.status == status, "it answers {}", answer.status);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_rule_file_dropped_in_is_enforced_and_lifted_when_it_goes() -> Result<()> {
    require_part!(Envoy);
    let mesh =
        TestMesh::new()?.with_demo_file("deny.yaml")?.with_demo_file("metrics.yaml")?.start()?;
    let brew = [("x-brew", "tea")];
    await_status(&mesh, "/", &brew, 200)?;
    mesh.write_config("own.yaml", OWN_RULE)?;
    await_status(&mesh, "/", &brew, 401)?;
    assert_eq!(mesh.get("/", &brew)?.text(), "UNAUTHENTICATED:teapot.default:who are you");
    assert_eq!(mesh.get("/", &[("x-brew", "coffee")])?.status, 200);

    let refused = [("response_code", "401")];
    let before = await_all_counted(&mesh)?.count("istio_requests_total", &refused);
    for _ in 0..9 {
        assert_eq!(mesh.get("/", &brew)?.status, 401);
    }
    let after = await_all_counted(&mesh)?.count("istio_requests_total", &refused);
    assert_eq!(after - before, 9);

    mesh.remove_config("own.yaml")?;
    await_status(&mesh, "/", &brew, 200)
}

#[test]
fn a_folder_that_gets_its_first_check_rule_is_enforced() -> Result<()> {
    require_part!(Envoy);
    // Without any check rule the sidecar makes no calls at all; it must learn that this has changed.
    let mesh = TestMesh::new()?.start()?;
    await_watch(&mesh)?;
    await_status(&mesh, "/", &[("x-brew", "tea")], 200)?;
    let before = Reading::of(&mesh)?;
    for _ in 0..10 {
        mesh.get("/", &[])?.require_ok()?;
    }
    assert_eq!(Reading::of(&mesh)?.since(&before).check_calls, 0);
    mesh.write_config("own.yaml", OWN_RULE)?;
    await_status(&mesh, "/", &[("x-brew", "tea")], 401)
}

#[test]
fn a_changed_rule_replaces_cached_answers_there_and_back() -> Result<()> {
    require_part!(Envoy);
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?.start()?;
    let original = fs::read_to_string(mesh.config().join("deny.yaml"))?;
    let edited = original.replace("\"/admin\"", "\"/hello\"");
    for _ in 0..5 {
        await_status(&mesh, "/hello", &[], 200)?;
        await_status(&mesh, "/admin", &[], 403)?;
        mesh.write_config("deny.yaml", &edited)?;
        await_status(&mesh, "/hello", &[], 403)?;
        await_status(&mesh, "/admin", &[], 200)?;
        mesh.write_config("deny.yaml", &original)?;
    }
    Ok(())
}

/// An editor that truncates the file and writes it in pieces leaves, for moments, a file that is empty
/// or ends in the middle of the rule. None of that may ever open what the rule closes.
#[test]
fn a_thousand_rewrites_in_place_let_nothing_through() -> Result<()> {
    require_part!(Envoy);
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?.start()?;
    await_status(&mesh, "/admin", &[], 403)?;
    let path = mesh.config().join("deny.yaml");
    let text = fs::read_to_string(&path)?;
    let upstream = mesh.upstream_requests()?;
    let done = AtomicBool::new(false);
    let asked = AtomicU64::new(0);
    thread::scope(|scope| -> Result<()> {
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let (mesh, done, asked) = (&mesh, &done, &asked);
                scope.spawn(move || -> Result<()> {
                    let mut connection = mesh.connect()?;
                    let mut number = 0_u64;
                    while !done.load(Ordering::Relaxed) {
                        number += 1;
                        // Every second key is new: it meets Mixer, not a cache.
                        let path = if number.is_multiple_of(2) {
                            "/admin".to_owned()
                        } else {
                            format!("/admin/{client}/{number}")
                        };
                        let answer = connection.get(&path, &[])?;
                        ensure!(answer.status == 403, "{path} was answered {}", answer.status);
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        // A thousand, and as many more as it takes until the rewrites met a load. A client that has ended
        // has found something.
        let met_load = || asked.load(Ordering::Relaxed) > 1000;
        let found = || clients.iter().any(thread::ScopedJoinHandle::is_finished);
        let rewritten = (0..)
            .take_while(|round| *round < 1000 || !(met_load() || found()))
            .try_for_each(|round| rewrite_in_pieces(&path, &text, round));
        done.store(true, Ordering::Relaxed);
        rewritten?;
        for client in clients {
            client.join().ok().context("a client panicked")??;
        }
        Ok(())
    })?;
    assert_eq!(mesh.upstream_requests()?, upstream);
    Ok(())
}

/// Truncates the file and writes it again in two pieces, cut at another place each time.
fn rewrite_in_pieces(path: &std::path::Path, text: &str, round: usize) -> Result<()> {
    let cut = round * 37 % text.len();
    let mut file = File::create(path)?;
    file.write_all(&text.as_bytes()[..cut])?;
    file.sync_all()?;
    file.write_all(&text.as_bytes()[cut..])?;
    Ok(())
}
