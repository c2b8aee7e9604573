use serde_json::json;
use tokio::net::UdpSocket;

use super::{Courier, target};

async fn datagram(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 70_000];
    let length = socket.recv(&mut buffer).await.unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn each_message_is_a_datagram() {
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let params = target("udp", peer.local_addr().unwrap(), &json!({}));
    let courier = Courier::start(params).await;
    courier.send("a:1|c").await;
    courier.send("b:2|c").await;
    assert_eq!(datagram(&peer).await, "a:1|c");
    assert_eq!(datagram(&peer).await, "b:2|c");
    let status = courier.until("both sent", |status| status.sent_elements == 2).await;
    assert_eq!((status.sent_messages, status.sent_bytes), (2, 10));
    assert_eq!((status.state, status.is_away), ("connected", false));
}

#[tokio::test]
async fn messages_are_put_together_and_names_are_resolved() {
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = peer.local_addr().unwrap().port();
    let lines = json!({ "lines": { "max_bytes": 9, "linger_ms": 60_000 } });
    let courier = Courier::start(target("udp", format!("localhost:{port}"), &lines)).await;
    for text in ["aa", "bb", "cc", "dd"] {
        courier.send(text).await;
    }
    assert_eq!(datagram(&peer).await, "[aa\nbb]");
    // What lingers goes out at the end.
    assert_eq!(courier.handler.close().await, 0);
    assert_eq!(datagram(&peer).await, "[cc\ndd]");
    assert_eq!(courier.tell_closed().await, "the handler is closed");
}

#[tokio::test]
async fn a_message_larger_than_a_datagram_is_refused() {
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let params = target("udp", peer.local_addr().unwrap(), &json!({}));
    let courier = Courier::start(params).await;
    assert_eq!(courier.tell("flood 0 1 65508").await, "0");
    assert_eq!(courier.tell("flood 0 1 65507").await, "1");
    assert_eq!(datagram(&peer).await.len(), 65_507);
    assert_eq!(courier.target().lost_elements.too_large, 1);
}

#[tokio::test]
async fn a_receiver_that_is_away_is_noticed_and_found_again() {
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = peer.local_addr().unwrap();
    drop(peer);
    let courier = Courier::start(target("udp", address, &json!({}))).await;
    let mut sent = 0;
    while !courier.target().is_away {
        courier.send("x").await;
        sent += 1;
    }
    let error = courier.target().last_error.unwrap();
    assert!(error.contains("refused"), "{error}");
    let peer = UdpSocket::bind(address).await.unwrap();
    while courier.target().is_away {
        courier.send("x").await;
        sent += 1;
    }
    assert_eq!(datagram(&peer).await, "x");
    let status = courier.until("the last", |status| status.queued_messages == 0).await;
    assert_eq!(status.sent_elements + status.lost_elements.sum(), sent);
}

#[tokio::test]
async fn datagrams_wait_while_the_name_is_unknown() {
    let courier = Courier::start(target("udp", "nobody.invalid:8125", &json!({}))).await;
    courier.send("x").await;
    let status = courier.until("an attempt", |status| status.is_away).await;
    assert_eq!((status.queued_elements, status.state), (1, "backing off"));
    assert!(status.last_error.unwrap().starts_with("nobody.invalid cannot be resolved"));
    assert_eq!(courier.handler.close().await, 1);
    assert_eq!(courier.target().lost_elements.closed, 1);
}
