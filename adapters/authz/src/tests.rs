use std::time::{Duration, Instant};

use adapter_sdk::testing::{
    TestHandler, TestInstance, instance, map_property, messages, property, samples,
};
use adapter_sdk::{Action, CheckResult, Code, Fault, Subject, Template, Value, ValueType};
use serde_json::{Value as Json, json};

use super::Authz;

type Handler = TestHandler<Authz>;

/// An instance with all fields that tests ask for.
fn request() -> TestInstance {
    let text = ValueType::Text;
    let fields = [
        ("action.method", text),
        ("action.namespace", text),
        ("action.path", text),
        ("action.properties.labels", ValueType::StringMap),
        ("action.properties.version", text),
        ("action.service", text),
        ("subject.groups", text),
        ("subject.properties.claims", ValueType::StringMap),
        ("subject.properties.mtls", ValueType::Boolean),
        ("subject.user", text),
    ];
    instance("request.instance.default", Template::Authorization, &fields, None)
}

fn authz(parameters: Json) -> Handler {
    Handler::configure(parameters, vec![request()]).unwrap()
}

fn problems(parameters: Json) -> Vec<String> {
    Handler::problems(parameters, vec![request()])
}

/// A role and a binding of it.
#[expect(clippy::needless_pass_by_value, reason = "reads well with json!")]
fn one(rule: Json, subject: Json) -> Json {
    json!({
        "roles": [{ "name": "r", "namespace": "shop", "rules": [rule] }],
        "bindings": [{ "namespace": "shop", "role": "r", "subjects": [subject] }],
    })
}

fn nobody() -> Subject {
    Subject { user: String::new(), groups: String::new(), properties: Vec::new() }
}

fn user(name: &str) -> Subject {
    Subject { user: name.to_owned(), ..nobody() }
}

fn get(path: &str) -> Action {
    Action {
        namespace: "shop".to_owned(),
        service: "orders.shop.svc.cluster.local".to_owned(),
        method: "GET".to_owned(),
        path: path.to_owned(),
        properties: Vec::new(),
    }
}

fn passes(handler: &mut Handler, subject: &Subject, action: &Action) -> bool {
    let answer = handler.authorize(0, subject, action).unwrap();
    assert!(matches!(answer.code, Code::OK | Code::PERMISSION_DENIED));
    answer.code == Code::OK
}

#[test]
fn what_no_binding_allows_is_denied() {
    let mut authz = authz(json!({}));
    let answer = authz.authorize(0, &user("alice"), &get("/")).unwrap();
    let denied = CheckResult {
        code: Code::PERMISSION_DENIED,
        message: "RBAC: permission denied.".to_owned(),
        valid_duration: Duration::from_secs(60),
        valid_use_count: None,
        direct_response: None,
    };
    assert_eq!(answer, denied);
}

#[test]
fn a_role_says_what_and_a_binding_says_who() {
    let rule = json!({
        "services": ["orders.*", "*.test"], "methods": ["GET", "HEAD"], "paths": ["/orders/*", "/"],
    });
    let mut authz = authz(one(rule, json!({ "user": "cluster.local/ns/shop/*" })));
    let alice = user("cluster.local/ns/shop/sa/alice");
    assert!(passes(&mut authz, &alice, &get("/orders/1")));
    assert!(passes(&mut authz, &alice, &get("/")));
    assert!(!passes(&mut authz, &alice, &get("/orders")));
    assert!(!passes(&mut authz, &user("cluster.local/ns/other/sa/a"), &get("/")));
    assert!(!passes(&mut authz, &nobody(), &get("/")));
    let other = |change: fn(&mut Action)| {
        let mut action = get("/");
        change(&mut action);
        action
    };
    assert!(passes(&mut authz, &alice, &other(|a| a.service = "a.test".to_owned())));
    assert!(!passes(&mut authz, &alice, &other(|a| a.service = "bills.shop".to_owned())));
    assert!(!passes(&mut authz, &alice, &other(|a| a.method = "POST".to_owned())));
    assert!(!passes(&mut authz, &alice, &other(|a| a.namespace = "other".to_owned())));
}

