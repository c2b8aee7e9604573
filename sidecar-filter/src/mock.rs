//! A proxy that is not there: hosts for tests and benches of the filter's logic.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::config::RouteConfig;
use crate::host::{
    CallId, ConnectionHost, ControlHost, HeaderBlock, LogLevel, Moment, Notify, OutboundCall,
    RawHeaders, SpanIds, StartFailure, StreamHost, StreamNumber, StreamText, Wake, WakeEvent,
};
use crate::stats::{Counter, Gauge};
use crate::ticker::Tick;

/// What the streams of a mock proxy share: clock, statistics, and the calls that were started.
#[derive(Debug)]
pub struct MockProxy {
    now: Cell<Moment>,
    counters: RefCell<Vec<u64>>,
    gauges: RefCell<Vec<u64>>,
    calls: RefCell<Vec<MockCall>>,
    resets: RefCell<Vec<CallId>>,
    refusal: Cell<Option<StartFailure>>,
    scheduled: RefCell<Vec<(StreamId, WakeEvent)>>,
    alarms: RefCell<Vec<(Moment, StreamId, WakeEvent)>>,
    lines: RefCell<Vec<(LogLevel, String)>>,
    next_stream: Cell<u64>,
}

/// Names a stream of a mock proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId(pub u64);

/// A call that was started.
#[derive(Debug, Clone)]
pub struct MockCall {
    /// Its number.
    pub id: CallId,
    /// The cluster.
    pub cluster: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The framed message.
    pub body: Vec<u8>,
    /// How long it may last.
    pub timeout: Option<Duration>,
}

/// One request of a mock proxy.
#[derive(Debug)]
pub struct MockStream {
    proxy: Rc<MockProxy>,
    id: StreamId,
    headers: HashMap<u8, Vec<OwnedHeader>>,
    texts: Vec<(StreamText, Vec<u8>)>,
    numbers: Vec<(StreamNumber, u64)>,
    mutual_tls: Option<bool>,
    span: Option<SpanIds>,
    route: Option<Rc<RouteConfig>>,
    filter_state: Vec<(String, Vec<u8>)>,
    metadata: Vec<(String, String)>,
    flags: Vec<&'static str>,
    route_choices: u32,
    connection: Option<String>,
}

/// One configuration of a mock proxy.
#[derive(Debug, Clone)]
pub struct MockControl(pub Rc<MockProxy>);

/// A notifier that nobody listens to: tests run the control themselves.
#[derive(Debug)]
pub struct SilentNotifier;

type OwnedHeader = (Vec<u8>, Vec<u8>);

struct MockWaker {
    proxy: Rc<MockProxy>,
    stream: StreamId,
}

impl Default for MockProxy {
    fn default() -> Self {
        Self {
            // Not at zero: a clock that has run for a while finds more mistakes.
            now: Cell::new(Moment(1_000_000_000_000)),
            counters: RefCell::new(vec![0; Counter::ALL.len()]),
            gauges: RefCell::new(vec![0; Gauge::ALL.len()]),
            calls: RefCell::default(),
            resets: RefCell::default(),
            refusal: Cell::new(None),
            scheduled: RefCell::default(),
            alarms: RefCell::default(),
            lines: RefCell::default(),
            next_stream: Cell::new(1),
        }
    }
}

impl MockProxy {
    /// A proxy with its clock somewhere and nothing counted.
    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    /// Moves the clock on.
    /// Streams whose time has come are scheduled.
    pub fn pass(&self, time: Duration) {
        let now = self.now.get().plus(time);
        self.now.set(now);
        let due =
            self.alarms.borrow_mut().extract_if(.., |(at, ..)| *at <= now).collect::<Vec<_>>();
        self.scheduled
            .borrow_mut()
            .extend(due.into_iter().map(|(_, stream, event)| (stream, event)));
    }

    /// The time on the clock.
    pub fn now(&self) -> Moment {
        self.now.get()
    }

