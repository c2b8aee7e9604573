//! The native side of `bench.yaml`.

use adapter_sdk::testing::{TestHandler, bench, instance};
use adapter_sdk::{Action, Subject, Template, ValueType};
use serde_json::json;

use super::Authz;

#[test]
#[ignore = "measures: `cargo xtask bench adapters` runs it"]
fn calls() {
    let fields = [
        "action.method",
        "action.namespace",
        "action.path",
        "action.service",
        "subject.groups",
        "subject.user",
    ];
    let fields = fields.map(|name| (name, ValueType::Text));
    let declared = instance("access.instance.default", Template::Authorization, &fields, None);
    let service = "orders.shop.svc.cluster.local";
    let parameters = json!({
        "roles": [{
            "name": "orders-reader",
            "namespace": "shop",
            "rules": [{ "services": [service], "methods": ["GET"], "paths": ["/orders/*"] }],
        }],
        "bindings": [{
            "namespace": "shop", "role": "orders-reader", "subjects": [{ "user": "web" }],
        }],
    });
    let mut authz = TestHandler::<Authz>::configure(parameters, vec![declared]).unwrap();
    let subject = Subject { user: "web".to_owned(), groups: String::new(), properties: Vec::new() };
    let action = Action {
        namespace: "shop".to_owned(),
        service: service.to_owned(),
        method: "GET".to_owned(),
        path: "/orders/7".to_owned(),
        properties: Vec::new(),
    };
    bench::call("check", "access", || authz.authorize(0, &subject, &action));
}
