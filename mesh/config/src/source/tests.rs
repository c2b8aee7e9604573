use std::path::PathBuf;
use std::sync::Arc;

use super::inventory::{Event, Inventory, Object, Scope};
use super::{EtcdLogin, EtcdTls, SourceLocation};
use crate::{ConfigSet, Revision};

fn located(text: &str) -> SourceLocation {
    text.parse().unwrap()
}

fn refused(text: &str) -> String {
    text.parse::<SourceLocation>().unwrap_err().to_string()
}

#[test]
fn what_has_no_scheme_is_a_folder() {
    assert_eq!(located("/etc/mesh"), SourceLocation::Folder(PathBuf::from("/etc/mesh")));
    assert_eq!(located("k8s"), SourceLocation::Folder(PathBuf::from("k8s")));
}

#[test]
fn an_etcd_url_gives_endpoints_prefix_tls_and_login() {
    let SourceLocation::Etcd(plain) = located("etcd://10.0.0.1,[::1]:99,b:1/mesh/config/") else {
        panic!("not etcd")
    };
    assert_eq!(plain.endpoints, ["10.0.0.1:2379", "[::1]:99", "b:1"]);
    assert_eq!(plain.prefix, "/mesh/config/");
    assert_eq!((plain.tls, plain.login), (None, None));
    let url = "etcds://a/mesh?ca=ca.pem&cert=c.pem&key=k.pem&user=mixer&password-file=/run/p";
    let SourceLocation::Etcd(secure) = located(url) else { panic!("not etcd") };
    assert_eq!(secure.to_string(), "etcds://a:2379/mesh/");
    let identity = Some(("c.pem".into(), "k.pem".into()));
    assert_eq!(secure.tls, Some(EtcdTls { ca: "ca.pem".into(), identity }));
    let login = EtcdLogin { user: "mixer".into(), password_file: "/run/p".into() };
    assert_eq!(secure.login, Some(login));
}

#[test]
fn a_kubernetes_url_gives_namespaces_and_context() {
    assert_eq!(located("k8s://").to_string(), "k8s://");
    let given = "k8s://?namespace=istio-system,default&kubeconfig=/k&context=test";
    assert_eq!(located(given).to_string(), given);
}

#[test]
fn a_url_that_names_no_source_is_refused_with_the_cause() {
    for (url, cause) in [
        ("http://a/b", "unknown scheme `http`"),
        ("etcdd://a/b", "did you mean `etcd`"),
        ("etcd://a", "the prefix of the keys is missing"),
        ("etcd://a//", "the prefix of the keys is missing"),
        ("etcd:///mesh", "the endpoint `` has no host"),
        ("etcd://a:b/mesh", "no port that is a number"),
        ("etcd://a:0/mesh", "no port that is a number"),
        ("etcd://::1/mesh", "in brackets"),
        ("etcd://a/mesh?ca=x", "are for etcds://"),
        ("etcds://a/mesh", "`ca=FILE` is missing"),
        ("etcds://a/mesh?ca=x&cert=y", "`cert` needs `key`"),
        ("etcd://a/mesh?password-file=y", "`password-file` needs `user`"),
        ("etcd://a/mesh?user", "has no value"),
        ("etcd://a/mesh?user=a&user=b", "twice"),
        ("etcd://a/mesh?usr=a", "did you mean `user`"),
        ("k8s://10.0.0.1", "is not expected"),
        ("k8s://?namespace=a,B", "namespace `B`"),
        ("k8s://?namespaces=a", "did you mean `namespace`"),
    ] {
        let text = refused(url);
        assert!(text.contains(cause) && text.contains(url), "{url}: {text}");
    }
    let text = refused("etcd://me:secret@a/mesh");
    assert!(text.contains("`?user=NAME&password-file=FILE`") && !text.contains("secret"), "{text}");
}

fn rule(name: &str, expression: &str) -> String {
    format!(
        "apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata: {{name: {name}, namespace: a}}\n\
         spec:\n  match: '{expression}'\n  actions: [{{handler: h, instances: [i]}}]\n"
    )
}

fn object(name: &str, text: &str) -> Object {
    Object { name: name.into(), text: Ok(text.to_owned()) }
}

fn scope() -> Scope {
    "all".into()
}

fn told(inventory: &mut Inventory, objects: &[(&str, &str)], revision: u64) -> Arc<ConfigSet> {
    inventory.note(&scope(), Event::Init);
    for (name, text) in objects {
        inventory.note(&scope(), Event::InitApply(object(name, text)));
    }
    inventory.note(&scope(), Event::InitDone);
    Arc::clone(inventory.commit(Revision(revision)))
}

fn names(set: &ConfigSet) -> Vec<&str> {
    set.resources.keys().map(|key| key.name.as_str()).collect()
}

#[test]
fn a_new_telling_takes_the_place_of_the_old_one_only_when_it_is_complete() {
    let mut inventory = Inventory::new();
    let (one, two) = (rule("one", "true"), rule("two", "true"));
    assert_eq!(names(&told(&mut inventory, &[("k/1", &one), ("k/2", &two)], 7)), ["one", "two"]);
    inventory.note(&scope(), Event::Init);
    inventory.note(&scope(), Event::InitApply(object("k/3", &rule("three", "true"))));
    // The connection is cut here; a change elsewhere must not bring half of it into force.
    assert_eq!(names(inventory.commit(Revision(8))), ["one", "two"]);
    let set = told(&mut inventory, &[("k/2", &two)], 9);
    assert_eq!((names(&set), set.revision), (vec!["two"], Revision(9)));
}

