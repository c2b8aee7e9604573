//! The watcher against a server that answers by a script. What a real one does is seen in the tests of the
//! tier `kubernetes`; here is what one cannot be made to do at will.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::service_fn;

use super::{rule, rules, spec};
use crate::kubernetes::watcher::{News, Told, Watcher};
use crate::source::Event;

/// What a request's query must have, and the answer to it.
type Step = (&'static str, u16, String);

/// Runs a watcher of rules against `script` and returns what it told up to the script's end.
async fn told(script: Vec<Step>) -> Vec<String> {
    let steps = Arc::new(Mutex::new(VecDeque::from(script)));
    let left = Arc::clone(&steps);
    let server = service_fn(move |request: Request<Body>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let Some((wanted, status, body)) = steps.lock().unwrap().pop_front() else {
            // The script is over: a watch of nothing.
            return ready(Ok::<_, Infallible>(Response::new(Body::from(Vec::new()))));
        };
        assert!(query.contains(wanted), "`{query}` instead of `{wanted}`");
        let response = Response::builder().status(status).body(Body::from(body.into_bytes()));
        ready(Ok(response.unwrap()))
    });
    let resource = rules();
    let api = Api::all_with(Client::new(server, "default"), &resource);
    let (sender, mut receiver) = mpsc::channel(64);
    let watcher = Watcher { scope: "rule".into(), resource, api, told: sender };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(watcher.run());
    let mut told = Vec::new();
    while let Some(Told::Of(_, news)) = receiver.recv().await {
        told.push(shown(news));
        if left.lock().unwrap().is_empty() && receiver.is_empty() {
            break;
        }
    }
    told
}

fn shown(news: News) -> String {
    match news {
        News::Event(event, version) => {
            let version = version.map(|version| format!("@{version}")).unwrap_or_default();
            match event {
                Event::Init => "init".to_owned(),
                Event::InitApply(object) => format!("has {}", object.name),
                Event::InitDone => format!("done{version}"),
                Event::Apply(object) => format!("apply {}{version}", object.name),
                Event::Delete(name) => format!("delete {name}{version}"),
            }
        }
        News::Absent => "absent".to_owned(),
        News::Broken(why) => format!("broken: {why}"),
    }
}

fn list(names: &[&str], version: &str, next: &str) -> String {
    let items: Vec<_> = names.iter().map(|name| rule(name, &spec())).collect();
    let metadata = json!({ "resourceVersion": version, "continue": next });
    json!({ "kind": "ruleList", "apiVersion": "v1", "metadata": metadata, "items": items })
        .to_string()
}

fn event(kind: &str, name: &str, version: &str) -> String {
    let mut object = rule(name, &spec());
    object.metadata.resource_version = Some(version.to_owned());
    format!("{}\n", json!({ "type": kind, "object": object }))
}

fn status(code: u16, message: &str) -> Value {
    json!({ "kind": "Status", "status": "Failure", "code": code, "message": message, "reason": "R" })
}

fn forgotten() -> String {
    let object = status(410, "too old resource version");
    json!({ "type": "ERROR", "object": object }).to_string()
}

#[tokio::test(start_paused = true)]
async fn pages_are_followed_and_a_watch_that_ends_in_order_goes_on_where_it_was() {
    let bookmark = json!({ "type": "BOOKMARK", "object": { "metadata": { "resourceVersion": "17" },
        "kind": "rule", "apiVersion": "config.istio.io/v1alpha2" } });
    let changes = event("ADDED", "c", "13") + &event("DELETED", "a", "14") + &bookmark.to_string();
    let script = vec![
        ("limit=100", 200, list(&["a"], "12", "next")),
        ("continue=next", 200, list(&["b"], "12", "")),
        ("resourceVersion=12", 200, changes),
        ("resourceVersion=17", 200, event("MODIFIED", "c", "18")),
    ];
    assert_eq!(
        told(script).await,
        [
            "init",
            "has rule/default/a",
            "has rule/default/b",
            "done@12",
            "apply rule/default/c@13",
            "delete rule/default/a@14",
            "apply rule/default/c@18",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_that_the_server_has_forgotten_leads_to_a_new_list() {
    let gone = status(410, "gone").to_string();
    let script = vec![
        ("limit=100", 200, list(&["a"], "12", "")),
        ("resourceVersion=12", 200, event("MODIFIED", "a", "13") + &forgotten()),
        ("limit=100", 200, list(&["b"], "20", "")),
        ("resourceVersion=20", 410, gone.clone()),
        ("limit=100", 200, list(&["b"], "30", "next")),
        ("continue=next", 410, gone),
        ("limit=100", 200, list(&["c"], "40", "")),
    ];
    assert_eq!(
        told(script).await,
        [
            "init",
            "has rule/default/a",
            "done@12",
            "apply rule/default/a@13",
            "init",
            "has rule/default/b",
            "done@20",
            "init",
            "has rule/default/b",
            "init",
            "has rule/default/c",
            "done@40",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_server_refuses_is_told_and_tried_again() {
    let script = vec![
        ("limit=100", 404, status(404, "no such kind").to_string()),
        ("limit=100", 403, status(403, "rules is forbidden").to_string()),
        ("limit=100", 200, list(&[], "9", "")),
        ("resourceVersion=9", 500, status(500, "etcd is away").to_string()),
        ("limit=100", 200, list(&[], "10", "")),
        ("resourceVersion=10", 200, "{\"type\":\"MODIFIED\",\"object\":[]}\n".to_owned()),
        ("limit=100", 200, list(&["a"], "11", "")),
    ];
    let told = told(script).await;
    let shown: Vec<_> = told.iter().map(|text| text.split(": ").next().unwrap()).collect();
    assert_eq!(
        shown,
        [
            "init",
            "absent",
            "init",
            "broken",
            "init",
            "done@9",
            "broken",
            "init",
            "done@10",
            "broken",
            "init",
            "has rule/default/a",
            "done@11",
        ]
    );
    assert!(told[3].contains("rules is forbidden (403); deploy/rbac.yaml"), "{}", told[3]);
    assert!(told[6].contains("does not let rule be watched: etcd is away"), "{}", told[6]);
}
