use std::cell::OnceCell;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use smallvec::SmallVec;

use super::abi::{
    EnvoyBuffer, EnvoyHeader, EnvoyPtr, METRIC_DEFINED, ModuleBuffer, ModuleHeader, header_type,
    log_level, start_result,
};
use super::callbacks::Callbacks;
use crate::config::RouteConfig;
use crate::host::{
    CallId, ControlHost, HeaderBlock, LogLevel, METADATA, Moment, Notify, OutboundCall, RawHeaders,
    SpanIds, StartFailure, StreamHost, StreamNumber, StreamText, Wake, WakeEvent,
};
use crate::stats::{Counter, Gauge};
use crate::ticker::Bell;

/// Set once any route configuration was made, so that others spare the look-up of each request's.
pub(super) static ROUTES_CONFIGURED: AtomicBool = AtomicBool::new(false);

/// Reads one id of a span.
type SpanIdReader = unsafe extern "C" fn(*mut c_void, *mut EnvoyBuffer) -> bool;

static CLOCK_START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The numbers under which one configuration's statistics are known to Envoy.
#[derive(Debug, Default, Clone)]
pub(super) struct StatIds {
    counters: Vec<usize>,
    gauges: Vec<usize>,
}

/// One request's stream, for the length of one hook.
pub(super) struct EnvoyStream<'a> {
    callbacks: &'static Callbacks,
    filter: EnvoyPtr,
    stats: &'a StatIds,
    bell: &'a Bell,
    route: OnceCell<*const RouteConfig>,
}

/// One filter configuration on the main thread.
pub(super) struct EnvoyControl {
    callbacks: &'static Callbacks,
    config: EnvoyPtr,
    stats: StatIds,
}

/// A scheduler of one stream.
struct StreamWaker {
    callbacks: &'static Callbacks,
    scheduler: *mut c_void,
}

/// A scheduler of one configuration.
pub(super) struct ControlNotifier {
    callbacks: &'static Callbacks,
    scheduler: *mut c_void,
}

// SAFETY: Envoy lets any thread commit and delete a configuration's scheduler; there is one owner.
unsafe impl Send for ControlNotifier {}

// SAFETY: the same holds for a stream's scheduler.
unsafe impl Send for StreamWaker {}

impl StatIds {
    /// Defines all statistics.
    ///
    /// # Safety
    /// Called inside the hook that creates the configuration `config`.
    pub(super) unsafe fn define(callbacks: &Callbacks, config: EnvoyPtr) -> Option<Self> {
        let define = |name: &'static str, counter: bool| {
            let mut id = 0;
            let define = if counter {
                callbacks.http_filter_config_define_counter
            } else {
                callbacks.http_filter_config_define_gauge
            };
            // SAFETY: the caller's promise; no label names are passed and `id` is a valid place.
            let result =
                unsafe { define(config, name.into(), std::ptr::null_mut(), 0, &raw mut id) };
            (result == METRIC_DEFINED).then_some(id)
        };
        Some(Self {
            counters: Counter::ALL.iter().map(|c| define(c.name(), true)).collect::<Option<_>>()?,
            gauges: Gauge::ALL.iter().map(|g| define(g.name(), false)).collect::<Option<_>>()?,
        })
    }
}

impl<'a> EnvoyStream<'a> {
    /// The stream of `filter`.
    ///
    /// # Safety
    /// `filter` is what Envoy passed to the hook that is running, on this thread, and the result
    /// does not outlive the hook nor the filter.
    pub(super) unsafe fn new(
        callbacks: &'static Callbacks,
        filter: EnvoyPtr,
        stats: &'a StatIds,
        bell: &'a Bell,
    ) -> Self {
        Self { callbacks, filter, stats, bell, route: OnceCell::new() }
    }
}

impl EnvoyStream<'_> {
    fn stream_waker(&self) -> StreamWaker {
        // SAFETY: the filter is alive and this is its worker.
        let scheduler = unsafe { (self.callbacks.http_filter_scheduler_new)(self.filter) };
        StreamWaker { callbacks: self.callbacks, scheduler }
    }
}

