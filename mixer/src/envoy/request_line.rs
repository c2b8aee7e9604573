//! The attributes that the line and the headers of an HTTP request give, however Envoy tells them.

use std::collections::BTreeMap;

use mesh_attributes::{AttributeBag, OwnedValue};

/// Parameters that are kept; the rest of a hostile query is not looked at.
const MAX_PARAMETERS: usize = 256;

/// What Envoy says of a request's line, beside its headers; empty texts are what it does not say.
#[derive(Debug, Default)]
pub(super) struct RequestLine<'r> {
    pub(super) id: &'r str,
    pub(super) method: &'r str,
    pub(super) scheme: &'r str,
    pub(super) host: &'r str,
    /// With the query.
    pub(super) path: &'r str,
}

impl RequestLine<'_> {
    /// Sets the attributes `request.*` and `context.protocol`. Pseudo headers that Envoy left out of
    /// `headers` are put back, since policies may be written on them.
    pub(super) fn set(&self, bag: &mut AttributeBag, mut headers: BTreeMap<String, String>) {
        for (name, value) in [
            (":authority", self.host),
            (":method", self.method),
            (":path", self.path),
            (":scheme", self.scheme),
            ("x-request-id", self.id),
        ] {
            if !value.is_empty() && !headers.contains_key(name) {
                headers.insert(name.to_owned(), value.to_owned());
            }
        }
        let header = |name: &str| headers.get(name).map(String::as_str);
        for (attribute, name) in [
            ("request.id", "x-request-id"),
            ("request.method", ":method"),
            ("request.useragent", "user-agent"),
            ("request.referer", "referer"),
        ] {
            if let Some(value) = header(name) {
                bag.set(attribute, value);
            }
        }
        let path = header(":path").unwrap_or_default();
        bag.set("request.path", path);
        bag.set("request.url_path", path.split_once('?').map_or(path, |(path, _)| path));
        let parameters = query_parameters(path);
        if !parameters.is_empty() {
            bag.set("request.query_params", OwnedValue::StringMap(parameters));
        }
        bag.set("request.host", header(":authority").unwrap_or_default());
        bag.set("request.scheme", header(":scheme").unwrap_or("http"));
        bag.set("context.protocol", if is_grpc(&headers) { "grpc" } else { "http" });
        bag.set("request.headers", OwnedValue::StringMap(headers));
    }
}

/// Whether these are the headers of a gRPC call, as the old proxy tells them.
pub(super) fn is_grpc(headers: &BTreeMap<String, String>) -> bool {
    let content = headers.get("content-type").map(String::as_str);
    matches!(content, Some("application/grpc" | "application/grpc+proto" | "application/grpc+json"))
}

/// The parameters of a path's query, split and not decoded, the first of each name: as the old proxy
/// read them, on which policies are written.
fn query_parameters(path: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    let query = path.split_once('?').map_or("", |(_, query)| query);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if parameters.len() == MAX_PARAMETERS {
            break;
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    parameters
}