#[test]
fn everybody_is_also_who_is_not_known() {
    let mut authz = authz(one(json!({ "services": ["*"] }), json!({ "user": "*" })));
    assert!(passes(&mut authz, &nobody(), &get("/")));
}

#[test]
fn a_role_without_a_namespace_is_about_all_of_them() {
    let mut authz = authz(json!({
        "roles": [{ "name": "r", "rules": [{ "services": ["*"] }] }],
        "bindings": [
            { "role": "r", "subjects": [{ "user": "root" }] },
            { "role": "r", "namespace": "shop", "subjects": [{ "user": "alice" }] },
        ],
    }));
    let elsewhere = Action { namespace: "elsewhere".to_owned(), ..get("/") };
    assert!(passes(&mut authz, &user("root"), &elsewhere));
    assert!(passes(&mut authz, &user("alice"), &get("/")));
    assert!(!passes(&mut authz, &user("alice"), &elsewhere));
}

#[test]
fn constraints_hold_properties_of_the_action_against_patterns() {
    let rule = json!({ "services": ["*"], "constraints": [
        { "key": "version", "values": ["v1", "v2*"] },
        { "key": "labels[app]", "values": ["orders"] },
    ] });
    let mut authz = authz(one(rule, json!({ "user": "*" })));
    let mut with = |app: &str, version: &str| {
        let properties = vec![
            map_property("labels", &[("app", app)]),
            property("version", Value::Text(version)),
        ];
        passes(&mut authz, &nobody(), &Action { properties, ..get("/") })
    };
    assert!(with("orders", "v1") && with("orders", "v2.1"));
    assert!(!with("orders", "v3") && !with("bills", "v1") && !with("orders", ""));
    assert!(!passes(&mut authz, &nobody(), &get("/")), "a property that is not there fits nothing");
}

#[test]
fn claims_of_a_token_are_properties_and_lists_where_they_are_said_to_be() {
    let subject = json!({ "properties": { "claims[iss]": "*", "claims[groups]": "admin" } });
    let mut authz = authz(one(json!({ "services": ["*"] }), subject));
    let mut with = |claims: &[(&str, &str)]| {
        let properties = vec![map_property("claims", claims)];
        passes(&mut authz, &Subject { properties, ..nobody() }, &get("/"))
    };
    assert!(with(&[("groups", "dev,admin"), ("iss", "me")]));
    assert!(with(&[("groups", "admin"), ("iss", "me")]));
    assert!(!with(&[("groups", "administrators"), ("iss", "me")]));
    assert!(!with(&[("groups", "admin"), ("iss", "")]));
    assert!(!with(&[("groups", "admin")]) && !with(&[]));
    // A name is no list: whoever chooses theirs must not choose a group.
    let subject = json!({ "properties": { "claims[name]": "admin" } });
    let mut authz = self::authz(one(json!({ "services": ["*"] }), subject));
    let properties = vec![map_property("claims", &[("name", "x,admin")])];
    assert!(!passes(&mut authz, &Subject { properties, ..nobody() }, &get("/")));
}

#[test]
fn all_of_a_subject_must_fit_and_one_of_its_groups() {
    let subject =
        json!({ "user": "a*", "groups": ["ops", "dev-*"], "properties": { "mtls": "true" } });
    let mut authz = authz(one(json!({ "services": ["*"] }), subject));
    let subject = |user: &str, groups: &str, mtls: bool| Subject {
        user: user.to_owned(),
        groups: groups.to_owned(),
        properties: vec![property("mtls", Value::Boolean(mtls))],
    };
    assert!(passes(&mut authz, &subject("alice", "x, dev-web", true), &get("/")));
    assert!(!passes(&mut authz, &subject("bob", "ops", true), &get("/")));
    assert!(!passes(&mut authz, &subject("alice", "x", true), &get("/")));
    assert!(!passes(&mut authz, &subject("alice", "", true), &get("/")));
    assert!(!passes(&mut authz, &subject("alice", "ops", false), &get("/")));
}

