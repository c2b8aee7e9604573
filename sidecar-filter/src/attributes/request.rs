use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::LazyLock;

use mesh_attributes::{AttributeName, Bag, EachAttribute, GlobalWord, StringMap, Timestamp, Value};

use super::address::Endpoint;
use super::carried::Carried;
use super::claims::Claims;
use super::forwarded::Forwarded;
use super::headers::{HeaderMap, text};
use super::query::QueryParameters;
use super::statics::Statics;
use crate::host::{HeaderBlock, StreamHost, StreamText};

/// How identities are written in certificates; attributes leave it out.
const SPIFFE_SCHEME: &str = "spiffe://";

/// The attributes that the filter itself reads off a request, before and after it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Headers,
    Id,
    Path,
    UrlPath,
    QueryParameters,
    Host,
    Method,
    Scheme,
    UserAgent,
    Referer,
    Time,
    SourceIp,
    SourcePort,
    OriginIp,
    DestinationIp,
    DestinationPort,
    MutualTls,
    ServerName,
    SourcePrincipal,
    SourceUser,
    DestinationPrincipal,
    Protocol,
    ConnectionId,
    ConnectionEvent,
    ContextTime,
    AuthPrincipal,
    AuthAudiences,
    AuthPresenter,
    AuthClaims,
    AuthRawClaims,
}

const FIELDS: [(&str, Field); 30] = [
    ("request.headers", Field::Headers),
    ("request.id", Field::Id),
    ("request.path", Field::Path),
    ("request.url_path", Field::UrlPath),
    ("request.query_params", Field::QueryParameters),
    ("request.host", Field::Host),
    ("request.method", Field::Method),
    ("request.scheme", Field::Scheme),
    ("request.useragent", Field::UserAgent),
    ("request.referer", Field::Referer),
    ("request.time", Field::Time),
    ("source.ip", Field::SourceIp),
    ("source.port", Field::SourcePort),
    ("origin.ip", Field::OriginIp),
    ("destination.ip", Field::DestinationIp),
    ("destination.port", Field::DestinationPort),
    ("connection.mtls", Field::MutualTls),
    ("connection.requested_server_name", Field::ServerName),
    ("source.principal", Field::SourcePrincipal),
    ("source.user", Field::SourceUser),
    ("destination.principal", Field::DestinationPrincipal),
    ("context.protocol", Field::Protocol),
    ("connection.id", Field::ConnectionId),
    ("connection.event", Field::ConnectionEvent),
    ("context.time", Field::ContextTime),
    ("request.auth.principal", Field::AuthPrincipal),
    ("request.auth.audiences", Field::AuthAudiences),
    ("request.auth.presenter", Field::AuthPresenter),
    ("request.auth.claims", Field::AuthClaims),
    ("request.auth.raw_claims", Field::AuthRawClaims),
];

/// The names of [`FIELDS`] as attributes, and the way back from a word of the dictionary.
struct FieldIndex {
    names: Vec<(AttributeName, Field)>,
    by_word: [Option<Field>; GlobalWord::COUNT],
}

static INDEX: LazyLock<FieldIndex> = LazyLock::new(|| {
    let names: Vec<_> =
        FIELDS.iter().map(|(name, field)| (AttributeName::new(name), *field)).collect();
    let mut by_word = [None; GlobalWord::COUNT];
    for (name, field) in &names {
        if let AttributeName::Global(word) = name {
            by_word[word.index()] = Some(*field);
        }
    }
    FieldIndex { names, by_word }
});

/// The attributes of one request as the proxy holds it: each read when it is first asked for, once,
/// and borrowed from the proxy's buffers.
///
/// What the request itself says wins over what configuration states, except for addresses, which a
/// configuration knows better than a connection that may have been redirected.
pub struct RequestBag<'h, H> {
    host: &'h H,
    statics: &'h Statics,
    started: Timestamp,
    original: Option<Original<'h>>,
    event: &'static str,
    carried: Option<&'h Carried>,
    headers: OnceCell<HeaderMap<'h>>,
    path: OnceCell<Cow<'h, str>>,
    query: OnceCell<QueryParameters<'h>>,
    client: OnceCell<Option<Endpoint>>,
    peer: OnceCell<Option<Endpoint>>,
    local: OnceCell<Option<Endpoint>>,
    mutual_tls: OnceCell<bool>,
    server_name: OnceCell<Option<Cow<'h, str>>>,
    peer_uri: OnceCell<Option<Cow<'h, str>>>,
    local_uri: OnceCell<Option<Cow<'h, str>>>,
}

