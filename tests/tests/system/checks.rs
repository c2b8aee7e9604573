use anyhow::Result;
use testbed::{Mesh, TestMesh};

use crate::require_part;

fn start() -> Result<Mesh> {
    TestMesh::new()?.with_demo_file("deny.yaml")?.with_demo_file("list.yaml")?.start()
}

#[test]
fn a_request_that_no_rule_minds_reaches_the_service() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    let answer = mesh.get("/", &[])?;
    assert_eq!((answer.status, mesh.upstream_requests()?), (200, 1));
    assert!(answer.text().contains("Hello, stranger!"), "{}", answer.text());
    Ok(())
}

#[test]
fn a_denied_path_is_refused_with_the_handlers_message() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    for path in ["/admin", "/admin/keys?all", "/administrator"] {
        let answer = mesh.get(path, &[])?;
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(
            answer.text(),
            "PERMISSION_DENIED:denyadmin.default:the administration is closed"
        );
    }
    assert_eq!(mesh.upstream_requests()?, 0);
    Ok(())
}

#[test]
fn a_listed_user_is_refused_and_others_are_not() -> Result<()> {
    require_part!(Envoy);
    let mesh = start()?;
    for (user, status) in [("mallory", 403), ("eve", 403), ("ann", 200), ("Mallory", 200)] {
        let answer = mesh.get("/", &[("x-user", user)])?;
        assert_eq!(answer.status, status, "{user}: {}", answer.text());
    }
    let refused = mesh.get("/", &[("x-user", "mallory")])?;
    assert_eq!(refused.text(), "PERMISSION_DENIED:blockedusers.default:mallory is blacklisted");
    assert_eq!(mesh.upstream_requests()?, 2);
    Ok(())
}
