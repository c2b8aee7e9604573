//! Both levels of the cache. Connections that are open together lie on different workers, so the tests
//! know which of the two caches of the sidecar a request meets.

use std::thread;

use anyhow::{Context, Result};
use testbed::{Mesh, TestMesh, WORKERS};

use crate::readings::{Reading, await_watch};
use crate::require_part;

fn start() -> Result<Mesh> {
    let mesh =
        TestMesh::new()?.with_demo_file("deny.yaml")?.with_demo_file("list.yaml")?.start()?;
    await_watch(&mesh)?;
    Ok(mesh)
}

#[test]
fn a_repeated_request_is_answered_by_its_worker_without_a_call() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let mut connection = mesh.connect()?;
    connection.get("/", &[("x-user", "ann")])?.require_ok()?;
    let before = Reading::of(&mesh)?;
    for _ in 0..50 {
        connection.get("/", &[("x-user", "ann")])?.require_ok()?;
    }
    let during = Reading::of(&mesh)?.since(&before);
    assert_eq!((during.check_calls, during.l1_hits, during.upstream), (0, 50, 50));
    Ok(())
}

#[test]
fn a_denial_is_cached_as_well() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let mut connection = mesh.connect()?;
    assert_eq!(connection.get("/admin", &[])?.status, 403);
    let before = Reading::of(&mesh)?;
    for _ in 0..20 {
        assert_eq!(connection.get("/admin", &[])?.status, 403);
    }
    let during = Reading::of(&mesh)?.since(&before);
    assert_eq!((during.check_calls, during.l1_hits, during.upstream), (0, 20, 0));
    Ok(())
}

#[test]
fn the_second_workers_first_miss_is_answered_by_mixers_cache() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let mut connections = (0..WORKERS).map(|_| mesh.connect()).collect::<Result<Vec<_>>>()?;
    let before = Reading::of(&mesh)?;
    for connection in &mut connections {
        connection.get("/", &[("x-user", "bob")])?.require_ok()?;
    }
    let during = Reading::of(&mesh)?.since(&before);
    assert_eq!((during.check_calls, during.l2_misses, during.l2_hits), (2, 1, 1));
    Ok(())
}

#[test]
fn a_header_that_a_rule_reads_keeps_answers_apart() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let mut connection = mesh.connect()?;
    // Absent, present and harmless, present and listed: each must find its own answer, in any order.
    for _ in 0..3 {
        assert_eq!(connection.get("/", &[])?.status, 200);
        assert_eq!(connection.get("/", &[("x-user", "mallory")])?.status, 403);
        assert_eq!(connection.get("/", &[("x-user", "ann")])?.status, 200);
        assert_eq!(connection.get("/", &[("x-user", "")])?.status, 200);
    }
    Ok(())
}

#[test]
fn a_header_that_no_rule_reads_costs_no_call() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let mut connection = mesh.connect()?;
    connection.get("/", &[])?.require_ok()?;
    let before = Reading::of(&mesh)?;
    for number in 0..20 {
        connection.get("/", &[("x-trace", &number.to_string())])?.require_ok()?;
    }
    assert_eq!(Reading::of(&mesh)?.since(&before).check_calls, 0);
    Ok(())
}

#[test]
fn every_request_is_a_hit_or_a_call_under_load() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let before = Reading::of(&mesh)?;
    const CLIENTS: u64 = 8;
    const EACH: u64 = 100;
    let mut denied = 0;
    thread::scope(|scope| -> Result<()> {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mesh = &mesh;
                scope.spawn(move || -> Result<u64> {
                    let mut connection = mesh.connect()?;
                    let mut denied = 0;
                    for number in 0..EACH {
                        let user = if number % 5 == 0 {
                            "eve".to_owned()
                        } else {
                            format!("u{}", number % 7)
                        };
                        let answer = connection.get("/", &[("x-user", &user)])?;
                        assert_eq!(
                            answer.status == 403,
                            user == "eve",
                            "{user}: {}",
                            answer.status
                        );
                        denied += u64::from(answer.status == 403);
                    }
                    Ok(denied)
                })
            })
            .collect();
        for client in clients {
            denied += client.join().ok().context("a client panicked")??;
        }
        Ok(())
    })?;
    let during = Reading::of(&mesh)?.since(&before);
    assert_eq!(during.l1_hits + during.check_calls, CLIENTS * EACH);
    assert_eq!(during.l2_hits + during.l2_misses, during.check_calls);
    assert_eq!(during.upstream, CLIENTS * EACH - denied);
    Ok(())
}
