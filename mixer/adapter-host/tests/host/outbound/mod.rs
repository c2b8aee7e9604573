//! What adapters send, against real sockets: the test is the peer.

mod conversation;
mod hostile;
mod http;
pub(crate) mod peer;
mod tcp;
mod tls;
mod udp;

use std::sync::Arc;
use std::time::Duration;

use adapter_host::{
    AdapterHost, CallError, Handler, InstanceIndex, Limits, OwnedValue, TargetStatus, Template,
};
use serde_json::{Value, json};

use crate::fixture::{TestHandler, host, load};

/// A handler that sends as it is told.
pub(crate) struct Courier {
    pub(crate) handler: Arc<Handler>,
    _host: AdapterHost,
}

/// Parameters of a handler with one target at `address`.
#[expect(clippy::needless_pass_by_value, reason = "an address or a text")]
fn target(protocol: &str, address: impl ToString, more: &Value) -> Value {
    let mut target = json!({ "parameter": "address", "protocol": protocol });
    for (key, value) in more.as_object().unwrap() {
        target[key] = value.clone();
    }
    json!({ "address": address.to_string(), "targets": [target] })
}

pub(crate) fn courier(params: Value) -> TestHandler {
    TestHandler::new(params).with_instance(Template::ListEntry)
}

impl Courier {
    pub(crate) async fn start(params: Value) -> Self {
        Self::with_limits(params, |_| {}).await
    }

    pub(crate) async fn with_limits(params: Value, change: impl FnOnce(&mut Limits)) -> Self {
        let host = host();
        let adapter = load(&host, "testing/courier");
        // The machine that runs the tests may be slow.
        let patient = |limits: &mut Limits| {
            limits.check_deadline = Duration::from_secs(10);
            limits.report_deadline = Duration::from_secs(10);
            limits.setup_deadline = Duration::from_secs(10);
            change(limits);
        };
        let handler = courier(params).with_limits(patient).build(&host, &adapter).await;
        Self { handler, _host: host }
    }

    pub(crate) async fn tell(&self, order: &str) -> String {
        self.try_tell(order).await.unwrap()
    }

    pub(crate) async fn try_tell(&self, order: &str) -> Result<String, CallError> {
        let order = vec![OwnedValue::String(order.to_owned())];
        Ok(self.handler.check(InstanceIndex(0), order).await?.message)
    }

    pub(crate) async fn send(&self, text: &str) {
        assert_eq!(self.tell(&format!("send 0 1 - {text}")).await, "taken");
    }

    /// What a closed handler says.
    async fn tell_closed(&self) -> String {
        self.try_tell("send 0 1 - x").await.unwrap_err().to_string()
    }

    fn target(&self) -> TargetStatus {
        self.handler.status().outbound[0].clone()
    }

    /// Waits until the target's status is as expected.
    async fn until(&self, what: &str, is: impl Fn(&TargetStatus) -> bool) -> TargetStatus {
        until(what, || Some(self.target()).filter(|target| is(target))).await
    }
}

/// Waits until there is something.
pub(crate) async fn until<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6000 {
        if let Some(value) = is() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("in vain: {what}");
}
