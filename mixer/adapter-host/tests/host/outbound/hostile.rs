use adapter_host::{CallError, HostOptions};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Courier, courier, target};
use crate::fixture::{host, load, options};

async fn problems(params: Value) -> Vec<String> {
    let host = host();
    let adapter = load(&host, "testing/courier");
    courier(params).problems(&host, &adapter).await
}

#[tokio::test]
async fn only_addresses_in_the_parameters_can_be_reached() {
    let open = |parameter: &str| {
        json!({
            "address": "127.0.0.1:1",
            "collectors": [{ "url": "http://h/" }],
            "targets": [{ "parameter": parameter, "protocol": "tcp" }],
        })
    };
    for parameter in
        ["127.0.0.1:1", "", "nothing", "collectors[1].url", "targets", "collectors[-1].url"]
    {
        let problems = problems(open(parameter)).await;
        assert_eq!(problems.len(), 1, "{parameter}");
        assert!(problems[0].contains("is needed") || problems[0].contains("is no text"));
    }
}

#[tokio::test]
async fn wrong_addresses_are_problems_of_their_parameters() {
    for (protocol, address, more, expected) in [
        ("udp", "statsd", json!({}), "address: has no port"),
        ("udp", "tls://h:1", json!({}), "address: has scheme \"tls\""),
        ("tcp", "http://h:1", json!({}), "address: has scheme \"http\""),
        ("http", "h:1", json!({}), "address: must start with http://"),
        ("udp", "h:1", json!({ "conversation": true }), "address: is to be led by"),
        ("http", "http://h", json!({ "headers": [["a b", "c"]] }), "address: is sent a header"),
        ("http", "http://h", json!({ "headers": [["a", "c\n"]] }), "address: is sent the header a"),
        (
            "http",
            "http://h",
            json!({ "headers": [["host", "c"]] }),
            "address: is sent the header host",
        ),
        ("tcp", "h:1", json!({ "lines": { "linger_ms": 3_600_000 } }), "address: is sent bundles"),
    ] {
        let problems = problems(target(protocol, address, &more)).await;
        assert!(problems[0].starts_with(expected), "{problems:?}");
    }
}

#[tokio::test]
async fn a_handler_has_eight_targets_at_most() {
    let params = target("udp", "127.0.0.1:1", &json!({ "repeat": 1000 }));
    let problems = problems(params).await;
    assert_eq!(problems.len(), 100, "as many as are told");
    assert!(problems[0].contains("one target too many: a handler has 8 at most"));
    Courier::start(target("udp", "127.0.0.1:1", &json!({ "repeat": 8 }))).await;
}

#[tokio::test]
async fn nothing_is_opened_or_sent_by_validation_or_while_configuring() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut params = target("tcp", listener.local_addr().unwrap(), &json!({}));
    params["hasty"] = json!(true);
    let told = problems(params.clone()).await;
    assert!(told.len() == 1 && told[0].contains("closed"), "{told:?}");
    params["hasty"] = json!(false);
    params["targets"][0]["parameter"] = json!("second_address");
    params["second_address"] = json!("tls://127.0.0.1:1");
    params["ca_file"] = json!("/nowhere/ca.pem");
    let host = host();
    let adapter = load(&host, "testing/courier");
    courier(params.clone()).validate(&host, &adapter).await.unwrap();
    let refused = courier(params).try_build(&host, &adapter).await.unwrap_err().to_string();
    assert!(refused.starts_with("ca_file: /nowhere/ca.pem cannot be read"), "{refused}");
}

#[tokio::test]
async fn a_host_that_opens_nothing_takes_no_messages() {
    let host = adapter_host::AdapterHost::new(HostOptions { open_streams: false, ..options() });
    let host = host.unwrap();
    let adapter = load(&host, "testing/courier");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let params = target("tcp", listener.local_addr().unwrap(), &json!({}));
    let handler = courier(params)
        .with_limits(|limits| limits.setup_deadline = std::time::Duration::from_secs(10))
        .build(&host, &adapter)
        .await;
    let order = adapter_host::OwnedValue::String("send 0 1 - x".to_owned());
    let answer = handler.check(adapter_host::InstanceIndex(0), vec![order]).await.unwrap();
    assert!(answer.message.contains("is closed, or only validated"), "{}", answer.message);
    assert_eq!(handler.close().await, 0);
}

#[tokio::test]
async fn an_adapter_that_sends_to_an_unknown_target_or_opens_one_too_late_crashes() {
    let courier = Courier::start(target("udp", "127.0.0.1:1", &json!({}))).await;
    for (order, reason) in [
        ("send 1 1 - x", "sent to target 1, which it has not opened"),
        ("send 4294967295 1 - x", "sent to target 4294967295"),
        ("open address", "opened a target outside of configure"),
        ("version 0", "reads document 0, which it has not opened"),
    ] {
        let Err(CallError::Trap { message }) = courier.try_tell(order).await else { panic!() };
        assert!(message.contains(reason), "{message}");
    }
    courier.send("x").await;
}
