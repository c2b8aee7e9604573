use std::sync::LazyLock;
use std::time::Duration;

use mesh_attributes::{AttributeName, EachAttribute, Span, StringMap, Timestamp, Value};

use super::flags;
use super::headers::{HeaderMap, text};
use super::request::RequestBag;
use crate::host::{HeaderBlock, StreamHost, StreamNumber};

/// What a report says of a request that got no response, as the old proxy did.
const NO_RESPONSE: i64 = 500;

/// What became of a request's check, for its report.
#[derive(Debug, Clone, Default)]
pub struct CheckOutcome {
    /// The verdict's code and message, when it was a refusal.
    pub refusal: Option<Refused>,
    /// Whether the verdict came from this proxy's cache; `None` when nothing was checked.
    pub cache_hit: Option<bool>,
    /// Whether its quotas were paid from what this proxy had; `None` when it was charged nothing.
    pub quota_hit: Option<bool>,
}

/// Why a request was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The code, by google.rpc numbers.
    pub code: i32,
    /// The text after the code.
    pub message: std::rc::Rc<str>,
}

impl CheckOutcome {
    pub(super) fn each(&self, f: &mut dyn FnMut(&AttributeName, Value<'_>)) {
        let names = &*NAMES;
        if let Some(refusal) = &self.refusal {
            f(&names.error_code, Value::Int64(refusal.code.into()));
            f(&names.error_message, Value::String(&refusal.message));
        }
        if let Some(hit) = self.cache_hit {
            f(&names.cache_hit, Value::Bool(hit));
        }
        if let Some(hit) = self.quota_hit {
            f(&names.quota_hit, Value::Bool(hit));
        }
    }
}

/// The attributes of a request that has been served, for its report.
pub struct ServedBag<'b, 'h, H> {
    request: &'b RequestBag<'h, H>,
    host: &'h H,
    check: &'b CheckOutcome,
    now: Timestamp,
    duration: Duration,
}

struct Names {
    request_size: AttributeName,
    request_total_size: AttributeName,
    response_headers: AttributeName,
    response_code: AttributeName,
    response_size: AttributeName,
    response_total_size: AttributeName,
    response_time: AttributeName,
    response_duration: AttributeName,
    grpc_status: AttributeName,
    grpc_message: AttributeName,
    proxy_error_code: AttributeName,
    error_code: AttributeName,
    error_message: AttributeName,
    cache_hit: AttributeName,
    quota_hit: AttributeName,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    request_size: AttributeName::new("request.size"),
    request_total_size: AttributeName::new("request.total_size"),
    response_headers: AttributeName::new("response.headers"),
    response_code: AttributeName::new("response.code"),
    response_size: AttributeName::new("response.size"),
    response_total_size: AttributeName::new("response.total_size"),
    response_time: AttributeName::new("response.time"),
    response_duration: AttributeName::new("response.duration"),
    grpc_status: AttributeName::new("response.grpc_status"),
    grpc_message: AttributeName::new("response.grpc_message"),
    proxy_error_code: AttributeName::new("context.proxy_error_code"),
    error_code: AttributeName::new("check.error_code"),
    error_message: AttributeName::new("check.error_message"),
    cache_hit: AttributeName::new("check.cache_hit"),
    quota_hit: AttributeName::new("quota.cache_hit"),
});

impl<'b, 'h, H: StreamHost> ServedBag<'b, 'h, H> {
    /// What there is to report now, `duration` after the request began.
    pub fn new(
        host: &'h H,
        request: &'b RequestBag<'h, H>,
        check: &'b CheckOutcome,
        now: Timestamp,
        duration: Duration,
    ) -> Self {
        Self { request, host, check, now, duration }
    }

    fn number(&self, what: StreamNumber) -> Option<i64> {
        self.host.number(what).map(|number| i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn each_of_response(&self, f: &mut dyn FnMut(&AttributeName, Value<'_>)) {
        let names = &*NAMES;
        let trailers = HeaderMap::read(self.host, HeaderBlock::ResponseTrailers);
        let mut headers = HeaderMap::read(self.host, HeaderBlock::Response);
        for (name, header) in
            [(&names.grpc_status, "grpc-status"), (&names.grpc_message, "grpc-message")]
        {
            if let Some(value) = trailers.first(header).or_else(|| headers.first(header)) {
                f(name, Value::String(&text(value)));
            }
        }
        if !trailers.is_empty() {
            headers.read_also(self.host, HeaderBlock::ResponseTrailers);
        }
        f(&names.response_headers, Value::StringMap(&headers as &dyn StringMap));
        let code = self.number(StreamNumber::ResponseCode).filter(|code| *code != 0);
        f(&names.response_code, Value::Int64(code.unwrap_or(NO_RESPONSE)));
        for (name, what) in [
            (&names.response_size, StreamNumber::ResponseSize),
            (&names.response_total_size, StreamNumber::ResponseTotalSize),
            (&names.request_size, StreamNumber::RequestSize),
            (&names.request_total_size, StreamNumber::RequestTotalSize),
        ] {
            if let Some(size) = self.number(what) {
                f(name, Value::Int64(size));
            }
        }
        f(&names.response_time, Value::Timestamp(self.now));
        let nanos = i64::try_from(self.duration.as_nanos()).unwrap_or(i64::MAX);
        f(&names.response_duration, Value::Duration(Span::from_nanos(nanos)));
        let flags = self.host.number(StreamNumber::ResponseFlags).unwrap_or(0);
        let mut error_code = String::new();
        flags::proxy_error_code(flags, &mut error_code);
        f(&names.proxy_error_code, Value::String(&error_code));
    }
}

impl<H: StreamHost> EachAttribute for ServedBag<'_, '_, H> {
    fn each(&self, f: &mut dyn FnMut(&AttributeName, Value<'_>)) {
        self.request.each(f);
        self.each_of_response(f);
        self.check.each(f);
    }
}