    /// What a counter has come to.
    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters.borrow()[counter as usize]
    }

    /// What a gauge was last set to.
    pub fn gauge(&self, gauge: Gauge) -> u64 {
        self.gauges.borrow()[gauge as usize]
    }

    /// The calls that were started and not taken yet, oldest first; they are taken.
    pub fn take_calls(&self) -> Vec<MockCall> {
        self.calls.take()
    }

    /// The calls that were reset since this was last asked.
    pub fn take_resets(&self) -> Vec<CallId> {
        self.resets.take()
    }

    /// The wake-ups that are due; they are taken.
    pub fn take_scheduled(&self) -> Vec<(StreamId, WakeEvent)> {
        self.scheduled.take()
    }

    /// The lines that were logged; they are taken.
    pub fn take_lines(&self) -> Vec<(LogLevel, String)> {
        self.lines.take()
    }

    /// From now on calls cannot be started, or can again.
    pub fn refuse_calls(&self, why: Option<StartFailure>) {
        self.refusal.set(why);
    }

    fn count(&self, counter: Counter, by: u64) {
        self.counters.borrow_mut()[counter as usize] += by;
    }

    fn start_call(&self, call: &OutboundCall<'_>) -> Result<CallId, StartFailure> {
        if let Some(failure) = self.refusal.get() {
            return Err(failure);
        }
        let stream = self.next_stream.get();
        self.next_stream.set(stream + 1);
        let id = CallId(stream);
        self.calls.borrow_mut().push(MockCall {
            id,
            cluster: call.cluster.to_owned(),
            headers: call
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: call.body.to_vec(),
            timeout: call.timeout,
        });
        Ok(id)
    }
}

impl MockCall {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl MockStream {
    /// A `GET` of `path` at `service`, over plain HTTP.
    pub fn get(proxy: &Rc<MockProxy>, path: &str) -> Self {
        let id = StreamId(proxy.next_stream.get());
        proxy.next_stream.set(id.0 + 1);
        let stream = Self {
            proxy: Rc::clone(proxy),
            id,
            headers: HashMap::new(),
            texts: Vec::new(),
            numbers: Vec::new(),
            mutual_tls: None,
            span: None,
            route: None,
            filter_state: Vec::new(),
            metadata: Vec::new(),
            flags: Vec::new(),
            route_choices: 1,
            connection: None,
        };
        stream
            .with_header(":method", "GET")
            .with_header(":scheme", "http")
            .with_header(":authority", "service")
            .with_header(":path", path)
    }

    /// A connection from `client` (`ip:port`).
    pub fn tcp(proxy: &Rc<MockProxy>, client: &str) -> Self {
        let id = StreamId(proxy.next_stream.get());
        let mut stream = Self::get(proxy, "/").with_text(StreamText::PeerAddress, client);
        stream.headers.clear();
        stream.connection = Some(format!("mock-{}", id.0));
        stream.with_text(StreamText::ClientAddress, client)
    }

    /// The stream with one more request header.
    #[must_use]
    pub fn with_header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.with(HeaderBlock::Request, name, value)
    }

