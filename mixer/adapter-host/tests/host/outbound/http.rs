use std::io::Read;

use serde_json::json;

use super::peer::{Answer, HttpPeer, free_address, status};
use super::{Courier, target};

fn url(peer: &HttpPeer, path: &str) -> String {
    format!("http://{}{path}", peer.address)
}

#[tokio::test]
async fn bodies_are_posted_over_one_connection_to_the_path_that_is_due() {
    let mut peer = HttpPeer::start().await;
    let more = json!({
        "default_path": "/api/v2/spans",
        "headers": [["content-type", "application/json"]],
        "lines": { "max_bytes": 100, "linger_ms": 50 },
    });
    let params = target("http", url(&peer, ""), &more);
    let courier = Courier::start(params).await;
    courier.send("a").await;
    courier.send("b").await;
    let seen = peer.request().await;
    assert_eq!(seen.line, "POST /api/v2/spans HTTP/1.1");
    assert_eq!(seen.text(), "[a\nb]");
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert!(seen.header("user-agent").unwrap().starts_with("mixmesh/"));
    assert_eq!(seen.header("authorization"), None);
    let status = courier.until("both sent", |status| status.sent_elements == 2).await;
    assert_eq!((status.state, status.queued_messages), ("connected", 0));
}

#[tokio::test]
async fn a_user_in_the_url_authorizes_and_is_never_shown() {
    let mut peer = HttpPeer::start().await;
    let address = format!("http://alice:wonder@{}/in?key=secret", peer.address);
    let courier = Courier::start(target("http", address, &json!({}))).await;
    courier.send("x").await;
    let seen = peer.request().await;
    assert_eq!(seen.line, "POST /in?key=secret HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some("Basic YWxpY2U6d29uZGVy"));
    let shown = format!("{:?}", courier.handler.status());
    for secret in ["alice", "wonder", "secret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn bodies_are_compressed_when_the_adapter_wants_it() {
    let mut peer = HttpPeer::start().await;
    let params = target("http", url(&peer, "/"), &json!({ "gzip": true }));
    let courier = Courier::start(params).await;
    assert_eq!(courier.tell("flood 0 1 100000").await, "1");
    let seen = peer.request().await;
    assert_eq!(seen.header("content-encoding"), Some("gzip"));
    assert!(seen.body.len() < 2000);
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&seen.body[..]).read_to_end(&mut body).unwrap();
    assert_eq!(body, vec![b'f'; 100_000]);
}

#[tokio::test]
async fn what_may_work_later_is_tried_again_and_what_will_not_is_lost() {
    let mut peer = HttpPeer::start().await;
    peer.next([
        status("503 Service Unavailable", "retry-after: 0\r\n", "busy"),
        status("429 Too Many Requests", "", ""),
        Answer::Reset,
        Answer::Raw("SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned()),
        status("200 OK", "", "thanks"),
        status("400 Bad Request", "", "no such \n thing"),
        status("302 Found", "location: http://127.0.0.1:1/\r\n", ""),
    ]);
    let courier = Courier::start(target("http", url(&peer, "/"), &json!({}))).await;
    courier.send("a").await;
    for _ in 0..5 {
        assert_eq!(peer.request().await.text(), "a");
    }
    let after = courier.until("sent", |status| status.sent_elements == 1).await;
    assert_eq!((after.retries, after.connection_failures, after.is_away), (4, 4, false));
    assert_eq!(courier.tell("send 0 3 - b").await, "taken");
    assert_eq!(courier.until("a loss", |s| s.lost_elements.refused == 3).await.sent_elements, 1);
    let error = courier.target().last_error.unwrap();
    assert_eq!(error, "answered 400 Bad Request: no such \\n thing");
    courier.send("c").await;
    let after = courier.until("another", |status| status.lost_elements.refused == 4).await;
    assert!(after.last_error.unwrap().starts_with("answered 302"), "redirects are not followed");
    assert_eq!(after.queued_elements, 0);
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let mut peer = HttpPeer::start().await;
    peer.always(status("503 Service Unavailable", "retry-after: 200\r\n", ""));
    let courier = Courier::start(target("http", url(&peer, "/"), &json!({}))).await;
    courier.send("a").await;
    peer.request().await;
    let status = courier.until("a pause", |status| status.state == "backing off").await;
    let pause = status.next_attempt_ms.unwrap();
    assert!((150_000..=200_000).contains(&pause), "{pause}");
    assert!(status.last_error.unwrap().contains("503"));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_tried_again() {
    let mut peer = HttpPeer::start().await;
    peer.next([Answer::Hang]);
    let quick = |limits: &mut adapter_host::Limits| {
        limits.outbound_deadline = std::time::Duration::from_millis(300);
    };
    let params = target("http", url(&peer, "/"), &json!({}));
    let courier = Courier::with_limits(params, quick).await;
    courier.send("a").await;
    peer.request().await;
    assert_eq!(peer.request().await.text(), "a");
    let status = courier.until("it", |status| status.sent_elements == 1).await;
    assert!(status.last_error.unwrap().contains("no answer within"));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let mut peer = HttpPeer::start().await;
    let endless =
        format!("HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n{}", "x".repeat(1 << 20));
    peer.always(Answer::Raw(endless));
    let courier = Courier::start(target("http", url(&peer, "/"), &json!({}))).await;
    for n in 0..3 {
        courier.send(&n.to_string()).await;
        peer.request().await;
    }
    courier.until("all", |status| status.sent_elements == 3).await;
}

#[tokio::test]
async fn a_server_that_is_down_loses_only_what_the_queue_cannot_hold() {
    let address = free_address().await;
    let small = |limits: &mut adapter_host::Limits| limits.outbound_queue = 10_000;
    let params = target("http", format!("http://{address}"), &json!({}));
    let courier = Courier::with_limits(params, small).await;
    assert_eq!(courier.tell("flood 0 25 1000").await, "10");
    assert_eq!(courier.tell("flood 0 1 10001").await, "0");
    let status = courier.until("a failure", |status| status.is_away).await;
    assert_eq!((status.queued_bytes, status.queued_elements), (10_000, 10));
    assert_eq!((status.lost_elements.queue_full, status.lost_elements.too_large), (15, 1));
    let mut peer = HttpPeer::start_at(address).await;
    for _ in 0..10 {
        assert_eq!(peer.request().await.body.len(), 1000);
    }
    let status = courier.until("all", |status| status.sent_elements == 10).await;
    assert_eq!((status.queued_bytes, status.is_away), (0, false));
}

#[tokio::test]
async fn a_flood_is_accounted_for_to_the_last_element() {
    let peer = HttpPeer::start().await;
    let small = |limits: &mut adapter_host::Limits| limits.outbound_queue = 100_000;
    let more = json!({ "lines": { "max_bytes": 5000, "linger_ms": 1 } });
    let courier = Courier::with_limits(target("http", url(&peer, "/"), &more), small).await;
    for round in 0..10 {
        if round % 3 == 0 {
            peer.next([status("503 Busy", "", ""), status("400 No", "", ""), Answer::Reset]);
        }
        courier.tell("flood 0 3000 100").await;
        let now = courier.target();
        let sum = now.sent_elements + now.lost_elements.sum() + now.queued_elements;
        assert_eq!(sum, (round + 1) * 3000);
        assert!(now.queued_bytes <= 100_000);
    }
    let lost = courier.handler.close().await;
    let now = courier.target();
    assert_eq!(now.sent_elements + now.lost_elements.sum(), 30_000);
    assert_eq!((now.queued_elements, now.lost_elements.closed), (0, lost));
}
