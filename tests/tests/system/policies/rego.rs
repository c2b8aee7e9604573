//! Policies in Rego.

use anyhow::{Result, ensure};
use mesh_attributes::AttributeBag;

use super::document_server::DocumentServer;
use super::{Asked, OK, PERMISSION_DENIED, UNAVAILABLE, handler, rule};

const INSTANCE: &str = "
    subject: { user: source.principal | \"\" }
    action: { path: request.path | \"\" }";

fn asked(params: &str) -> Result<Asked> {
    Asked::start(&(handler("opa", params) + &rule("authorization", INSTANCE)))
}

fn request(user: &str, path: &str) -> AttributeBag {
    AttributeBag::new().with("source.principal", user).with("request.path", path)
}

#[test]
fn a_policy_that_computes_for_long_is_ended_and_harms_no_other_request() -> Result<()> {
    let asked = asked(
        "    checkMethod: data.slow.allow
    policy:
    - |
      package slow
      default allow := false
      allow if input.action.path == \"/fast\"
      allow if {
        input.action.path == \"/slow\"
        some i in numbers.range(1, 5000)
        some j in numbers.range(1, 5000)
        i * j == -1
      }",
    )?;
    ensure!(asked.problems()?.is_empty(), "{:?}", asked.problems()?);
    for _ in 0..3 {
        assert_eq!(asked.decides(request("a", "/fast"))?.0, OK);
        assert_eq!(asked.decides(request("a", "/other"))?.0, PERMISSION_DENIED);
        let (code, message) = asked.decides(request("a", "/slow"))?;
        assert_eq!(code, UNAVAILABLE, "{message}");
    }
    Ok(())
}

#[test]
fn a_decision_with_a_reason_a_status_and_headers_reaches_the_client() -> Result<()> {
    let server = DocumentServer::start("{\"staff\": [\"alice\"]}")?;
    let asked = asked(&format!(
        "    checkMethod: data.login.decision
    data_url: {}
    policy:
    - |
      package login
      decision := {{
        \"allow\": input.subject.user in data.staff, \"reason\": \"log in first\",
        \"http_status\": 302, \"headers\": {{\"location\": \"/login\"}},
      }}",
        server.url()
    ))?;
    assert_eq!(asked.decides(request("alice", "/"))?.0, OK);
    let denied = asked.ask(request("bob", "/"))?;
    let status = denied.status.unwrap_or_default();
    assert_eq!(status.code, PERMISSION_DENIED);
    ensure!(status.message.contains("log in first"), "{}", status.message);
    let directive = denied.route_directive.unwrap_or_default();
    assert_eq!(directive.direct_response_code, 302);
    assert_eq!(directive.direct_response_body, "log in first");
    let header = directive.response_header_operations.first().cloned().unwrap_or_default();
    assert_eq!((header.name.as_str(), header.value.as_str()), ("location", "/login"));
    Ok(())
}

#[test]
fn a_mistake_in_rego_is_refused_with_its_place() -> Result<()> {
    let asked = asked(
        "    checkMethod: data.a.allow\n    policy:\n    - |\n      package a\n      \
         allow if input.x = = 1",
    )?;
    let problems = asked.problems()?;
    let told = problems.iter().any(|p| p.contains("policy[0]") && p.contains("line 2, column 20"));
    ensure!(told, "{problems:#?}");
    Ok(())
}