/// What a request's line said before the router rewrote it.
#[derive(Debug, Clone, Copy)]
pub struct Original<'h> {
    /// Path and query.
    pub path: &'h [u8],
    /// The authority.
    pub authority: &'h [u8],
}

impl<'h, H: StreamHost> RequestBag<'h, H> {
    /// The attributes of the request behind `host`, which began at `started`.
    pub fn new(host: &'h H, statics: &'h Statics, started: Timestamp) -> Self {
        Self {
            host,
            statics,
            started,
            original: None,
            event: "open",
            carried: None,
            headers: OnceCell::new(),
            path: OnceCell::new(),
            query: OnceCell::new(),
            client: OnceCell::new(),
            peer: OnceCell::new(),
            local: OnceCell::new(),
            mutual_tls: OnceCell::new(),
            server_name: OnceCell::new(),
            peer_uri: OnceCell::new(),
            local_uri: OnceCell::new(),
        }
    }

    /// The same bag with the request's line as it came in: for reports, which are made after the
    /// router had its way.
    #[must_use]
    pub fn with_original(mut self, original: Original<'h>) -> Self {
        self.original = Some(original);
        self
    }

    /// The bag of a connection to which `event` happens, which else is `open`.
    #[must_use]
    pub fn with_event(mut self, event: &'static str) -> Self {
        self.event = event;
        self
    }

    /// The same bag with what the request carries for this filter.
    #[must_use]
    pub fn with_carried(mut self, carried: Option<&'h Carried>) -> Self {
        self.carried = carried;
        self
    }

    /// Whether a trusted proxy handed attributes on.
    pub fn has_forwarded(&self) -> bool {
        self.carried.is_some_and(|carried| carried.forwarded.iter().next().is_some())
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap<'h> {
        self.headers.get_or_init(|| {
            let headers = HeaderMap::read(self.host, HeaderBlock::Request);
            match self.original {
                None => headers,
                Some(original) => headers
                    .with_original(b":path", original.path)
                    .with_original(b":authority", original.authority),
            }
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)
    }

    fn path(&self) -> &Cow<'h, str> {
        self.path.get_or_init(|| text(self.headers().first(":path").unwrap_or_default()))
    }

    fn query(&self) -> &QueryParameters<'h> {
        self.query.get_or_init(|| QueryParameters::parse(self.path().clone()))
    }

    fn client(&self) -> Option<&Endpoint> {
        self.endpoint(&self.client, StreamText::ClientAddress)
    }

    /// The other end of the connection; where the proxy cannot tell it from the client, the client.
    fn peer(&self) -> Option<&Endpoint> {
        self.endpoint(&self.peer, StreamText::PeerAddress).or_else(|| self.client())
    }

    fn local(&self) -> Option<&Endpoint> {
        self.endpoint(&self.local, StreamText::LocalAddress)
    }

    fn endpoint<'s>(
        &'s self,
        cell: &'s OnceCell<Option<Endpoint>>,
        what: StreamText,
    ) -> Option<&'s Endpoint> {
        cell.get_or_init(|| self.host.text(what).and_then(Endpoint::parse)).as_ref()
    }

    fn mutual_tls(&self) -> bool {
        *self.mutual_tls.get_or_init(|| self.host.mutual_tls().unwrap_or(false))
    }

    fn non_empty<'s>(
        &'s self,
        cell: &'s OnceCell<Option<Cow<'h, str>>>,
        what: StreamText,
    ) -> Option<&'s str> {
        cell.get_or_init(|| self.host.text(what).filter(|t| !t.is_empty()).map(text)).as_deref()
    }

    fn principal<'s>(
        &'s self,
        cell: &'s OnceCell<Option<Cow<'h, str>>>,
        what: StreamText,
    ) -> Option<&'s str> {
        if !self.mutual_tls() {
            return None;
        }
        let uri = self.non_empty(cell, what)?;
        Some(uri.strip_prefix(SPIFFE_SCHEME).unwrap_or(uri))
    }

    fn claims(&self) -> Option<&'h Claims> {
        self.carried?.token.as_ref()?.claims()
    }

    fn protocol(&self) -> &'static str {
        match self.headers().first("content-type") {
            Some(b"application/grpc" | b"application/grpc+proto" | b"application/grpc+json") => {
                "grpc"
            }
            _ => "http",
        }
    }

    fn field(&self, field: Field) -> Option<Value<'_>> {
        let connection = self.host.connection();
        if connection.is_some() && field.is_of_requests() {
            return None;
        }
        let value = match field {
            Field::Headers => Value::StringMap(self.headers()),
            Field::Id => Value::String(self.header("x-request-id")?),
            Field::Path => Value::String(self.path()),
            Field::UrlPath => {
                let path = self.path();
                Value::String(path.split_once('?').map_or(path, |(path, _)| path))
            }
            Field::QueryParameters => {
                let query = self.query();
                if query.is_empty() {
                    return None;
                }
                Value::StringMap(query)
            }
            Field::Host => Value::String(self.header(":authority").unwrap_or("")),
            Field::Method => Value::String(self.header(":method")?),
            Field::Scheme => Value::String(self.header(":scheme").unwrap_or("http")),
            Field::UserAgent => Value::String(self.header("user-agent")?),
            Field::Referer => Value::String(self.header("referer")?),
            Field::Time => Value::Timestamp(self.started),
            Field::SourceIp => Value::Bytes(self.peer()?.ip()),
            Field::SourcePort => Value::Int64(self.peer()?.port()),
            Field::OriginIp => Value::Bytes(self.client()?.ip()),
            Field::DestinationIp => Value::Bytes(self.local()?.ip()),
            Field::DestinationPort => Value::Int64(self.local()?.port()),
            Field::MutualTls => Value::Bool(self.mutual_tls()),
            Field::ServerName => {
                Value::String(self.non_empty(&self.server_name, StreamText::ServerName)?)
            }
            Field::SourcePrincipal | Field::SourceUser => {
                Value::String(self.principal(&self.peer_uri, StreamText::PeerUri)?)
            }
            Field::DestinationPrincipal => {
                Value::String(self.principal(&self.local_uri, StreamText::LocalUri)?)
            }
            Field::Protocol if connection.is_some() => Value::String("tcp"),
            Field::Protocol => Value::String(self.protocol()),
            Field::ConnectionId => Value::String(connection?),
            Field::ConnectionEvent => {
                connection?;
                Value::String(self.event)
            }
            Field::ContextTime => {
                connection?;
                Value::Timestamp(self.started)
            }
            Field::AuthPrincipal => Value::String(self.claims()?.principal.as_deref()?),
            Field::AuthAudiences => Value::String(self.claims()?.audiences.as_deref()?),
            Field::AuthPresenter => Value::String(self.claims()?.presenter.as_deref()?),
            Field::AuthClaims => {
                let texts = &self.claims()?.texts;
                if texts.is_empty() {
                    return None;
                }
                Value::StringMap(texts)
            }
            Field::AuthRawClaims => Value::String(&self.claims()?.raw),
        };
        Some(value)
    }
}

