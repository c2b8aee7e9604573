//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench, instance};
use adapter_sdk::{Action, Subject, Template, ValueType};
use serde_json::json;

use super::Opa;

const POLICY: &str = r#"package salaries

decision := {"allow": own, "reason": "only one's own", "http_status": 404}

default own := false
own if input.action.path == sprintf("/salary/%s", [input.subject.user])
own if input.subject.user in data.hr
"#;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let fields = [("action.path", ValueType::Text), ("subject.user", ValueType::Text)];
    let declared = instance("who-what.instance.default", Template::Authorization, &fields, None);
    let parameters = json!({
        "check_method": "data.salaries.decision",
        "policy": [POLICY],
        "data": { "hr": ["david"] },
    });
    let mut opa = TestHandler::<Opa>::configure(parameters, vec![declared]).unwrap();
    let subject =
        Subject { user: "alice".to_owned(), groups: String::new(), properties: Vec::new() };
    let action = Action {
        namespace: String::new(),
        service: String::new(),
        method: String::new(),
        path: "/salary/alice".to_owned(),
        properties: Vec::new(),
    };
    bench::call("check", "who-what", || opa.authorize(0, &subject, &action));
}
