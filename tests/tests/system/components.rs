//! Adapters that misbehave: one crashes, one never returns. What they are asked for fails closed; all
//! else is served as before.

use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, ensure};
use testbed::{Layout, Mesh, TestMesh};

use crate::readings::await_all_counted;
use crate::require_part;

/// Sends the header `x-user` to the adapter that goes by the name listchecker.
const ASK_LIST: &str = r#"
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: users, namespace: default }
spec: { compiledAdapter: listchecker, params: {} }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: user, namespace: default }
spec:
  compiledTemplate: listentry
  params: { value: 'request.headers["x-user"] | ""' }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: users, namespace: default }
spec:
  match: (request.headers["x-user"] | "") != ""
  actions: [ { handler: users, instances: [ user ] } ]
"#;

/// Asks the adapter that goes by the name denier about everything below /stuck.
const ASK_DENIER: &str = r#"
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: stuck, namespace: default }
spec: { compiledAdapter: denier, params: {} }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: anything, namespace: default }
spec: { compiledTemplate: checknothing }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: stuck, namespace: default }
spec:
  match: request.path.startsWith("/stuck")
  actions: [ { handler: stuck, instances: [ anything ] } ]
"#;

/// A folder of adapters in which `misbehaving` goes by the name of the good adapter `place`.
fn adapters_with(mesh: &TestMesh, misbehaving: &str, place: &str) -> Result<PathBuf> {
    let adapters = Layout::of_checkout().adapters();
    let folder = mesh.folder().join("adapters");
    fs::create_dir_all(&folder)?;
    for good in ["denier", "list", "prometheus", "stdio"] {
        let file = format!("{good}.wasm");
        fs::copy(adapters.join(&file), folder.join(&file))
            .with_context(|| format!("copy {file}"))?;
    }
    let bad = adapters.join("testing").join(format!("{misbehaving}.wasm"));
    fs::copy(&bad, folder.join(format!("{place}.wasm")))
        .with_context(|| bad.display().to_string())?;
    Ok(folder)
}

fn start(mesh: TestMesh, misbehaving: &str, place: &str) -> Result<Mesh> {
    let adapters = adapters_with(&mesh, misbehaving, place)?;
    let mesh = mesh.with_demo_file("metrics.yaml")?;
    mesh.with(|mesh| mesh.mixer().adapters = adapters).start()
}

#[test]
fn a_component_that_crashes_fails_closed_and_harms_nothing_else() -> Result<()> {
    require_part!(Envoy);
    let mesh = TestMesh::new()?.with_demo_file("deny.yaml")?.with_file("users.yaml", ASK_LIST)?;
    let mesh = start(mesh, "trap", "list")?;
    let served_as_before = |round: u32| -> Result<()> {
        assert_eq!(mesh.get(&format!("/{round}"), &[])?.status, 200);
        assert_eq!(mesh.get(&format!("/admin/{round}"), &[])?.status, 403);
        Ok(())
    };
    for round in 0..4 {
        let answer = mesh.get("/", &[("x-user", "crash")])?;
        assert_eq!(answer.status, 503, "{}", answer.text());
        ensure!(answer.text().contains("users.default"), "{}", answer.text());
        served_as_before(round)?;
        // The component itself works again at once, in a fresh instance.
        assert_eq!(mesh.get("/", &[("x-user", "ann")])?.status, 200);
    }
    // Now without pause: after some failures in a row it is not even called any more.
    for round in 10..30 {
        assert_eq!(mesh.get("/", &[("x-user", "crash")])?.status, 503);
        served_as_before(round)?;
    }
    await_all_counted(&mesh)?;
    Ok(())
}

#[test]
fn a_component_that_never_returns_holds_up_only_those_who_ask_it() -> Result<()> {
    require_part!(Envoy);
    let mesh = TestMesh::new()?.with_demo_file("list.yaml")?.with_file("stuck.yaml", ASK_DENIER)?;
    let mesh = start(mesh, "loop", "denier")?;
    thread::scope(|scope| -> Result<()> {
        let stuck: Vec<_> = (0..8)
            .map(|client| {
                let mesh = &mesh;
                scope.spawn(move || -> Result<()> {
                    let mut connection = mesh.connect()?;
                    for number in 0..5 {
                        let answer = connection.get(&format!("/stuck/{client}/{number}"), &[])?;
                        ensure!(answer.status == 503, "{}: {}", answer.status, answer.text());
                    }
                    Ok(())
                })
            })
            .collect();
        let mut connection = mesh.connect()?;
        for number in 0..100 {
            let user = format!("user-{number}");
            assert_eq!(connection.get("/", &[("x-user", &user)])?.status, 200);
            assert_eq!(connection.get("/", &[("x-user", "eve")])?.status, 403);
        }
        for client in stuck {
            client.join().ok().context("a client panicked")??;
        }
        Ok(())
    })?;
    await_all_counted(&mesh)?;
    Ok(())
}
