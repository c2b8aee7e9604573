//! Roles and bindings.

use anyhow::{Result, ensure};
use mesh_attributes::{AttributeBag, OwnedValue};

use super::{Asked, OK, PERMISSION_DENIED, handler, rule};

const INSTANCE: &str = "
    subject:
      user: source.principal | \"\"
      properties: { claims: request.auth.claims | emptyStringMap() }
    action:
      service: destination.service.host | \"\"
      path: request.path | \"\"";

fn request(user: &str, path: &str) -> AttributeBag {
    AttributeBag::new()
        .with("source.principal", user)
        .with("destination.service.host", "orders.default")
        .with("request.path", path)
}

fn token(groups: &str) -> AttributeBag {
    let claims = [("groups".to_owned(), groups.to_owned())].into();
    request("", "/").with("request.auth.claims", OwnedValue::StringMap(claims))
}

const POLICY: &str = "
    roles:
    - { name: all, rules: [ { services: [ \"orders.*\" ] } ] }
    - { name: admin, rules: [ { services: [ \"*\" ], paths: [ \"/admin*\" ] } ] }
    bindings:
    - { role: all, subjects: [ { user: \"web*\" }, { properties: { \"claims[groups]\": ops } } ] }
    - { role: admin, action: DENY, subjects: [ { user: web-2 } ] }";

#[test]
fn roles_and_bindings_let_in_by_identity_and_by_token() -> Result<()> {
    let asked = Asked::start(&(handler("rbac", POLICY) + &rule("authorization", INSTANCE)))?;
    ensure!(asked.problems()?.is_empty(), "{:?}", asked.problems()?);
    for (bag, code) in [
        (request("web-1", "/"), OK),
        (request("web-1", "/admin"), OK),
        (request("web-2", "/"), OK),
        (request("web-2", "/admin/x"), PERMISSION_DENIED),
        (request("job", "/"), PERMISSION_DENIED),
        (token("dev,ops"), OK),
        (token("dev"), PERMISSION_DENIED),
        (request("", "/"), PERMISSION_DENIED),
    ] {
        let (answered, message) = asked.decides(bag.clone())?;
        assert_eq!(answered, code, "{bag:?}: {message}");
    }
    Ok(())
}

#[test]
fn a_dry_run_lets_in_and_counts_whom_it_would_not() -> Result<()> {
    let policy = format!("{POLICY}\n    mode: PERMISSIVE");
    let asked = Asked::start(&(handler("authz", &policy) + &rule("authorization", INSTANCE)))?;
    for (user, code) in [("job", OK), ("web-1", OK), ("job", OK)] {
        assert_eq!(asked.decides(request(user, "/"))?.0, code);
    }
    let labels = [("instance", "asked.instance.default"), ("decision", "deny")];
    let counted = asked.mixer.series()?.count("authz_dry_run_total", &labels);
    assert_eq!(counted, 2);
    Ok(())
}

#[test]
fn istios_url_of_roles_is_refused_with_what_to_do() -> Result<()> {
    let handler = handler("rbac", "    config_store_url: k8s://");
    let asked = Asked::start(&(handler + &rule("authorization", INSTANCE)))?;
    let problems = asked.problems()?;
    let told = problems
        .iter()
        .any(|problem| problem.contains("config_store_url") && problem.contains("into roles"));
    ensure!(told, "{problems:#?}");
    Ok(())
}