    /// The stream with one more header in `block`.
    #[must_use]
    pub fn with(
        mut self,
        block: HeaderBlock,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Self {
        let header = (name.as_ref().to_vec(), value.as_ref().to_vec());
        self.headers.entry(block as u8).or_default().push(header);
        self
    }

    /// The stream with a text that the proxy knows.
    #[must_use]
    pub fn with_text(mut self, what: StreamText, text: &str) -> Self {
        self.texts.push((what, text.as_bytes().to_vec()));
        self
    }

    /// The stream with a number that the proxy knows.
    #[must_use]
    pub fn with_number(mut self, what: StreamNumber, number: u64) -> Self {
        self.numbers.push((what, number));
        self
    }

    /// The stream with a text in its filter state.
    #[must_use]
    pub fn with_filter_state(mut self, key: &str, text: &str) -> Self {
        self.filter_state.push((key.to_owned(), text.as_bytes().to_vec()));
        self
    }

    /// The stream of a client that showed a certificate with this URI.
    #[must_use]
    pub fn with_peer(mut self, uri: &str) -> Self {
        self.mutual_tls = Some(true);
        self.with_text(StreamText::PeerUri, uri)
    }

    /// The stream of a request whose trace the proxy records without telling the span.
    #[must_use]
    pub fn with_trace(mut self, trace: &str) -> Self {
        self.span = Some(SpanIds { trace: trace.to_owned(), span: None });
        self
    }

    /// The stream of a request whose span the proxy records.
    #[must_use]
    pub fn with_span(mut self, trace: &str, span: &str) -> Self {
        self.span = Some(SpanIds { trace: trace.to_owned(), span: Some(span.to_owned()) });
        self
    }

    /// The stream on a route that is configured.
    #[must_use]
    pub fn with_route(mut self, route: &Rc<RouteConfig>) -> Self {
        self.route = Some(Rc::clone(route));
        self
    }

    /// Replaces a request header, as a router does.
    pub fn rewrite(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let headers = self.headers.entry(HeaderBlock::Request as u8).or_default();
        if let Some(header) = headers.iter_mut().find(|(known, _)| known == name.as_bytes()) {
            header.1 = value.as_ref().to_vec();
        }
    }

    /// The values of a header, in order.
    pub fn header(&self, block: HeaderBlock, name: &str) -> Vec<String> {
        let block = self.headers.get(&(block as u8));
        let named = block.into_iter().flatten().filter(|(known, _)| known == name.as_bytes());
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// What the filter noted about the request.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.iter().rfind(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// The flags that the filter gave the request.
    pub fn flags(&self) -> &[&'static str] {
        &self.flags
    }

    /// How often the proxy has chosen a route.
    pub fn route_choices(&self) -> u32 {
        self.route_choices
    }

    /// The stream's name.
    pub fn id(&self) -> StreamId {
        self.id
    }
}

impl StreamHost for MockStream {
    fn headers<'h>(&'h self, block: HeaderBlock, headers: &mut RawHeaders<'h>) {
        let block = self.headers.get(&(block as u8));
        headers.extend(block.into_iter().flatten().map(|(name, value)| (&name[..], &value[..])));
    }

    fn text(&self, what: StreamText) -> Option<&[u8]> {
        self.texts.iter().find(|(known, _)| *known == what).map(|(_, text)| &text[..])
    }

    fn number(&self, what: StreamNumber) -> Option<u64> {
        self.numbers.iter().find(|(known, _)| *known == what).map(|(_, number)| *number)
    }

    fn filter_state(&self, key: &str) -> Option<&[u8]> {
        self.filter_state.iter().find(|(known, _)| known == key).map(|(_, text)| &text[..])
    }

    fn mutual_tls(&self) -> Option<bool> {
        self.mutual_tls
    }

    fn connection(&self) -> Option<&str> {
        self.connection.as_deref()
    }

    fn span(&self) -> Option<SpanIds> {
        self.span.clone()
    }

    fn route(&self) -> Option<&RouteConfig> {
        self.route.as_deref()
    }

    fn start_call(&mut self, call: &OutboundCall<'_>) -> Result<CallId, StartFailure> {
        self.proxy.start_call(call)
    }

    fn reset_call(&mut self, call: CallId) {
        self.proxy.resets.borrow_mut().push(call);
    }

    fn waker(&self) -> Rc<dyn Wake> {
        Rc::new(MockWaker { proxy: Rc::clone(&self.proxy), stream: self.id })
    }

    fn wake_after(&self, delay: Duration, event: WakeEvent) -> bool {
        self.proxy.alarms.borrow_mut().push((self.proxy.now().plus(delay), self.id, event));
        true
    }

    fn set_header(&mut self, block: HeaderBlock, name: &str, value: Option<&[u8]>) {
        let headers = self.headers.entry(block as u8).or_default();
        headers.retain(|(known, _)| known != name.as_bytes());
        headers.extend(value.map(|value| (name.as_bytes().to_vec(), value.to_vec())));
    }

    fn add_header(&mut self, block: HeaderBlock, name: &str, value: &[u8]) {
        let header = (name.as_bytes().to_vec(), value.to_vec());
        self.headers.entry(block as u8).or_default().push(header);
    }

    fn clear_route_cache(&mut self) {
        self.route_choices += 1;
    }

    fn set_metadata(&mut self, key: &str, value: &str) {
        self.metadata.push((key.to_owned(), value.to_owned()));
    }

    fn set_flag(&mut self, flag: &'static str) {
        self.flags.push(flag);
    }

    fn count(&self, counter: Counter, by: u64) {
        self.proxy.count(counter, by);
    }

    fn now(&self) -> Moment {
        self.proxy.now()
    }

    fn wall_clock(&self) -> Duration {
        Duration::from_nanos(self.proxy.now().0)
    }
}

impl ConnectionHost for MockStream {
    fn tick_after(&self, _delay: Duration) -> Option<Tick> {
        Some(Tick::never())
    }
}

impl ControlHost for MockControl {
    fn start_call(&self, call: &OutboundCall<'_>) -> Result<CallId, StartFailure> {
        self.0.start_call(call)
    }

    fn reset_call(&self, call: CallId) {
        self.0.resets.borrow_mut().push(call);
    }

    fn count(&self, counter: Counter, by: u64) {
        self.0.count(counter, by);
    }

    fn set(&self, gauge: Gauge, value: u64) {
        self.0.gauges.borrow_mut()[gauge as usize] = value;
    }

    fn log(&self, level: LogLevel, line: &str) {
        self.0.lines.borrow_mut().push((level, line.to_owned()));
    }

    fn now(&self) -> Moment {
        self.0.now()
    }
}

impl Wake for MockWaker {
    fn wake(&self, event: WakeEvent) {
        self.proxy.scheduled.borrow_mut().push((self.stream, event));
    }
}

impl Notify for SilentNotifier {
    fn notify(&self) {}
}