#[test]
fn a_scope_that_is_told_anew_leaves_the_others_alone() {
    let mut inventory = Inventory::new();
    told(&mut inventory, &[("k/1", &rule("one", "true"))], 1);
    let other: Scope = "other".into();
    inventory.note(&other, Event::Init);
    inventory.note(&other, Event::InitApply(object("o/2", &rule("two", "true"))));
    inventory.note(&other, Event::InitDone);
    assert_eq!(names(inventory.commit(Revision(2))), ["one", "two"]);
    assert_eq!(names(&told(&mut inventory, &[], 3)), ["two"]);
}

#[test]
fn a_mistake_keeps_the_version_before_and_deletion_ends_it() {
    let mut inventory = Inventory::new();
    let good = told(&mut inventory, &[("k/1", &rule("one", "true"))], 1);
    inventory.note(&scope(), Event::Apply(object("k/1", "kind: rule\nmetadata: [")));
    let flawed = Arc::clone(inventory.commit(Revision(2)));
    assert_eq!(flawed.resources, good.resources);
    assert_eq!(flawed.revision, Revision(2));
    assert!(flawed.problems.iter().all(|problem| &*problem.origin.file == "k/1"));
    assert!(!flawed.problems.is_empty());
    let unreadable = Object { name: "k/1".into(), text: Err("is no text".to_owned()) };
    inventory.note(&scope(), Event::Apply(unreadable));
    let set = inventory.commit(Revision(3));
    assert_eq!(set.resources, good.resources);
    assert!(set.problems.iter().any(|p| p.message.contains("is no text; what was read before")));
    inventory.note(&scope(), Event::Delete("k/1".into()));
    let set = inventory.commit(Revision(4));
    assert_eq!((names(set), set.problems.len()), (vec![], 0));
}

#[test]
fn other_resources_never_have_the_revision_of_the_ones_before() {
    let mut inventory = Inventory::new();
    told(&mut inventory, &[("k/1", &rule("one", "true"))], 100);
    // A store that was restored from a backup counts from an earlier number.
    let set = told(&mut inventory, &[("k/1", &rule("one", "false"))], 40);
    assert_eq!(set.revision, Revision(101));
    let same = told(&mut inventory, &[("k/1", &rule("one", "false"))], 41);
    assert!(Arc::ptr_eq(&same, &set));
}

#[test]
fn an_object_that_is_too_large_is_refused_and_its_version_before_stays() {
    let mut inventory = Inventory::new();
    told(&mut inventory, &[("k/1", &rule("one", "true"))], 1);
    let large = format!("{}# {}", rule("other", "true"), "x".repeat(4 << 20));
    inventory.note(&scope(), Event::Apply(object("k/1", &large)));
    let set = inventory.commit(Revision(2));
    assert_eq!(names(set), ["one"]);
    assert!(set.problems[0].to_string().starts_with("k/1: has more than 4 MiB"));
}

#[test]
fn a_name_that_is_too_long_is_told_and_harms_no_other_object() {
    let mut inventory = Inventory::new();
    let (one, long) = (rule("one", "true"), "n".repeat(1025));
    told(&mut inventory, &[("k/1", &one), ("k/2", &rule("two", "true"))], 1);
    let set = told(&mut inventory, &[("k/1", &one), (&long, &rule("three", "true"))], 2);
    assert_eq!(names(&set), ["one"]);
    assert!(set.problems[0].message.contains("names have more than 1024 bytes"));
    assert_eq!(told(&mut inventory, &[("k/1", &one)], 3).problems, []);
    inventory.note(&scope(), Event::Apply(object(&long, &one)));
    assert_eq!(inventory.commit(Revision(4)).problems.len(), 1);
}

#[test]
fn what_exceeds_the_bounds_together_is_refused_and_nothing_is_taken_for_gone() {
    let mut inventory = Inventory::new();
    told(&mut inventory, &[("z", &rule("last", "true"))], 1);
    inventory.note(&scope(), Event::Init);
    for number in 0..10_001 {
        inventory.note(&scope(), Event::InitApply(object(&format!("k/{number:05}"), "")));
    }
    inventory.note(&scope(), Event::InitDone);
    let set = inventory.commit(Revision(2));
    assert_eq!(names(set), ["last"]);
    assert!(set.problems.iter().any(|p| p.message.starts_with("some objects are not read")));

    let mut inventory = Inventory::new();
    let large = "#".repeat(4 << 20);
    inventory.note(&scope(), Event::Init);
    for number in 0..17 {
        inventory.note(&scope(), Event::InitApply(object(&format!("k/{number:05}"), &large)));
    }
    inventory.note(&scope(), Event::InitDone);
    let set = inventory.commit(Revision(1));
    assert_eq!(set.problems.len(), 1);
    assert!(set.problems[0].to_string().starts_with("k/00016: is not read: all objects together"));
}