#[test]
fn a_binding_that_denies_wins_wherever_it_stands() {
    let mut authz = authz(json!({
        "roles": [
            { "name": "all", "rules": [{ "services": ["*"] }] },
            { "name": "admin", "rules": [{ "services": ["*"], "paths": ["/admin*"] }] },
        ],
        "bindings": [
            { "role": "all", "subjects": [{ "user": "*" }] },
            { "role": "admin", "action": "DENY", "subjects": [{ "user": "mallory" }] },
        ],
    }));
    assert!(passes(&mut authz, &user("mallory"), &get("/")));
    assert!(passes(&mut authz, &user("alice"), &get("/admin")));
    assert!(!passes(&mut authz, &user("mallory"), &get("/admin/users")));
}

#[test]
fn a_request_without_what_rules_ask_for_gets_no_answer() {
    let mut authz =
        authz(one(json!({ "services": ["*"], "paths": ["/*"] }), json!({ "user": "*" })));
    let tcp = Action { path: String::new(), method: String::new(), ..get("/") };
    let error = authz.authorize(0, &nobody(), &tcp).unwrap_err();
    assert_eq!(error.fault, Fault::Caller);
    assert_eq!(error.message, "action.path is empty, and rules ask for it");
    let lost = Action { namespace: String::new(), ..get("/") };
    authz.authorize(0, &nobody(), &lost).unwrap_err();
}

#[test]
fn a_dry_run_lets_all_pass_and_tells_whom_it_would_not() {
    let mut parameters = one(json!({ "services": ["*"] }), json!({ "user": "alice" }));
    parameters["mode"] = json!("PERMISSIVE");
    let mut authz = authz(parameters);
    assert!(passes(&mut authz, &user("alice"), &get("/")));
    assert!(messages().is_empty());
    assert!(passes(&mut authz, &user("bob\n"), &get("/a")));
    assert!(passes(&mut authz, &user("carol"), &get("/a")));
    assert_eq!(messages().len(), 2);
    assert_eq!(
        messages()[0].1,
        "dry run of request.instance.default: \"GET\" \"/a\" at \"orders.shop.svc.cluster.local\" \
         for user \"bob\\n\" would be denied, since no binding allows it"
    );
    let series =
        "authz_dry_run_total{instance=\"request.instance.default\",decision=\"deny\"}".to_owned();
    assert_eq!(samples()[&series], [1.0, 1.0]);
}

#[test]
fn a_permissive_binding_changes_nothing_and_tells_what_it_would() {
    let mut authz = authz(json!({
        "roles": [{ "name": "r", "rules": [{ "services": ["*"] }] }],
        "bindings": [
            { "role": "r", "subjects": [{ "user": "a*" }] },
            { "role": "r", "name": "out", "action": "DENY", "mode": "PERMISSIVE",
              "subjects": [{ "user": "alice" }] },
            { "role": "r", "name": "in", "mode": "PERMISSIVE", "subjects": [{ "user": "bob" }] },
        ],
    }));
    assert!(passes(&mut authz, &user("alice"), &get("/")));
    assert!(!passes(&mut authz, &user("bob"), &get("/")));
    assert!(passes(&mut authz, &user("anna"), &get("/")));
    let told = messages();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.ends_with("would be denied by binding out"), "{told:?}");
    assert!(told[1].1.ends_with("would be allowed by binding in"), "{told:?}");
    assert_eq!(samples().len(), 2);
}

