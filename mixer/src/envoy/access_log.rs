//! What entries of access logs of HTTP and of TCP have in common.

use mesh_api::envoy::data::accesslog::v3::tls_properties::CertificateProperties;
use mesh_api::envoy::data::accesslog::v3::tls_properties::certificate_properties::subject_alt_name::San;
use mesh_api::envoy::data::accesslog::v3::AccessLogCommon;
use mesh_api::envoy::service::accesslog::v3::stream_access_logs_message::Identifier;
use mesh_attributes::wire::{MAX_ATTRIBUTES, MAX_MAP_ENTRIES};
use mesh_attributes::{AttributeBag, AttributeName, Bag, OwnedValue, Span, Timestamp, Value};
use prost_types::Struct;
use prost_types::value::Kind;

use super::StatedError;
use super::address::Endpoint;
use super::authorization::{AUTHORIZATION_FILTER, METADATA};
use super::check_request::{identity, set_principals};
use super::claims::{JWT_FILTER, set_claims, structure, texts};
use super::node::node_attributes;
use super::stated::{set_stated, stated};

const NANOS: i64 = 1_000_000_000;

/// Half of the seconds until the year 9999, where protobuf's time ends: a beginning and a length within
/// have an end within.
const LAST_SECOND: i64 = 253_402_300_799 / 2;

/// The Envoy that writes a log: what it says of itself holds for all its entries.
#[derive(Debug)]
pub(crate) struct EntrySource {
    attributes: AttributeBag,
    outbound: bool,
}

/// An entry of a log, read.
#[derive(Debug)]
pub(crate) struct LogEntry {
    /// The attributes of the request or the connection.
    pub(crate) bag: AttributeBag,
    /// How many custom tags were no attributes.
    pub(crate) refused_tags: u64,
}

impl LogEntry {
    /// Whether a report can carry it.
    pub(crate) fn fits(&self) -> bool {
        let entries = self.bag.iter().map(|(_, value)| match value {
            OwnedValue::StringMap(map) => map.len(),
            _ => 0,
        });
        self.bag.len() <= MAX_ATTRIBUTES && entries.sum::<usize>() <= MAX_MAP_ENTRIES
    }
}

impl EntrySource {
    /// Reads the identifier of a stream.
    ///
    /// # Errors
    /// When the node's metadata state an attribute that is none.
    pub(crate) fn new(identifier: &Identifier) -> Result<Self, StatedError> {
        let node = identifier.node.clone().unwrap_or_default();
        let attributes = node_attributes(&node, &identifier.log_name)?;
        let kind = AttributeName::new("context.reporter.kind");
        let outbound = matches!(attributes.get(&kind), Some(Value::String("outbound")));
        Ok(Self { attributes, outbound })
    }

    /// Sets what every entry has: addresses, certificates, metadata of filters.
    pub(super) fn set_common(&self, bag: &mut AttributeBag, common: &AccessLogCommon) {
        let client = Endpoint::of(common.downstream_remote_address.as_ref());
        let peer = Endpoint::of(common.downstream_direct_remote_address.as_ref());
        if let Some(peer) = peer.as_ref().or(client.as_ref()) {
            peer.set(bag, "source.ip", Some("source.port"));
        }
        if let Some(client) = &client {
            client.set(bag, "origin.ip", None);
        }
        let upstream = Endpoint::of(common.upstream_remote_address.as_ref());
        let local = Endpoint::of(common.downstream_local_address.as_ref());
        let destination =
            if self.outbound { upstream.as_ref().or(local.as_ref()) } else { local.as_ref() };
        if let Some(destination) = destination {
            destination.set(bag, "destination.ip", Some("destination.port"));
        }
        set_tls(bag, common);
        set_envoys_own(bag, common, upstream.as_ref());
        bag.set(
            "context.proxy_error_code",
            super::flags::proxy_error_code(common.response_flags.as_ref()).as_str(),
        );
        let metadata = common.metadata.as_ref();
        set_claims(bag, metadata);
        for (filter, fields) in metadata.into_iter().flat_map(|m| &m.filter_metadata) {
            match filter.as_str() {
                JWT_FILTER => {}
                AUTHORIZATION_FILTER => set_check(bag, fields),
                _ => {
                    let fields = texts(fields);
                    if !fields.is_empty() {
                        bag.set(filter, OwnedValue::StringMap(fields));
                    }
                }
            }
        }
    }

