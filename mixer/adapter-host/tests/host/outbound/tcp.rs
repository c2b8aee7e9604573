use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::peer::{LinePeer, free_address};
use super::{Courier, target};

#[tokio::test]
async fn messages_follow_each_other_on_one_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let lines = json!({ "lines": { "max_bytes": 1, "linger_ms": 0 } });
    let params = target("tcp", listener.local_addr().unwrap(), &lines);
    let courier = Courier::start(params).await;
    courier.send("one").await;
    courier.send("two").await;
    let mut peer = LinePeer::accept(&listener).await;
    let mut read = [0; 10];
    peer.stream.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"[one][two]");
    let status = courier.until("both sent", |status| status.sent_elements == 2).await;
    assert_eq!((status.sent_messages, status.retries, status.connection_failures), (2, 0, 0));
}

#[tokio::test]
async fn a_peer_that_is_away_gets_all_that_was_queued_once_it_is_back() {
    let address = free_address().await;
    let courier = Courier::start(target("tcp", address, &json!({}))).await;
    for n in 0..10 {
        courier.send(&format!("{n}\n")).await;
    }
    let status = courier.until("a failure", |status| status.is_away).await;
    assert_eq!(status.queued_elements, 10);
    assert!(status.last_error.unwrap().contains("refused"));
    let listener = TcpListener::bind(address).await.unwrap();
    let mut peer = LinePeer::accept(&listener).await;
    for n in 0..10 {
        assert_eq!(peer.line().await, n.to_string());
    }
    let status = courier.until("all", |status| status.sent_elements == 10).await;
    assert!(!status.is_away);
    assert_eq!(status.lost_elements.sum(), 0);
}

#[tokio::test]
async fn a_message_that_was_cut_off_is_sent_again_as_a_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let params = target("tcp", listener.local_addr().unwrap(), &json!({}));
    let courier = Courier::start(params).await;
    // More than the kernel takes of a connection on which nobody reads.
    let bytes = 12 << 20;
    assert_eq!(courier.tell(&format!("flood 0 1 {bytes}")).await, "1");
    let mut first = LinePeer::accept(&listener).await;
    let mut start = vec![0; 1000];
    first.stream.read_exact(&mut start).await.unwrap();
    drop(first);
    let mut second = LinePeer::accept(&listener).await;
    let mut whole = vec![0; bytes];
    second.stream.read_exact(&mut whole).await.unwrap();
    let status = courier.until("it", |status| status.sent_elements == 1).await;
    assert_eq!((status.retries, status.connection_failures, status.queued_bytes), (1, 1, 0));
}

#[tokio::test]
async fn a_peer_that_reads_nothing_is_left_and_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let params = target("tcp", listener.local_addr().unwrap(), &json!({}));
    let quick = |limits: &mut adapter_host::Limits| {
        limits.outbound_deadline = std::time::Duration::from_millis(300);
    };
    let courier = Courier::with_limits(params, quick).await;
    assert_eq!(courier.tell("flood 0 1 12000000").await, "1");
    let _deaf = LinePeer::accept(&listener).await;
    let _again = LinePeer::accept(&listener).await;
    let status = courier.target();
    assert!(status.last_error.unwrap().contains("reads nothing"));
    assert_eq!(status.queued_elements, 1);
}

#[tokio::test]
async fn a_peer_that_closes_between_messages_is_no_outage() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let params = target("tcp", listener.local_addr().unwrap(), &json!({}));
    let courier = Courier::start(params).await;
    for n in 0..3 {
        courier.send(&format!("{n}\n")).await;
        let mut peer = LinePeer::accept(&listener).await;
        assert_eq!(peer.line().await, n.to_string());
        peer.say("thank you and good bye").await;
        drop(peer);
        courier.until("the end", |status| status.state == "idle").await;
    }
    let status = courier.target();
    assert_eq!((status.sent_elements, status.connection_failures), (3, 0));
}

#[tokio::test]
async fn what_is_queued_is_sent_when_the_handler_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let params = target("tcp", listener.local_addr().unwrap(), &json!({}));
    let courier = Courier::start(params).await;
    for n in 0..100 {
        courier.send(&format!("{n}\n")).await;
    }
    let read = async {
        let mut peer = LinePeer::accept(&listener).await;
        let mut all = String::new();
        peer.stream.read_to_string(&mut all).await.unwrap();
        all
    };
    let (lost, all) = tokio::join!(courier.handler.close(), read);
    assert_eq!((lost, all.lines().count()), (0, 100));
    assert_eq!(courier.target().state, "closed");
}

#[tokio::test]
async fn what_a_peer_that_is_away_cannot_take_is_lost_when_the_handler_is_closed() {
    let courier = Courier::start(target("tcp", free_address().await, &json!({}))).await;
    for _ in 0..5 {
        courier.send("x").await;
    }
    assert_eq!(courier.handler.close().await, 5);
    let status = courier.target();
    assert_eq!((status.lost_elements.closed, status.queued_elements), (5, 0));
}