#[test]
fn the_specs_of_istio_are_taken_as_they_are() {
    let mut authz = authz(json!({
        "roles": [{ "name": "viewer", "namespace": "shop", "rules": [
            { "services": ["orders.shop.svc.cluster.local"], "methods": ["GET"],
              "constraints": [{ "key": "version", "values": ["v1"] }] },
        ] }],
        "bindings": [{ "namespace": "shop", "subjects": [{ "group": "dev" }, { "user": "alice" }],
                       "roleRef": { "kind": "ServiceRole", "name": "viewer" } }],
    }));
    let action = Action { properties: vec![property("version", Value::Text("v1"))], ..get("/") };
    assert!(passes(&mut authz, &user("alice"), &action));
    assert!(passes(&mut authz, &Subject { groups: "dev".to_owned(), ..nobody() }, &action));
    assert!(!passes(&mut authz, &user("bob"), &action));
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let told = problems(json!({
        "configStoreUrl": "k8s://",
        "roles": [
            { "name": "reader", "rules": [{ "methods": ["GET"], "paths": ["/*/x"] }] },
            { "name": "reader", "rules": [{ "services": ["*"], "constraints": [{ "key": "versoin", "values": [] }] }] },
            { "rules": [] },
        ],
        "bindings": [
            { "role": "raeder", "subjects": [{ "user": "*" }] },
            { "roleRef": { "kind": "Role", "name": "reader" }, "subjects": [{}] },
        ],
    }));
    let begins = [
        "config_store_url: roles and bindings are not fetched: write the specs",
        "roles[0].rules[0].services: is missing; \"*\" is all services",
        "roles[1].rules[0].constraints[0].values: is missing, so nothing would fit",
        "roles[2].name: is missing",
        "roles[2].rules: a role without rules is about nothing",
        "bindings[1].role_ref.kind: is ServiceRole, not \"Role\"",
        "bindings[1].subjects[0]: describes nobody; user: \"*\" is everybody",
        "roles[0].rules[0].paths[0]: \"/*/x\" has a * that is neither its first nor its last sign",
        "roles[1].name: there is another role \"reader\" in its namespace",
        "bindings[0].role: there is no role \"raeder\" in its namespace, did you mean reader?",
        "instance request.instance.default: has no action.properties.versoin, did you mean version?",
    ];
    assert_eq!(told.len(), begins.len(), "{told:#?}");
    for (told, begin) in told.iter().zip(begins) {
        assert!(told.starts_with(begin), "{told}\n{begin}");
    }
}

#[test]
fn an_instance_that_does_not_tell_what_rules_ask_for_is_refused() {
    let fields = [("action.service", ValueType::Text)];
    let bare = instance("bare", Template::Authorization, &fields, None);
    let rule = json!({ "services": ["*"], "methods": ["GET"], "paths": ["/"] });
    let subject = json!({ "user": "a", "groups": ["g"], "properties": { "claims[iss]": "me" } });
    let told = Handler::problems(one(rule, subject), vec![bare]);
    let ask = |name: &str| format!("instance bare: rules ask for {name}, set it");
    assert_eq!(
        told,
        [
            ask("action.namespace"),
            ask("action.method"),
            ask("action.path"),
            ask("subject.user"),
            ask("subject.groups"),
            "instance bare: has no subject.properties.claims[iss]".to_owned(),
        ]
    );
}

/// No asserted time: printed for who asks, with `--nocapture`.
#[test]
fn a_hundred_bindings_are_decided_fast() {
    const CALLS: u32 = 10_000;
    let roles: Vec<_> = (0..100)
        .map(|n| {
            json!({ "name": format!("r{n}"), "rules": [{
            "services": [format!("s{n}.*")], "methods": ["GET"], "paths": ["/*"],
        }] })
        })
        .collect();
    let bindings: Vec<_> = (0..100)
        .map(|n| json!({ "role": format!("r{n}"), "subjects": [{ "user": format!("u{n}") }] }))
        .collect();
    let mut authz = authz(json!({ "roles": roles, "bindings": bindings }));
    let action = Action { service: "s99.shop".to_owned(), ..get("/a") };
    let subject = user("u99");
    let begun = Instant::now();
    for _ in 0..CALLS {
        assert!(passes(&mut authz, &subject, &action));
    }
    println!("a check with 100 bindings: {:?}", begun.elapsed() / CALLS);
}