    /// Sets what operators state: custom tags, then the node's attributes. Returns how many tags were no
    /// attributes; the entry is worth more than they.
    pub(super) fn set_stated(&self, bag: &mut AttributeBag, common: &AccessLogCommon) -> u64 {
        let mut all = self.attributes.clone();
        let mut refused = 0;
        let mut tags: Vec<_> = common.custom_tags.iter().collect();
        tags.sort_unstable();
        for (key, text) in tags {
            match stated(key, text) {
                Ok((name, value)) => all.set(name, value),
                Err(cause) => {
                    refused += 1;
                    tracing::debug!(%cause, "a custom tag is no attribute");
                }
            }
        }
        for (name, value) in all.iter() {
            set_stated(bag, name.as_str(), value.clone());
        }
        refused
    }
}

fn set_tls(bag: &mut AttributeBag, common: &AccessLogCommon) {
    let Some(tls) = &common.tls_properties else {
        bag.set("connection.mtls", false);
        return;
    };
    if !tls.tls_sni_hostname.is_empty() {
        bag.set("connection.requested_server_name", tls.tls_sni_hostname.as_str());
    }
    let peer = tls.peer_certificate_properties.as_ref().and_then(principal);
    set_principals(bag, peer, tls.local_certificate_properties.as_ref().and_then(principal));
}

/// The identity in a certificate, in the order that Envoy's authorization filter has: URI, DNS name,
/// subject.
fn principal(certificate: &CertificateProperties) -> Option<&str> {
    let names = || certificate.subject_alt_name.iter().filter_map(|name| name.san.as_ref());
    let uri =
        names().find_map(|san| if let San::Uri(uri) = san { Some(identity(uri)) } else { None });
    let dns =
        || names().find_map(|san| if let San::Dns(dns) = san { Some(dns.as_str()) } else { None });
    let subject = || Some(certificate.subject.as_str());
    uri.or_else(dns).or_else(subject).filter(|text| !text.is_empty())
}

/// What Istio's vocabulary has no words for.
fn set_envoys_own(bag: &mut AttributeBag, common: &AccessLogCommon, upstream: Option<&Endpoint>) {
    for (name, text) in [
        ("envoy.upstream_cluster", &common.upstream_cluster),
        ("envoy.upstream_failure", &common.upstream_transport_failure_reason),
        ("envoy.route_name", &common.route_name),
    ] {
        if !text.is_empty() {
            bag.set(name, text.as_str());
        }
    }
    if let Some(upstream) = upstream {
        bag.set("envoy.upstream_address", upstream.text().as_str());
    }
    if common.upstream_request_attempt_count > 0 {
        bag.set("envoy.upstream_attempts", i64::from(common.upstream_request_attempt_count));
    }
}

/// What Mixer answered when it was asked about the request.
fn set_check(bag: &mut AttributeBag, metadata: &Struct) {
    let Some(facts) = metadata.fields.get(METADATA).and_then(structure) else { return };
    let kind = |name: &str| facts.fields.get(name).and_then(|value| value.kind.as_ref());
    let text = |name: &str| match kind(name) {
        Some(Kind::StringValue(text)) => text.as_str(),
        _ => "",
    };
    bag.set("check.cache_hit", text("cache") == "l2");
    if let Some(Kind::NumberValue(code)) = kind("code")
        && *code != 0.0
    {
        #[expect(clippy::cast_possible_truncation, reason = "a code of google.rpc")]
        bag.set("check.error_code", *code as i64);
        bag.set("check.error_message", text("message"));
    }
}

/// When an entry's request or connection began, and how long it took; without what is no time.
pub(super) fn times(common: &AccessLogCommon) -> (Option<Timestamp>, Option<Span>) {
    let started = common.start_time.as_ref().map(super::check_request::timestamp);
    let took = common.duration.as_ref().or(common.time_to_last_downstream_tx_byte.as_ref());
    let took = took.map(|took| Span { seconds: took.seconds, nanos: took.nanos });
    let fits = |seconds: i64, nanos: i32| {
        (0..=LAST_SECOND).contains(&seconds) && (0..NANOS).contains(&i64::from(nanos))
    };
    (started.filter(|t| fits(t.seconds, t.nanos)), took.filter(|t| fits(t.seconds, t.nanos)))
}

/// The time `span` after `start`.
pub(super) fn after(start: Timestamp, span: Span) -> Timestamp {
    let nanos = i64::from(start.nanos) + i64::from(span.nanos);
    Timestamp {
        seconds: start.seconds.saturating_add(span.seconds).saturating_add(nanos.div_euclid(NANOS)),
        nanos: i32::try_from(nanos.rem_euclid(NANOS)).unwrap_or(0),
    }
}

/// A count of bytes as attributes carry it.
pub(super) fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