impl Field {
    fn of(name: &AttributeName) -> Option<Self> {
        match name {
            AttributeName::Global(word) => INDEX.by_word[word.index()],
            AttributeName::Custom(_) => {
                INDEX.names.iter().find(|(known, _)| known == name).map(|(_, field)| *field)
            }
        }
    }

    /// Whether only requests have it.
    fn is_of_requests(self) -> bool {
        matches!(
            self,
            Self::Headers
                | Self::Id
                | Self::Path
                | Self::UrlPath
                | Self::QueryParameters
                | Self::Host
                | Self::Method
                | Self::Scheme
                | Self::UserAgent
                | Self::Referer
                | Self::Time
        )
    }

    /// Whether what configuration states wins over what the connection shows.
    fn yields_to_configuration(self) -> bool {
        matches!(
            self,
            Self::SourceIp
                | Self::SourcePort
                | Self::OriginIp
                | Self::DestinationIp
                | Self::DestinationPort
        )
    }
}

impl<H: StreamHost> Bag for RequestBag<'_, H> {
    fn get(&self, name: &AttributeName) -> Option<Value<'_>> {
        // What a trusted proxy handed on wins over all.
        if let Some(value) = self.carried.and_then(|carried| carried.forwarded(name)) {
            return Some(value);
        }
        match Field::of(name) {
            None => self.statics.get(name),
            Some(field) if field.yields_to_configuration() => {
                self.statics.get(name).or_else(|| self.field(field))
            }
            Some(field) => self.field(field).or_else(|| self.statics.get(name)),
        }
    }
}

impl<H: StreamHost> EachAttribute for RequestBag<'_, H> {
    fn each(&self, f: &mut dyn FnMut(&AttributeName, Value<'_>)) {
        for (name, _) in &INDEX.names {
            if let Some(value) = self.get(name) {
                f(name, value);
            }
        }
        let forwarded = self.carried.map(|carried| &carried.forwarded);
        for (name, value) in forwarded.into_iter().flat_map(Forwarded::iter) {
            f(name, Value::String(value));
        }
        let is_forwarded = |name| forwarded.is_some_and(|known| known.get(name).is_some());
        for (name, value) in self.statics.iter() {
            if Field::of(name).is_none() && !is_forwarded(name) {
                f(name, value.borrow());
            }
        }
    }
}
