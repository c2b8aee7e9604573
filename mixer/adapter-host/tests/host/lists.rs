//! Documents that adapters read, from servers and files of the test.

use std::fs;

use adapter_host::ListStatus;
use serde_json::{Value, json};

use crate::fixture::{host, load};
use crate::outbound::peer::{Answer, HttpPeer, free_address, status};
use crate::outbound::{Courier, courier, until};

#[expect(clippy::needless_pass_by_value, reason = "an address or a text")]
fn document(url: impl ToString, more: &Value) -> Value {
    let mut document =
        json!({ "parameter": "address", "refresh_ms": 1000, "max_bytes": 1000, "keep_ms": 0 });
    for (key, value) in more.as_object().unwrap() {
        document[key] = value.clone();
    }
    json!({ "address": url.to_string(), "documents": [document] })
}

fn list(courier: &Courier) -> ListStatus {
    courier.handler.status().lists[0].clone()
}

async fn until_list(courier: &Courier, what: &str, is: impl Fn(&ListStatus) -> bool) {
    until(what, || is(&list(courier)).then_some(())).await;
}

#[tokio::test]
async fn a_document_is_there_at_the_first_call_and_changes_when_the_server_has_another() {
    let mut peer = HttpPeer::start().await;
    peer.next([
        status("200 OK", "etag: \"1\"\r\n", "10.0.0.1"),
        status("304 Not Modified", "", ""),
        status("200 OK", "last-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "10.0.0.1"),
    ]);
    peer.always(status("200 OK", "", "10.0.0.2"));
    let url = format!("http://me:secret@{}/list?key=secret", peer.address);
    let courier = Courier::start(document(url, &json!({}))).await;
    assert_eq!(courier.tell("read 0").await, "1 10.0.0.1");
    let seen = peer.request().await;
    assert_eq!(seen.line, "GET /list?key=secret HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some("Basic bWU6c2VjcmV0"));
    assert_eq!(seen.header("if-none-match"), None);
    assert_eq!(peer.request().await.header("if-none-match"), Some("\"1\""));
    assert_eq!(peer.request().await.header("if-none-match"), Some("\"1\""));
    let fourth = peer.request().await;
    assert_eq!(fourth.header("if-none-match"), None);
    assert_eq!(fourth.header("if-modified-since"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    until_list(&courier, "another version", |list| list.version == Some(2)).await;
    assert_eq!(courier.tell("version 0").await, "2");
    assert_eq!(courier.tell("read 0").await, "2 10.0.0.2");
    let status = list(&courier);
    assert_eq!((status.fetches.updated, status.bytes), (2, 8));
    assert!(status.fetches.unchanged >= 2);
    assert!(!format!("{status:?}").contains("secret"));
}

#[tokio::test]
async fn the_last_version_holds_while_the_server_fails_and_no_longer_than_it_is_kept() {
    let peer = HttpPeer::start().await;
    peer.next([status("200 OK", "", "good")]);
    peer.always(status("500 Internal Server Error", "", "bad"));
    let url = format!("http://{}/", peer.address);
    let courier = Courier::start(document(url, &json!({ "keep_ms": 3000 }))).await;
    until_list(&courier, "a failure", |list| list.is_away).await;
    assert_eq!(courier.tell("read 0").await, "1 good");
    until_list(&courier, "the end", |list| list.version.is_none()).await;
    assert_eq!(courier.tell("version 0").await, "none");
    assert_eq!(courier.tell("read 0").await, "none");
    assert!(list(&courier).last_error.unwrap().contains("500"));
    // What was there before is no new version, but it holds again.
    peer.always(status("200 OK", "", "good"));
    until_list(&courier, "it", |list| list.version == Some(1)).await;
    assert!(!list(&courier).is_away);
}

#[tokio::test]
async fn what_is_no_document_is_not_taken() {
    let large = "x".repeat(1001);
    for (answer, reason) in [
        (status("200 OK", "", &large), "larger than 1000 bytes"),
        (status("404 Not Found", "", "x"), "404"),
        (status("304 Not Modified", "", ""), "304"),
        (status("301 Moved", "location: /other\r\n", ""), "301"),
        (Answer::Reset, ""),
        (Answer::Raw("220 smtp ready\r\n\r\n".to_owned()), "parse"),
        (Answer::Raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned()), ""),
    ] {
        let peer = HttpPeer::start().await;
        peer.always(answer);
        let url = format!("http://{}/", peer.address);
        let courier = Courier::start(document(url, &json!({}))).await;
        until_list(&courier, "a failure", |list| list.is_away).await;
        assert_eq!(courier.tell("version 0").await, "none");
        let status = list(&courier);
        let error = status.last_error.unwrap();
        assert!(error.contains(reason), "{error}");
        assert_eq!(status.fetches.too_large > 0, reason.contains("larger"));
    }
}

#[tokio::test]
async fn a_server_that_is_down_or_silent_at_the_start_does_not_keep_the_handler_from_being_built() {
    let address = free_address().await;
    let courier = Courier::start(document(format!("http://{address}/"), &json!({}))).await;
    assert_eq!(courier.tell("version 0").await, "none");
    let peer = HttpPeer::start_at(address).await;
    peer.always(status("200 OK", "", "late"));
    until_list(&courier, "it", |list| list.version == Some(1)).await;

    let silent = HttpPeer::start().await;
    silent.next([Answer::Hang]);
    silent.always(status("200 OK", "", "later"));
    let quick = |limits: &mut adapter_host::Limits| {
        limits.outbound_deadline = std::time::Duration::from_secs(4);
    };
    let url = format!("http://{}/", silent.address);
    let courier = Courier::with_limits(document(url, &json!({})), quick).await;
    assert_eq!(courier.tell("version 0").await, "none");
    until_list(&courier, "it", |list| list.version == Some(1)).await;
    assert!(list(&courier).last_error.unwrap().contains("no document within"));
}

#[tokio::test]
async fn a_document_may_be_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list of names");
    fs::write(&path, "one").unwrap();
    let url = format!("file://{}/list%20of%20names", folder.path().display());
    let courier = Courier::start(document(url, &json!({}))).await;
    assert_eq!(courier.tell("read 0").await, "1 one");
    fs::write(&path, "one two").unwrap();
    until_list(&courier, "the second", |list| list.version == Some(2)).await;
    assert_eq!(courier.tell("read 0").await, "2 one two");
    fs::write(&path, "x".repeat(1001)).unwrap();
    until_list(&courier, "too large", |list| list.fetches.too_large > 0).await;
    fs::remove_file(&path).unwrap();
    until_list(&courier, "a failure", |list| list.fetches.failed > 0).await;
    assert_eq!(courier.tell("read 0").await, "2 one two");
    courier.handler.close().await;
}

#[tokio::test]
async fn wrong_documents_are_problems_of_their_parameters() {
    let host = host();
    let adapter = load(&host, "testing/courier");
    for (url, more, expected) in [
        ("ftp://h/", json!({}), "address: must start with http://"),
        ("http://h/", json!({ "refresh_ms": 1 }), "address: is to be fetched every 1ms"),
        ("http://h/", json!({ "max_bytes": 0 }), "address: is to have 0 bytes"),
        ("http://h/", json!({ "parameter": "other" }), "other: is needed"),
        ("file://h/x", json!({}), "address: names no file of this host"),
    ] {
        let problems = courier(document(url, &more)).problems(&host, &adapter).await;
        assert!(problems[0].starts_with(expected), "{problems:?}");
    }
    let mut many = document("file:///x", &json!({}));
    many["documents"] = vec![many["documents"][0].clone(); 9].into();
    let problems = courier(many).problems(&host, &adapter).await;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("one document too many"));
}
