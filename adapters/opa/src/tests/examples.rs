//! The models of access that OPA's documentation describes, over Mixer's input.

use std::time::Instant;

use adapter_sdk::testing::property;
use adapter_sdk::{Code, Property, Value};
use serde_json::{Value as Json, json};

use super::{Handler, action, opa, subject};

/// Users have roles, and roles are granted actions on resources.
const RBAC: &str = r#"
package app.rbac

default allow := false

allow if user_is_admin

allow if {
    some grant in user_is_granted
    input.action.method == grant.action
    startswith(input.action.path, grant.resource)
}

user_is_admin if "admin" in data.user_roles[input.subject.user]

user_is_granted contains grant if {
    some role in data.user_roles[input.subject.user]
    some grant in data.role_grants[role]
}
"#;

/// People see their own salary, those of who reports to them, and with a role more.
const HTTP_API: &str = r#"
package httpapi.authz

default allow := false

path := split(trim(input.action.path, "/"), "/")

allow if {
    input.action.method == "GET"
    path == ["finance", "salary", input.subject.user]
}

allow if {
    some person
    input.action.method == "GET"
    path = ["finance", "salary", person]
    input.subject.user in data.managers[person]
}

allow if {
    input.action.method == "GET"
    path[0] == "finance"
    input.subject.user in data.hr
}
"#;

/// The decision depends on what is known of the user, the resource and the time, and says why.
const ABAC: &str = r#"
package abac

decision := {"allow": count(reasons) == 0, "reason": concat("; ", sort(reasons))}

reasons contains "not in the network of the company" if {
    not net.cidr_contains("10.0.0.0/8", input.subject.properties.ip)
}

reasons contains "owners only" if {
    input.action.properties.owner != input.subject.user
    not is_senior
}

reasons contains "no writing by guests" if {
    input.action.method != "GET"
    input.subject.properties.tenure < 1
}

is_senior if input.subject.properties.tenure >= 10
"#;

fn example(policy: &str, query: &str, data: &Json) -> Handler {
    opa(json!({ "policy": [policy], "checkMethod": query, "data": data }))
}

fn passes(opa: &mut Handler, user: &str, method: &str, path: &str) -> bool {
    let answer = opa.authorize(0, &subject(user, Vec::new()), &action(method, path)).unwrap();
    answer.code == Code::OK
}

fn rbac() -> Handler {
    let data = json!({
        "user_roles": { "alice": ["admin"], "bob": ["employee", "billing"], "eve": ["customer"] },
        "role_grants": {
            "customer": [{ "action": "GET", "resource": "/dogs" }],
            "employee": [{ "action": "GET", "resource": "/" }],
            "billing": [{ "action": "POST", "resource": "/finance" }],
        },
    });
    example(RBAC, "data.app.rbac.allow", &data)
}

#[test]
fn roles_are_granted_actions_on_resources() {
    let mut opa = rbac();
    assert!(passes(&mut opa, "alice", "DELETE", "/dogs/7"));
    assert!(passes(&mut opa, "bob", "GET", "/dogs/7"));
    assert!(passes(&mut opa, "bob", "POST", "/finance/bills"));
    assert!(!passes(&mut opa, "bob", "POST", "/dogs"));
    assert!(passes(&mut opa, "eve", "GET", "/dogs/7"));
    assert!(!passes(&mut opa, "eve", "GET", "/finance/bills"));
    assert!(!passes(&mut opa, "mallory", "GET", "/dogs/7"));
}

#[test]
fn an_api_shows_people_what_is_theirs() {
    let data = json!({ "managers": { "bob": ["alice"], "alice": [] }, "hr": ["david"] });
    let mut opa = example(HTTP_API, "data.httpapi.authz.allow", &data);
    assert!(passes(&mut opa, "bob", "GET", "/finance/salary/bob"));
    assert!(passes(&mut opa, "alice", "GET", "/finance/salary/bob/"));
    assert!(passes(&mut opa, "david", "GET", "/finance/salary/alice"));
    assert!(!passes(&mut opa, "bob", "GET", "/finance/salary/alice"));
    assert!(!passes(&mut opa, "bob", "POST", "/finance/salary/bob"));
    assert!(!passes(&mut opa, "bob", "GET", "/finance/salary/bob/extra"));
}

#[test]
fn attributes_decide_and_all_reasons_are_told() {
    let mut opa = example(ABAC, "data.abac.decision", &json!({}));
    let mut ask = |ip: &[u8], tenure: i64, owner: &str, method: &str| {
        let of_subject: Vec<Property> =
            vec![property("ip", Value::IpAddress(ip)), property("tenure", Value::Int64(tenure))];
        let mut action = action(method, "/");
        action.properties = vec![property("owner", Value::Text(owner))];
        opa.authorize(0, &subject("bob", of_subject), &action).unwrap()
    };
    assert_eq!(ask(&[10, 0, 0, 1], 2, "bob", "PUT").code, Code::OK);
    assert_eq!(ask(&[10, 0, 0, 1], 12, "eve", "GET").code, Code::OK);
    let denied = ask(&[192, 168, 0, 1], 0, "eve", "PUT");
    assert_eq!(denied.code, Code::PERMISSION_DENIED);
    assert_eq!(
        denied.message,
        "no writing by guests; not in the network of the company; owners only"
    );
}

/// No asserted time: printed for who asks, with `--nocapture`.
#[test]
fn a_decision_does_not_read_the_policy_again() {
    const CALLS: u32 = 1000;
    let mut opa = rbac();
    let begun = Instant::now();
    for _ in 0..CALLS {
        assert!(passes(&mut opa, "bob", "POST", "/finance/bills"));
    }
    println!("a decision by roles: {:?}", begun.elapsed() / CALLS);
}
