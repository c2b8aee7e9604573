//! What the filter asks of the proxy around it.

use std::rc::Rc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::config::RouteConfig;
use crate::stats::{Counter, Gauge};
use crate::ticker::Tick;

/// Headers that are kept without allocating; more than a request of a browser has.
const USUAL_HEADERS: usize = 40;

/// The namespace of what the filter notes about requests in the proxy's dynamic metadata.
pub const METADATA: &str = "mixmesh.check";

/// One header: name and value as Envoy holds them, not always UTF-8.
pub type RawHeader<'h> = (&'h [u8], &'h [u8]);

/// The headers of one block in Envoy's order.
pub type RawHeaders<'h> = SmallVec<[RawHeader<'h>; USUAL_HEADERS]>;

/// What the filter of one request asks of the proxy around it.
///
/// Envoy behind the FFI is one implementation, [`MockStream`](crate::mock::MockStream) the other.
/// What is borrowed from a host is valid until a method that takes `&mut self`.
pub trait StreamHost {
    /// The headers of `block`, appended to `headers`; none when there is no such block.
    fn headers<'h>(&'h self, block: HeaderBlock, headers: &mut RawHeaders<'h>);

    /// A text about the stream, if the proxy knows it.
    fn text(&self, what: StreamText) -> Option<&[u8]>;

    /// A number about the stream, if the proxy knows it.
    fn number(&self, what: StreamNumber) -> Option<u64>;

    /// What other filters have put into the stream's filter state under `key`, as text.
    fn filter_state(&self, key: &str) -> Option<&[u8]>;

    /// Whether the client came over mutual TLS, if the proxy can say.
    fn mutual_tls(&self) -> Option<bool>;

    /// What the configuration says about the request's route.
    fn route(&self) -> Option<&RouteConfig>;

    /// The name, unlike any other in the mesh, of a connection that is checked by itself; `None` for a
    /// request.
    fn connection(&self) -> Option<&str> {
        None
    }

    /// The span that the proxy records for the request, if it records one and can say which.
    fn span(&self) -> Option<SpanIds>;

    /// Starts a call; its outcome comes to the filter's call hooks.
    fn start_call(&mut self, call: &OutboundCall<'_>) -> Result<CallId, StartFailure>;

    /// Gives a call up. Its reset hook may run before this returns.
    fn reset_call(&mut self, call: CallId);

    /// A handle by which others on this worker make the proxy run this filter's `on_scheduled`.
    fn waker(&self) -> Rc<dyn Wake>;

    /// Has the proxy run this filter's `on_scheduled(event)` after `delay`; false when it cannot.
    fn wake_after(&self, delay: Duration, event: WakeEvent) -> bool;

    /// Gives a header of `block` this value alone, or takes it off.
    fn set_header(&mut self, block: HeaderBlock, name: &str, value: Option<&[u8]>);

    /// Gives a header of `block` this value as well.
    fn add_header(&mut self, block: HeaderBlock, name: &str, value: &[u8]);

    /// Has the proxy choose the route anew, by the headers as they are now.
    fn clear_route_cache(&mut self);

    /// Notes a text about the request under [`METADATA`], for access logs and other filters.
    fn set_metadata(&mut self, key: &str, value: &str);

    /// Adds a custom flag to the request's, for access logs.
    fn set_flag(&mut self, flag: &'static str);

    /// Adds to a counter.
    fn count(&self, counter: Counter, by: u64);

    /// The time on a clock that never goes back.
    fn now(&self) -> Moment;

    /// The time since the Unix epoch.
    fn wall_clock(&self) -> Duration;
}

/// What the filter of one connection asks of the proxy, besides. Headers of a connection are none, and
/// what is done to them is done to nobody.
pub trait ConnectionHost: StreamHost {
    /// Has the proxy run this connection's `on_tick` after `delay`, unless the result is dropped
    /// before; `None` when it cannot.
    fn tick_after(&self, delay: Duration) -> Option<Tick>;
}

/// What the process-wide half of the filter asks of the proxy, on its main thread.
pub trait ControlHost {
    /// Starts a call; its outcome comes to the configuration's call hooks.
    fn start_call(&self, call: &OutboundCall<'_>) -> Result<CallId, StartFailure>;

    /// Gives a call up. Its reset hook may run before this returns.
    fn reset_call(&self, call: CallId);

    /// Adds to a counter.
    fn count(&self, counter: Counter, by: u64);

    /// Sets a gauge.
    fn set(&self, gauge: Gauge, value: u64);

    /// Writes a line to the proxy's log.
    fn log(&self, level: LogLevel, line: &str);

    /// The time on the same clock as [`StreamHost::now`].
    fn now(&self) -> Moment;
}

/// Makes the proxy run a filter's `on_scheduled`, from another filter's hook.
pub trait Wake {
    /// Asks for `on_scheduled(event)`; nothing happens when the filter is gone.
    fn wake(&self, event: WakeEvent);
}

/// Makes the proxy run the main-thread half, from any thread.
pub trait Notify: Send {
    /// Asks for one run of the control loop.
    fn notify(&self);
}

/// Why a waiting filter is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeEvent {
    /// The call that it waited for has an outcome: look again.
    Answered,
    /// The filter that made the call went away: make the call.
    Lead,
    /// A call that failed may be made again now.
    Retry,
}

/// A gRPC call through one of the proxy's clusters.
#[derive(Debug)]
pub struct OutboundCall<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// All headers, pseudo headers first.
    pub headers: &'a [(&'a str, &'a str)],
    /// The framed message; the call's sending half ends with it.
    pub body: &'a [u8],
    /// How long the proxy lets the call last; `None` for a stream without end.
    pub timeout: Option<Duration>,
}

/// A span, by its ids in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanIds {
    /// The trace's id: 16 or 32 digits.
    pub trace: String,
    /// The span's own id: 16 digits. Envoy's Zipkin tracer does not tell it.
    pub span: Option<String>,
}

