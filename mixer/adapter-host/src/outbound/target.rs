use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use serde_json::Value;

use super::address::SocketAddress;
pub(crate) use super::assembly::Assembling;
use super::connection::MAX_IN_FLIGHT;
use super::health::{Health, Stage};
use super::queue::Queue;
use super::status::TargetStatus;
use super::tls::Authorities;
use super::url::HttpUrl;
use crate::Limits;
use crate::parameter_path::parameter;

/// What an adapter says about a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetSpec {
    pub(crate) parameter: String,
    pub(crate) protocol: Protocol,
    pub(crate) assembling: Option<Assembling>,
    pub(crate) http: Option<HttpOptions>,
    pub(crate) conversation: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
    Http,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HttpOptions {
    pub(crate) default_path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) gzip: bool,
}

/// A target with its queue.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) spec: TargetSpec,
    pub(super) address: Address,
    /// Only where the address asks for TLS.
    pub(super) authorities: Option<Authorities>,
    pub(super) queue: Arc<Queue>,
    pub(super) health: Health,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Socket(SocketAddress),
    Http { url: HttpUrl, headers: Vec<(HeaderName, HeaderValue)>, gzip: bool },
}

/// The longest payload of a UDP datagram over IPv4; over IPv6 it is a little more.
const MAX_DATAGRAM: usize = 65_507;

/// What servers take of headers, and more than any adapter needs.
const MAX_HEADERS: usize = 32;
const MAX_HEADER_BYTES: usize = 8 << 10;

/// Headers that belong to the connection, and those that the host makes itself.
const HEADERS_OF_HOST: [HeaderName; 10] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl Target {
    /// Checks what the adapter asks for against the handler's parameters. Opens nothing.
    pub(super) fn new(
        spec: TargetSpec,
        handler: &str,
        parameters: &Value,
        limits: &Limits,
    ) -> Result<Self, String> {
        let text = match parameter(parameters, &spec.parameter) {
            None => return Err("is needed: it is the address of a target".to_owned()),
            Some(Value::String(text)) => text,
            Some(_) => return Err("is no text, must be an address".to_owned()),
        };
        if let Some(problem) = spec.assembling.as_ref().and_then(Assembling::problem) {
            return Err(problem);
        }
        if spec.conversation && spec.protocol != Protocol::Tcp {
            return Err("is to be led by a conversation, which is for TCP only".to_owned());
        }
        let address = address(text, &spec)?;
        let (tls, shown, max_bundle) = match &address {
            Address::Socket(socket) if spec.protocol == Protocol::Udp => {
                (socket.tls, socket.to_string(), MAX_DATAGRAM)
            }
            Address::Socket(socket) => (socket.tls, socket.to_string(), usize::MAX),
            Address::Http { url, .. } => (url.is_https(), url.to_string(), usize::MAX),
        };
        if tls && spec.protocol == Protocol::Udp {
            return Err("has scheme \"tls\", but datagrams are not encrypted".to_owned());
        }
        let authorities =
            tls.then(|| Authorities::beside(parameters, &spec.parameter)).transpose()?;
        // All of them would have to be looked through for each one that is acknowledged.
        let max_messages = if spec.conversation { MAX_IN_FLIGHT } else { usize::MAX };
        let bounds = (max_bundle, max_messages);
        let queue = Queue::new(limits.outbound_queue, bounds, spec.assembling.clone());
        let health = Health::new(handler, &spec.parameter, shown);
        Ok(Self { spec, address, authorities, queue, health })
    }

    pub(super) fn status(&self) -> TargetStatus {
        let totals = self.queue.totals();
        let health = self.health.now();
        let next_attempt_ms = match health.stage {
            Stage::BackingOff { until } => {
                let rest = until.saturating_duration_since(tokio::time::Instant::now());
                u64::try_from(rest.as_millis()).ok()
            }
            _ => None,
        };
        TargetStatus {
            target: self.spec.parameter.clone(),
            protocol: self.spec.protocol.name(),
            address: match &self.address {
                Address::Socket(address) => address.to_string(),
                Address::Http { url, .. } => url.to_string(),
            },
            state: health.stage.name(),
            next_attempt_ms,
            is_away: health.away_since.is_some(),
            last_error: health.last_error,
            queued_messages: totals.held_messages as u64,
            queued_bytes: totals.held_bytes as u64,
            queued_elements: totals.held_elements,
            queue_limit_bytes: self.queue.max_bytes() as u64,
            sent_messages: totals.sent_messages,
            sent_bytes: totals.sent_bytes,
            sent_elements: totals.sent_elements,
            lost_elements: totals.lost,
            retries: totals.retries,
            connection_failures: health.failures,
        }
    }
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Http => "http",
        }
    }
}

fn address(text: &str, spec: &TargetSpec) -> Result<Address, String> {
    if spec.protocol != Protocol::Http {
        if spec.http.is_some() {
            return Err("has options for HTTP and another protocol".to_owned());
        }
        return SocketAddress::parse(text).map(Address::Socket);
    }
    let options = spec.http.clone().unwrap_or_default();
    let mut url = HttpUrl::parse(text, &options.default_path)?;
    let mut headers = headers(&options)?;
    match url.authorization.take() {
        Some(authorization) if headers.iter().all(|(name, _)| *name != header::AUTHORIZATION) => {
            headers.push((header::AUTHORIZATION, authorization));
        }
        _ => {}
    }
    Ok(Address::Http { url, headers, gzip: options.gzip })
}

fn headers(options: &HttpOptions) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let bytes: usize = options.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if options.headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Err(format!(
            "is sent more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them"
        ));
    }
    let read = options.headers.iter().map(|(name, value)| {
        // Neither is repeated: a value may be a key, and a name may be anything.
        let name =
            HeaderName::try_from(name).map_err(|_| "is sent a header without a valid name")?;
        if HEADERS_OF_HOST.contains(&name) {
            return Err(format!("is sent the header {name}, which is the host's"));
        }
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| format!("is sent the header {name} with a value that is none"))?;
        value.set_sensitive(true);
        Ok((name, value))
    });
    read.collect()
}