impl StreamHost for EnvoyStream<'_> {
    fn headers<'h>(&'h self, block: HeaderBlock, headers: &mut RawHeaders<'h>) {
        const ON_STACK: usize = 64;
        let block = header_type::of(block);
        // SAFETY: the filter is alive during the hook.
        let count = unsafe { (self.callbacks.http_get_headers_size)(self.filter, block) };
        if count == 0 {
            return;
        }
        let mut on_stack = [const { MaybeUninit::<EnvoyHeader>::uninit() }; ON_STACK];
        let mut on_heap = Vec::new();
        let place = if count <= ON_STACK {
            on_stack.as_mut_ptr().cast::<EnvoyHeader>()
        } else {
            on_heap.resize(count, EnvoyHeader::EMPTY);
            on_heap.as_mut_ptr()
        };
        // SAFETY: the place has room for `count` headers, which is how many Envoy writes.
        let written = unsafe { (self.callbacks.http_get_headers)(self.filter, block, place) };
        if !written {
            return;
        }
        headers.reserve(count);
        for index in 0..count {
            // SAFETY: Envoy wrote `count` headers, whose bytes stay while `self` is borrowed.
            headers.push(unsafe { (*place.add(index)).pair() });
        }
    }

    fn text(&self, what: StreamText) -> Option<&[u8]> {
        let mut buffer = EnvoyBuffer::EMPTY;
        let id = match what {
            StreamText::ClientAddress => 24,
            StreamText::LocalAddress => 26,
            StreamText::ServerName => 30,
            StreamText::LocalUri => 36,
            StreamText::PeerUri => 37,
            StreamText::PeerAddress => {
                let read = self.callbacks.http_get_downstream_direct_remote_address?;
                // SAFETY: the filter is alive, `buffer` is a valid place, and what Envoy puts there
                // stays while `self` is borrowed.
                return unsafe { read(self.filter, &raw mut buffer).then(|| buffer.bytes()) };
            }
        };
        // SAFETY: as above.
        unsafe {
            (self.callbacks.http_filter_get_attribute_string)(self.filter, id, &raw mut buffer)
                .then(|| buffer.bytes())
        }
    }

    fn number(&self, what: StreamNumber) -> Option<u64> {
        let id = match what {
            StreamNumber::RequestSize => 13,
            StreamNumber::RequestTotalSize => 14,
            StreamNumber::ResponseCode => 15,
            StreamNumber::ResponseFlags => 17,
            StreamNumber::ResponseSize => 21,
            StreamNumber::ResponseTotalSize => 22,
        };
        let mut number = 0;
        // SAFETY: the filter is alive and `number` is a valid place.
        unsafe { (self.callbacks.http_filter_get_attribute_int)(self.filter, id, &raw mut number) }
            .then_some(number)
    }

    fn filter_state(&self, key: &str) -> Option<&[u8]> {
        let mut buffer = EnvoyBuffer::EMPTY;
        // SAFETY: the filter is alive, `buffer` is a valid place, and what Envoy puts there stays while
        // `self` is borrowed.
        unsafe {
            (self.callbacks.http_get_filter_state_bytes)(self.filter, key.into(), &raw mut buffer)
                .then(|| buffer.bytes())
        }
    }

    fn mutual_tls(&self) -> Option<bool> {
        const CONNECTION_MTLS: u32 = 29;
        let mut flag = false;
        // SAFETY: the filter is alive and `flag` is a valid place.
        unsafe {
            (self.callbacks.http_filter_get_attribute_bool)(
                self.filter,
                CONNECTION_MTLS,
                &raw mut flag,
            )
        }
        .then_some(flag)
    }

    fn span(&self) -> Option<SpanIds> {
        let callbacks = self.callbacks;
        // SAFETY: the filter is alive during the hook.
        let span = unsafe { callbacks.http_get_active_span?(self.filter) };
        if span.is_null() {
            return None;
        }
        let id = |read: SpanIdReader| {
            let mut buffer = EnvoyBuffer::EMPTY;
            // SAFETY: the span lives as long as the stream and `buffer` is a valid place.
            let known = unsafe { read(span, &raw mut buffer) };
            // SAFETY: Envoy keeps the text until the next such call of this thread; it is copied here.
            let text = unsafe { buffer.bytes() };
            known.then(|| String::from_utf8(text.to_vec()).ok()).flatten()
        };
        Some(SpanIds {
            trace: id(callbacks.http_span_get_trace_id?)?,
            span: callbacks.http_span_get_span_id.and_then(id),
        })
    }

    fn route(&self) -> Option<&RouteConfig> {
        if !ROUTES_CONFIGURED.load(Ordering::Relaxed) {
            return None;
        }
        let route = self.route.get_or_init(|| {
            // SAFETY: the filter is alive.
            unsafe { (self.callbacks.get_most_specific_route_config)(self.filter) }.cast()
        });
        // SAFETY: null, or what our own hook returned for this route; Envoy holds the route, and so
        // keeps it from being destroyed, while a stream uses it.
        unsafe { route.as_ref() }
    }

    fn start_call(&mut self, call: &OutboundCall<'_>) -> Result<CallId, StartFailure> {
        // SAFETY: the filter is alive.
        unsafe { start(self.callbacks.http_filter_start_http_stream, self.filter, call) }
    }

    fn reset_call(&mut self, call: CallId) {
        // SAFETY: the filter is alive; an unknown call is ignored.
        unsafe { (self.callbacks.http_filter_reset_http_stream)(self.filter, call.0) }
    }

    fn waker(&self) -> Rc<dyn Wake> {
        Rc::new(self.stream_waker())
    }

    fn wake_after(&self, delay: Duration, event: WakeEvent) -> bool {
        let waker = self.stream_waker();
        self.bell.call_after(delay, Box::new(move || waker.wake(event)))
    }

    fn set_header(&mut self, block: HeaderBlock, name: &str, value: Option<&[u8]>) {
        let value = value.map_or(ModuleBuffer::NONE, ModuleBuffer::from);
        // SAFETY: the filter is alive and Envoy copies what it is given.
        unsafe {
            (self.callbacks.http_set_header)(
                self.filter,
                header_type::of(block),
                name.into(),
                value,
            );
        }
    }

    fn add_header(&mut self, block: HeaderBlock, name: &str, value: &[u8]) {
        // SAFETY: as above.
        unsafe {
            (self.callbacks.http_add_header)(
                self.filter,
                header_type::of(block),
                name.into(),
                value.into(),
            );
        }
    }

    fn clear_route_cache(&mut self) {
        // SAFETY: the filter is alive.
        unsafe { (self.callbacks.http_clear_route_cache)(self.filter) }
    }

    fn set_metadata(&mut self, key: &str, value: &str) {
        // SAFETY: the filter is alive and Envoy copies what it is given.
        unsafe {
            (self.callbacks.http_set_dynamic_metadata_string)(
                self.filter,
                METADATA.into(),
                key.into(),
                value.into(),
            );
        }
    }

    fn set_flag(&mut self, flag: &'static str) {
        if let Some(add) = self.callbacks.http_add_custom_flag {
            // SAFETY: as above.
            unsafe { add(self.filter, flag.into()) }
        }
    }

    fn count(&self, counter: Counter, by: u64) {
        if let Some(&id) = self.stats.counters.get(counter as usize) {
            // SAFETY: the filter is alive and the id was defined for its configuration.
            unsafe {
                (self.callbacks.http_filter_increment_counter)(
                    self.filter,
                    id,
                    std::ptr::null_mut(),
                    0,
                    by,
                );
            }
        }
    }

    fn now(&self) -> Moment {
        now()
    }

    fn wall_clock(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl EnvoyControl {
    /// The main-thread half of the configuration `config`.
    ///
    /// # Safety
    /// Envoy passed `config` to the hook that creates the configuration, this is the main thread,
    /// and the result is dropped before or inside the hook that destroys it.
    pub(super) unsafe fn new(
        callbacks: &'static Callbacks,
        config: EnvoyPtr,
        stats: StatIds,
    ) -> Self {
        Self { callbacks, config, stats }
    }

    /// A handle by which any thread can ask for the configuration's `scheduled` hook.
    pub(super) fn notifier(&self) -> ControlNotifier {
        // SAFETY: the configuration is alive and this is the main thread.
        let scheduler = unsafe { (self.callbacks.http_filter_config_scheduler_new)(self.config) };
        ControlNotifier { callbacks: self.callbacks, scheduler }
    }
}

impl ControlHost for EnvoyControl {
    fn start_call(&self, call: &OutboundCall<'_>) -> Result<CallId, StartFailure> {
        // SAFETY: the configuration is alive and this is the main thread.
        unsafe { start(self.callbacks.http_filter_config_start_http_stream, self.config, call) }
    }

    fn reset_call(&self, call: CallId) {
        // SAFETY: as above; an unknown call is ignored.
        unsafe { (self.callbacks.http_filter_config_reset_http_stream)(self.config, call.0) }
    }

    fn count(&self, counter: Counter, by: u64) {
        if let Some(increment) = self.callbacks.http_filter_config_increment_counter
            && let Some(&id) = self.stats.counters.get(counter as usize)
        {
            // SAFETY: the configuration is alive and the id was defined for it.
            unsafe {
                increment(self.config, id, std::ptr::null_mut(), 0, by);
            }
        }
    }

    fn set(&self, gauge: Gauge, value: u64) {
        if let Some(set) = self.callbacks.http_filter_config_set_gauge
            && let Some(&id) = self.stats.gauges.get(gauge as usize)
        {
            // SAFETY: the configuration is alive and the id was defined for it.
            unsafe {
                set(self.config, id, std::ptr::null_mut(), 0, value);
            }
        }
    }

    fn log(&self, level: LogLevel, line: &str) {
        log(self.callbacks, level, line);
    }

    fn now(&self) -> Moment {
        now()
    }
}

impl Wake for StreamWaker {
    fn wake(&self, event: WakeEvent) {
        // SAFETY: the scheduler is ours until it is deleted in drop; Envoy ignores a commit for a
        // filter that is gone.
        unsafe { (self.callbacks.http_filter_scheduler_commit)(self.scheduler, event as u64) }
    }
}

impl Drop for StreamWaker {
    fn drop(&mut self) {
        // SAFETY: ours, and deleted exactly once.
        unsafe { (self.callbacks.http_filter_scheduler_delete)(self.scheduler) }
    }
}

impl Notify for ControlNotifier {
    fn notify(&self) {
        // SAFETY: the scheduler is ours until drop, and any thread may commit.
        unsafe { (self.callbacks.http_filter_config_scheduler_commit)(self.scheduler, 0) }
    }
}

impl Drop for ControlNotifier {
    fn drop(&mut self) {
        // SAFETY: ours, and deleted exactly once; any thread may.
        unsafe { (self.callbacks.http_filter_config_scheduler_delete)(self.scheduler) }
    }
}

impl WakeEvent {
    /// The event of this number, as [`StreamWaker`] commits it.
    pub(super) fn from_number(number: u64) -> Option<Self> {
        [Self::Answered, Self::Lead, Self::Retry].into_iter().find(|event| *event as u64 == number)
    }
}

/// Writes a line to Envoy's log.
pub(super) fn log(callbacks: &Callbacks, level: LogLevel, line: &str) {
    let level = match level {
        LogLevel::Info => log_level::INFO,
        LogLevel::Warn => log_level::WARN,
        LogLevel::Error => log_level::ERROR,
    };
    // SAFETY: any thread may log, and Envoy copies the line.
    unsafe { (callbacks.log)(level, line.into()) }
}

pub(super) fn now() -> Moment {
    Moment(u64::try_from(CLOCK_START.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

type StartCall = unsafe extern "C" fn(
    EnvoyPtr,
    *mut u64,
    ModuleBuffer,
    *mut ModuleHeader,
    usize,
    ModuleBuffer,
    bool,
    u64,
) -> u32;

/// What a network filter and a bootstrap extension start a buffered call by.
pub(super) type StartCallout = unsafe extern "C" fn(
    EnvoyPtr,
    *mut u64,
    ModuleBuffer,
    *mut ModuleHeader,
    usize,
    ModuleBuffer,
    u64,
) -> u32;

/// Starts a call whose answer comes in one piece.
///
/// # Safety
/// `owner` is alive, fits `start`, and this is its thread.
pub(super) unsafe fn start_callout(
    start: StartCallout,
    owner: EnvoyPtr,
    call: &OutboundCall<'_>,
) -> Result<CallId, StartFailure> {
    begin(call, |id, cluster, headers, len, body, timeout_ms| {
        // SAFETY: the caller's promise; all buffers outlive the call and Envoy copies them.
        unsafe { start(owner, id, cluster, headers, len, body, timeout_ms) }
    })
}

/// Starts a call whose sending half ends with its body.
///
/// # Safety
/// `owner` is alive, fits `start`, and this is its thread.
unsafe fn start(
    start: StartCall,
    owner: EnvoyPtr,
    call: &OutboundCall<'_>,
) -> Result<CallId, StartFailure> {
    begin(call, |id, cluster, headers, len, body, timeout_ms| {
        // SAFETY: the caller's promise; all buffers outlive the call and Envoy copies them.
        unsafe { start(owner, id, cluster, headers, len, body, true, timeout_ms) }
    })
}

/// Hands a call to `start` in Envoy's terms: a place for its number, cluster, headers, body, milliseconds.
fn begin(
    call: &OutboundCall<'_>,
    start: impl FnOnce(*mut u64, ModuleBuffer, *mut ModuleHeader, usize, ModuleBuffer, u64) -> u32,
) -> Result<CallId, StartFailure> {
    let mut headers: SmallVec<[ModuleHeader; 16]> =
        call.headers.iter().map(|(name, value)| ModuleHeader::new(name, value)).collect();
    let timeout_ms = call
        .timeout
        .map_or(0, |timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1));
    let mut id = 0;
    let (headers, len) = (headers.as_mut_ptr(), headers.len());
    match start(&raw mut id, call.cluster.into(), headers, len, call.body.into(), timeout_ms) {
        start_result::SUCCESS => Ok(CallId(id)),
        start_result::CLUSTER_NOT_FOUND => Err(StartFailure::NoCluster),
        _ => Err(StartFailure::NoHost),
    }
}
