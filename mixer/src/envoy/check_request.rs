use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use mesh_api::envoy::config::core::v3::HeaderMap as RawHeaders;
use mesh_api::envoy::service::auth::v3::AttributeContext;
use mesh_api::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer};
use mesh_attributes::{AttributeBag, OwnedValue, Timestamp};

use super::StatedError;
use super::address::Endpoint;
use super::claims::set_claims;
use super::request_line::RequestLine;
use super::stated::{set_stated, stated};

/// How identities are written in certificates; attributes leave it out.
const SPIFFE_SCHEME: &str = "spiffe://";

/// Headers that carry the trace a request belongs to.
const TRACE_HEADERS: [&str; 5] =
    ["b3", "traceparent", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"];

/// The attributes of a request that Envoy asks about.
///
/// # Errors
/// When a context extension is no attribute.
pub(crate) fn check_attributes(context: &AttributeContext) -> Result<AttributeBag, StatedError> {
    let mut bag = AttributeBag::new();
    set_peers(&mut bag, context);
    let request = context.request.as_ref();
    let time = request.and_then(|request| request.time.as_ref()).map(timestamp);
    match request.and_then(|request| request.http.as_ref()) {
        Some(http) => {
            set_request(&mut bag, http);
            if let Some(time) = time {
                bag.set("request.time", time);
            }
        }
        None => {
            bag.set("context.protocol", "tcp");
            if let Some(time) = time {
                bag.set("context.time", time);
            }
        }
    }
    if let Some(tls) = context.tls_session.as_ref().filter(|tls| !tls.sni.is_empty()) {
        bag.set("connection.requested_server_name", tls.sni.as_str());
    }
    set_claims(&mut bag, context.metadata_context.as_ref());
    // Unless an extension says otherwise.
    bag.set("context.reporter.kind", "inbound");
    // In one order, so that a name given twice always means the same.
    let mut extensions: Vec<_> = context.context_extensions.iter().collect();
    extensions.sort_unstable();
    for (key, text) in extensions {
        let (name, value) = stated(key, text)?;
        set_stated(&mut bag, name, value);
    }
    Ok(bag)
}

/// The trace that a request belongs to, as its headers tell it.
pub(crate) fn trace_headers(context: &AttributeContext) -> HeaderMap {
    let http = context.request.as_ref().and_then(|request| request.http.as_ref());
    let Some(http) = http else { return HeaderMap::new() };
    let headers = all_headers(http);
    let pairs = TRACE_HEADERS.iter().filter_map(|name| {
        let value = HeaderValue::from_str(headers.get(*name)?).ok()?;
        Some((HeaderName::from_static(name), value))
    });
    pairs.collect()
}

fn set_peers(bag: &mut AttributeBag, context: &AttributeContext) {
    if let Some(source) = &context.source {
        if let Some(address) = Endpoint::of(source.address.as_ref()) {
            address.set(bag, "source.ip", Some("source.port"));
            address.set(bag, "origin.ip", None);
        }
        set_labels(bag, "source.labels", source);
        if !source.service.is_empty() {
            bag.set("source.service", source.service.as_str());
        }
    }
    if let Some(destination) = &context.destination {
        if let Some(address) = Endpoint::of(destination.address.as_ref()) {
            address.set(bag, "destination.ip", Some("destination.port"));
        }
        set_labels(bag, "destination.labels", destination);
        if !destination.service.is_empty() {
            bag.set("destination.service", destination.service.as_str());
        }
    }
    let peer = context.source.as_ref().and_then(principal);
    set_principals(bag, peer, context.destination.as_ref().and_then(principal));
}

fn principal(peer: &Peer) -> Option<&str> {
    Some(identity(&peer.principal)).filter(|principal| !principal.is_empty())
}

/// Sets what mutual TLS tells. Without a certificate of the peer there is none, and the proxy's own is
/// nothing that a policy may rely on.
pub(super) fn set_principals(bag: &mut AttributeBag, peer: Option<&str>, local: Option<&str>) {
    bag.set("connection.mtls", peer.is_some());
    let Some(peer) = peer else { return };
    bag.set("source.principal", peer);
    bag.set("source.user", peer);
    if let Some(local) = local {
        bag.set("destination.principal", local);
    }
}

/// An identity without the scheme of SPIFFE.
pub(super) fn identity(uri: &str) -> &str {
    uri.strip_prefix(SPIFFE_SCHEME).unwrap_or(uri)
}

pub(super) fn timestamp(time: &prost_types::Timestamp) -> Timestamp {
    Timestamp { seconds: time.seconds, nanos: time.nanos }
}

fn set_labels(bag: &mut AttributeBag, name: &str, peer: &Peer) {
    if !peer.labels.is_empty() {
        let labels = peer.labels.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        bag.set(name, OwnedValue::StringMap(labels));
    }
}

fn set_request(bag: &mut AttributeBag, http: &HttpRequest) {
    let line = RequestLine {
        id: &http.id,
        method: &http.method,
        scheme: &http.scheme,
        host: &http.host,
        path: &http.path,
    };
    line.set(bag, all_headers(http));
    // Envoy says -1 for a size that it does not know.
    if http.size >= 0 {
        bag.set("request.size", http.size);
    }
}

/// The headers however Envoy was told to send them: merged as texts, or raw and each for itself.
pub(super) fn all_headers(http: &HttpRequest) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> =
        http.headers.iter().map(|(k, v)| (k.to_ascii_lowercase(), v.clone())).collect();
    let raw = http.header_map.as_ref();
    for header in raw.into_iter().flat_map(|RawHeaders { headers }| headers) {
        let value = match header.raw_value.as_slice() {
            [] => header.value.as_str().into(),
            raw => String::from_utf8_lossy(raw),
        };
        headers
            .entry(header.key.to_ascii_lowercase())
            .and_modify(|earlier| {
                earlier.push(',');
                earlier.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers
}

#[cfg(test)]
mod tests;
