use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::peer::LinePeer;
use super::{Courier, target};

async fn listen() -> (TcpListener, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let params = target("tcp", listener.local_addr().unwrap(), &json!({ "conversation": true }));
    (listener, params)
}

/// A peer that is greeted and has answered.
async fn greeted(listener: &TcpListener) -> LinePeer {
    let mut peer = LinePeer::accept(listener).await;
    assert_eq!(peer.line().await, "HELLO");
    peer.say("WELCOME\n").await;
    peer
}

async fn send(courier: &Courier, token: &str) {
    assert_eq!(courier.tell(&format!("send 0 1 {token} {token}\n")).await, "taken");
}

#[tokio::test]
async fn messages_follow_the_greeting_and_are_sent_when_they_are_acknowledged() {
    let (listener, params) = listen().await;
    let courier = Courier::start(params).await;
    send(&courier, "t1").await;
    send(&courier, "-").await;
    send(&courier, "t2").await;
    let mut peer = LinePeer::accept(&listener).await;
    assert_eq!(peer.line().await, "HELLO");
    assert_eq!(courier.target().sent_elements, 0);
    // Lines arrive in pieces; what is missing is remembered.
    peer.say("WELC").await;
    peer.say("OME\n").await;
    for expected in ["t1", "-", "t2"] {
        assert_eq!(peer.line().await, expected);
    }
    let status = courier.until("the one without token", |s| s.sent_elements == 1).await;
    assert_eq!(status.queued_elements, 2);
    peer.say("ACK t2\nACK unknown\nACK t1\n").await;
    let status = courier.until("all", |status| status.sent_elements == 3).await;
    assert_eq!((status.queued_elements, status.queued_bytes, status.retries), (0, 0, 0));
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again_in_order() {
    let (listener, params) = listen().await;
    let courier = Courier::start(params).await;
    for token in ["t1", "t2", "t3", "t4"] {
        send(&courier, token).await;
    }
    let mut peer = greeted(&listener).await;
    for expected in ["t1", "t2", "t3", "t4"] {
        assert_eq!(peer.line().await, expected);
    }
    peer.say("ACK t2\n").await;
    courier.until("one", |status| status.sent_elements == 1).await;
    drop(peer);
    let mut peer = greeted(&listener).await;
    for expected in ["t1", "t3", "t4"] {
        assert_eq!(peer.line().await, expected);
    }
    peer.say("ACK t1\nACK t3\nACK t4\n").await;
    let status = courier.until("all", |status| status.sent_elements == 4).await;
    assert_eq!((status.retries, status.connection_failures, status.is_away), (3, 1, false));
}

#[tokio::test]
async fn a_peer_that_acknowledges_nothing_is_left_and_tried_again() {
    let (listener, params) = listen().await;
    let quick = |limits: &mut adapter_host::Limits| {
        limits.outbound_deadline = std::time::Duration::from_millis(500);
    };
    let courier = Courier::with_limits(params, quick).await;
    send(&courier, "t1").await;
    let mut first = greeted(&listener).await;
    assert_eq!(first.line().await, "t1");
    assert_eq!(first.line().await, "", "closed");
    assert!(courier.target().last_error.unwrap().contains("acknowledges nothing"));
    // Neither does one get far that says nothing at all.
    let mut second = LinePeer::accept(&listener).await;
    assert_eq!(second.line().await, "HELLO");
    assert_eq!(second.line().await, "", "closed");
    assert!(courier.target().last_error.unwrap().contains("not ready"));
    let mut third = greeted(&listener).await;
    assert_eq!(third.line().await, "t1");
    third.say("ACK t1\n").await;
    courier.until("it", |status| status.sent_elements == 1).await;
}

#[tokio::test]
async fn a_component_that_fails_loses_the_connection_and_no_message() {
    let (listener, params) = listen().await;
    let courier = Courier::start(params).await;
    send(&courier, "t1").await;
    for (words, reason) in [
        ("BYE\n", "refuses the peer: told to go"),
        ("\u{1}garbage\n", "refuses the peer: that is no line"),
        ("CRASH\n", "crashed"),
        ("SWELL\n", "has the host keep 102400 bytes"),
    ] {
        let mut peer = LinePeer::accept(&listener).await;
        assert_eq!(peer.line().await, "HELLO");
        peer.say(words).await;
        assert_eq!(peer.line().await, "", "closed");
        let failed = |status: &adapter_host::TargetStatus| {
            status.last_error.as_ref().is_some_and(|error| error.contains(reason))
        };
        courier.until(reason, failed).await;
    }
    let mut peer = greeted(&listener).await;
    assert_eq!(peer.line().await, "t1");
    peer.say("ACK t1\n").await;
    let status = courier.until("it", |status| status.sent_elements == 1).await;
    assert_eq!((status.connection_failures, status.lost_elements.sum()), (4, 0));
}

#[tokio::test]
async fn the_queue_bounds_what_is_not_acknowledged() {
    let (listener, params) = listen().await;
    let small = |limits: &mut adapter_host::Limits| limits.outbound_queue = 100;
    let courier = Courier::with_limits(params, small).await;
    // 2 bytes of data and 2 of token each.
    let mut taken = 0;
    while courier.tell("send 0 1 tk x\n").await == "taken" {
        taken += 1;
    }
    assert_eq!(taken, 25);
    let mut peer = greeted(&listener).await;
    for _ in 0..25 {
        assert_eq!(peer.line().await, "x");
    }
    assert!(courier.tell("send 0 1 tk x\n").await.contains("is full"));
    peer.say("ACK tk\n").await;
    courier.until("room", |status| status.queued_elements == 24).await;
    assert_eq!(courier.tell("send 0 1 tk x\n").await, "taken");
}

#[tokio::test]
async fn a_handler_that_is_closed_waits_for_acknowledgements() {
    let (listener, params) = listen().await;
    let courier = Courier::start(params).await;
    send(&courier, "t1").await;
    let answer = async {
        let mut peer = greeted(&listener).await;
        assert_eq!(peer.line().await, "t1");
        peer.say("ACK t1\n").await;
        assert_eq!(peer.line().await, "", "closed");
    };
    let (lost, ()) = tokio::join!(courier.handler.close(), answer);
    assert_eq!((lost, courier.target().sent_elements), (0, 1));
}
