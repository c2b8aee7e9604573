//! A sidecar's side of the working set: requests as the proxy holds them, and the answers to them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_api::mixer::v1::{CheckResponse, ReferencedAttributes};
use mesh_api::rpc::Status;
use mesh_attributes::wire::encode_references;
use mesh_attributes::{AttributeBag, GlobalWord};
use prost::Message;
use sidecar_filter::config::{FilterConfig, Settings};
use sidecar_filter::generations::{Announced, Digest, Generation, WatchEvent};
use sidecar_filter::host::{Moment, StreamText};
use sidecar_filter::mixer::Mixer;
use sidecar_filter::mock::{MockProxy, MockStream};

use super::key;
use crate::request::{self, NAMESPACE, Scattered};

/// The policy that the answers come from.
pub(super) const GENERATION: Generation = Generation { revision: 7, digest: Digest([7; 16]) };

/// What the proxy reads off a request itself; the other attributes are stated by configuration.
const READ_BY_THE_PROXY: [&str; 5] =
    ["request.", "source.", "origin.", "connection.", "context.protocol"];

/// Whether any rule could have an opinion on a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    Some,
    None,
}

/// Request number `i` of the working set, as the proxy holds it.
fn stream(proxy: &Rc<MockProxy>, i: usize) -> MockStream {
    let headers = request::headers(i);
    let mut stream = MockStream::get(proxy, "/");
    for (name, value) in headers {
        if name.starts_with(':') {
            stream.rewrite(name, &value);
        } else {
            stream = stream.with_header(name, value);
        }
    }
    stream
        .with_text(StreamText::ClientAddress, "10.8.0.41:41000")
        .with_text(StreamText::LocalAddress, "10.8.1.17:8080")
        .with_text(StreamText::ServerName, "outbound_.80_._.catalog")
        .with_peer("spiffe://cluster.local/ns/front/sa/web")
}

/// The requests of the working set.
pub(super) fn streams(proxy: &Rc<MockProxy>) -> Scattered<MockStream> {
    Scattered::new(|i| stream(proxy, i))
}

/// A listener that states what the proxy does not read, and a Mixer whose watch is alive and says
/// whether there are `rules`.
pub(super) fn config(now: Moment, rules: Rules) -> Arc<FilterConfig> {
    let mixer = Arc::new(Mixer::new("mixer"));
    let announced = Announced { generation: GENERATION, has_check: rules == Rules::Some };
    let event = WatchEvent {
        full: true,
        namespaces: vec![(NAMESPACE.to_owned(), announced)],
        ..WatchEvent::default()
    };
    mixer.generations.announce(&event, now);
    let mut attributes = AttributeBag::new();
    for (name, value) in request::attributes(0, NAMESPACE).iter() {
        if !READ_BY_THE_PROXY.iter().any(|prefix| name.as_str().starts_with(prefix)) {
            attributes.set(name.as_str(), value.clone());
        }
    }
    Arc::new(FilterConfig::new(Settings { attributes, ..Settings::default() }, mixer))
}

/// Mixer's answer to any request of the working set: allowed, for long and without counting.
pub(super) fn answer() -> Result<Vec<u8>> {
    let mut references = Vec::new();
    encode_references(&key::references(), GlobalWord::COUNT as u32, &mut references);
    let precondition = PreconditionResult {
        status: Some(Status::default()),
        valid_duration: Some(Duration::from_secs(3600).try_into()?),
        valid_use_count: -1,
        referenced_attributes: Some(ReferencedAttributes::decode(references.as_slice())?),
        ..PreconditionResult::default()
    };
    let response = CheckResponse { precondition: Some(precondition), ..CheckResponse::default() };
    Ok(response.encode_to_vec())
}