/// A call, by the number that the proxy gave it. Unique within one stream or one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub u64);

/// Why a call could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFailure {
    /// The proxy has no cluster of that name, or not yet.
    NoCluster,
    /// No healthy host, or a circuit breaker is open.
    NoHost,
}

impl StartFailure {
    /// The reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoCluster => "the proxy has no such cluster",
            Self::NoHost => "no host of the cluster takes calls",
        }
    }
}

/// Where headers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderBlock {
    /// The request's headers.
    Request,
    /// The response's headers.
    Response,
    /// The response's trailers.
    ResponseTrailers,
}

/// Texts that the proxy knows about a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamText {
    /// `ip:port` of the client as the proxy resolves it, forwarded addresses included.
    ClientAddress,
    /// `ip:port` of the other end of the connection. Unknown before Envoy 1.40.
    PeerAddress,
    /// `ip:port` that the client connected to.
    LocalAddress,
    /// The server name that the client asked for in TLS.
    ServerName,
    /// The first URI in the client's certificate.
    PeerUri,
    /// The first URI in our own certificate.
    LocalUri,
}

/// Numbers that the proxy knows about a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamNumber {
    /// Bytes of the request's body. Unknown before Envoy 1.40.
    RequestSize,
    /// Bytes of the request with headers and trailers. Unknown before Envoy 1.40.
    RequestTotalSize,
    /// The response's status; unknown when there was none.
    ResponseCode,
    /// Bytes of the response's body. Unknown before Envoy 1.39.
    ResponseSize,
    /// Bytes of the response with headers and trailers. Unknown before Envoy 1.40.
    ResponseTotalSize,
    /// Bits that say what went wrong, by Envoy's numbering.
    ResponseFlags,
}

/// How bad a logged line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Life cycle.
    Info,
    /// Something went wrong and was recovered from.
    Warn,
    /// Data was lost or an operator must act.
    Error,
}

/// A point on the process's monotonic clock, in nanoseconds since some moment before its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// A moment that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `span` later, held at [`NEVER`](Self::NEVER).
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; nothing when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Milliseconds on the clock.
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
}
