use std::collections::{BTreeMap, HashMap};

use mesh_api::envoy::config::core::v3::RequestMethod;
use mesh_api::envoy::data::accesslog::v3::{
    AccessLogType, HttpAccessLogEntry, HttpRequestProperties, HttpResponseProperties,
};
use mesh_attributes::{AttributeBag, OwnedValue};

use super::access_log::{EntrySource, LogEntry, after, bytes, times};
use super::request_line::RequestLine;

/// What a report says of a request that got no response, as Istio's proxy does.
const NO_RESPONSE: i64 = 500;

impl EntrySource {
    /// The attributes of a request that was served; `None` for an entry that Envoy writes before the
    /// request's end, which would count it twice.
    pub(crate) fn http(&self, entry: &HttpAccessLogEntry) -> Option<LogEntry> {
        let common = entry.common_properties.clone().unwrap_or_default();
        let at_the_end = matches!(
            common.access_log_type(),
            AccessLogType::NotSet | AccessLogType::DownstreamEnd
        );
        if common.intermediate_log_entry || !at_the_end {
            return None;
        }
        let mut bag = AttributeBag::new();
        if let Some(request) = &entry.request {
            set_request(&mut bag, request);
        } else {
            bag.set("context.protocol", "http");
        }
        set_response(&mut bag, entry.response.as_ref());
        let (started, took) = times(&common);
        if let Some(started) = started {
            bag.set("request.time", started);
        }
        if let Some(took) = took {
            bag.set("response.duration", took);
        }
        if let (Some(started), Some(took)) = (started, took) {
            bag.set("response.time", after(started, took));
        }
        self.set_common(&mut bag, &common);
        let refused_tags = self.set_stated(&mut bag, &common);
        Some(LogEntry { bag, refused_tags })
    }
}

fn set_request(bag: &mut AttributeBag, request: &HttpRequestProperties) {
    let mut headers = owned(&request.request_headers);
    for (name, value) in [
        ("user-agent", &request.user_agent),
        ("referer", &request.referer),
        ("x-forwarded-for", &request.forwarded_for),
    ] {
        if !value.is_empty() {
            headers.entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    }
    // The path as it came, before the router rewrote it.
    let path = Some(request.original_path.as_str()).filter(|path| !path.is_empty());
    let line = RequestLine {
        id: &request.request_id,
        method: method(request.request_method()),
        scheme: &request.scheme,
        host: &request.authority,
        path: path.unwrap_or(&request.path),
    };
    line.set(bag, headers);
    let size = request.request_body_bytes;
    bag.set("request.size", bytes(size));
    bag.set("request.total_size", bytes(size.saturating_add(request.request_headers_bytes)));
}

fn set_response(bag: &mut AttributeBag, response: Option<&HttpResponseProperties>) {
    let none = HttpResponseProperties::default();
    let response = response.unwrap_or(&none);
    let code = response.response_code.filter(|code| *code != 0).map(i64::from);
    bag.set("response.code", code.unwrap_or(NO_RESPONSE));
    let size = response.response_body_bytes;
    bag.set("response.size", bytes(size));
    bag.set("response.total_size", bytes(size.saturating_add(response.response_headers_bytes)));
    let mut headers = owned(&response.response_headers);
    let trailers = owned(&response.response_trailers);
    for (attribute, name) in
        [("response.grpc_status", "grpc-status"), ("response.grpc_message", "grpc-message")]
    {
        if let Some(value) = trailers.get(name).or_else(|| headers.get(name)) {
            bag.set(attribute, value.as_str());
        }
    }
    headers.extend(trailers);
    bag.set("response.headers", OwnedValue::StringMap(headers));
    if !response.response_code_details.is_empty() {
        bag.set("envoy.response_code_details", response.response_code_details.as_str());
    }
}

fn owned(headers: &HashMap<String, String>) -> BTreeMap<String, String> {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

/// Envoy knows these methods only; of any other it says that it is none of them.
fn method(method: RequestMethod) -> &'static str {
    match method {
        RequestMethod::MethodUnspecified => "",
        known => known.as_str_name(),
    }
}
