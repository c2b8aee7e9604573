use std::ffi::c_void;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::abi::{EnvoyBuffer, EnvoyPtr, METRIC_DEFINED};
use super::callbacks::NetworkCallbacks;
use super::host::{now, start_callout};
use super::network_hooks::TICK;
use crate::config::RouteConfig;
use crate::host::{
    CallId, ConnectionHost, HeaderBlock, Moment, OutboundCall, RawHeaders, SpanIds, StartFailure,
    StreamHost, StreamNumber, StreamText, Wake, WakeEvent,
};
use crate::stats::Counter;
use crate::ticker::{Bell, Tick};

/// Reads an address; Envoy keeps the text as long as the connection.
type AddressReader = unsafe extern "C" fn(EnvoyPtr, *mut EnvoyBuffer, *mut u32) -> bool;

/// What is known of a connection, read once its client is known and kept to its end, when Envoy may
/// have let go of it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    id: String,
    client: Option<String>,
    peer: Option<String>,
    local: Option<String>,
    server_name: Vec<u8>,
    mutual_tls: bool,
    peer_uri: Vec<u8>,
    local_uri: Vec<u8>,
}

/// One connection, for the length of one hook.
pub(super) struct EnvoyConnection<'a> {
    pub(super) callbacks: &'static NetworkCallbacks,
    pub(super) filter: EnvoyPtr,
    pub(super) counters: &'a [usize],
    pub(super) bell: &'a Bell,
    pub(super) facts: Rc<Facts>,
}

/// A scheduler of one connection.
struct ConnectionWaker {
    callbacks: &'static NetworkCallbacks,
    scheduler: *mut c_void,
}

// SAFETY: Envoy lets any thread commit and delete a connection's scheduler; there is one owner.
unsafe impl Send for ConnectionWaker {}

impl Facts {
    /// Reads what is known of `filter`'s connection to `process`.
    ///
    /// # Safety
    /// `filter` is what Envoy passed to the hook that is running.
    pub(super) unsafe fn read(
        callbacks: &NetworkCallbacks,
        filter: EnvoyPtr,
        process: &str,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let address = |read: AddressReader| {
            let (mut ip, mut port) = (EnvoyBuffer::EMPTY, 0);
            // SAFETY: the caller's promise, and both places are valid.
            let known = unsafe { read(filter, &raw mut ip, &raw mut port) };
            // SAFETY: what Envoy wrote stays during the hook; it is copied here.
            let ip = std::str::from_utf8(unsafe { ip.bytes() }).ok().filter(|_| known)?;
            let ip: IpAddr = ip.parse().ok()?;
            Some(SocketAddr::new(ip, u16::try_from(port).ok()?).to_string())
        };
        let text = |read: unsafe extern "C" fn(EnvoyPtr, *mut EnvoyBuffer) -> bool| {
            let mut buffer = EnvoyBuffer::EMPTY;
            // SAFETY: as above.
            unsafe {
                let known = read(filter, &raw mut buffer);
                if known { buffer.bytes().to_vec() } else { Vec::new() }
            }
        };
        let mut facts = Self {
            id: format!("{process}-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            client: address(callbacks.network_filter_get_remote_address),
            peer: address(callbacks.network_filter_get_direct_remote_address),
            local: address(callbacks.network_filter_get_local_address),
            server_name: text(callbacks.network_filter_get_requested_server_name),
            ..Self::default()
        };
        // SAFETY: the caller's promise.
        if unsafe { (callbacks.network_filter_is_ssl)(filter) } {
            // SAFETY: as above; the place has room for as many as Envoy said.
            let uris = unsafe {
                let count = (callbacks.network_filter_get_ssl_uri_sans_size)(filter);
                let mut uris = vec![EnvoyBuffer::EMPTY; count];
                let known = count > 0
                    && (callbacks.network_filter_get_ssl_uri_sans)(filter, uris.as_mut_ptr());
                if known { uris } else { Vec::new() }
            };
            // SAFETY: as above.
            facts.peer_uri =
                uris.first().map(|uri| unsafe { uri.bytes() }.to_vec()).unwrap_or_default();
            // A client without a certificate has neither.
            facts.mutual_tls =
                !uris.is_empty() || !text(callbacks.network_filter_get_ssl_subject).is_empty();
            if let Some(read) = callbacks.network_filter_get_attribute_string {
                const LOCAL_URI: u32 = 36;
                let mut buffer = EnvoyBuffer::EMPTY;
                // SAFETY: as above.
                unsafe {
                    if read(filter, LOCAL_URI, &raw mut buffer) {
                        facts.local_uri = buffer.bytes().to_vec();
                    }
                }
            }
        }
        facts
    }
}

/// Defines the counters of connections. Envoy puts those of network filters below a name of its own, so
/// that they bear the module's themselves.
///
/// # Safety
/// Called inside the hook that creates the configuration `config`.
pub(super) unsafe fn define_counters(
    callbacks: &NetworkCallbacks,
    config: EnvoyPtr,
) -> Option<Vec<usize>> {
    let define = |counter: &Counter| {
        let name = format!("tcp.{}", counter.name());
        let mut id = 0;
        // SAFETY: the caller's promise, and `id` is a valid place.
        let result = unsafe {
            (callbacks.network_filter_config_define_counter)(
                config,
                name.as_str().into(),
                &raw mut id,
            )
        };
        (result == METRIC_DEFINED).then_some(id)
    };
    Counter::ALL.iter().map(define).collect()
}

impl EnvoyConnection<'_> {
    fn connection_waker(&self) -> ConnectionWaker {
        // SAFETY: the filter is alive and this is its worker.
        let scheduler = unsafe { (self.callbacks.network_filter_scheduler_new)(self.filter) };
        ConnectionWaker { callbacks: self.callbacks, scheduler }
    }
}

impl StreamHost for EnvoyConnection<'_> {
    fn headers<'h>(&'h self, _block: HeaderBlock, _headers: &mut RawHeaders<'h>) {}

    fn text(&self, what: StreamText) -> Option<&[u8]> {
        let facts = &self.facts;
        match what {
            StreamText::ClientAddress => facts.client.as_deref().map(str::as_bytes),
            StreamText::PeerAddress => facts.peer.as_deref().map(str::as_bytes),
            StreamText::LocalAddress => facts.local.as_deref().map(str::as_bytes),
            StreamText::ServerName => Some(&facts.server_name),
            StreamText::PeerUri => Some(&facts.peer_uri),
            StreamText::LocalUri => Some(&facts.local_uri),
        }
    }

    fn number(&self, what: StreamNumber) -> Option<u64> {
        const RESPONSE_FLAGS: u32 = 17;
        if what != StreamNumber::ResponseFlags {
            return None;
        }
        let mut number = 0;
        // SAFETY: the filter is alive and `number` is a valid place.
        unsafe {
            self.callbacks.network_filter_get_attribute_int?(
                self.filter,
                RESPONSE_FLAGS,
                &raw mut number,
            )
        }
        .then_some(number)
    }

    fn filter_state(&self, _key: &str) -> Option<&[u8]> {
        None
    }

    fn mutual_tls(&self) -> Option<bool> {
        Some(self.facts.mutual_tls)
    }

    fn connection(&self) -> Option<&str> {
        Some(&self.facts.id)
    }

    fn span(&self) -> Option<SpanIds> {
        None
    }

    fn route(&self) -> Option<&RouteConfig> {
        None
    }

    fn start_call(&mut self, call: &OutboundCall<'_>) -> Result<CallId, StartFailure> {
        // SAFETY: the filter is alive.
        unsafe { start_callout(self.callbacks.network_filter_http_callout, self.filter, call) }
    }

    // A buffered call has ended when its answer is looked at, and cannot be reset before.
    fn reset_call(&mut self, _call: CallId) {}

    fn waker(&self) -> Rc<dyn Wake> {
        Rc::new(self.connection_waker())
    }

    fn wake_after(&self, delay: Duration, event: WakeEvent) -> bool {
        let waker = self.connection_waker();
        self.bell.call_after(delay, Box::new(move || waker.wake(event)))
    }

    fn set_header(&mut self, _block: HeaderBlock, _name: &str, _value: Option<&[u8]>) {}

    fn add_header(&mut self, _block: HeaderBlock, _name: &str, _value: &[u8]) {}

    fn clear_route_cache(&mut self) {}

    fn set_metadata(&mut self, _key: &str, _value: &str) {}

    fn set_flag(&mut self, _flag: &'static str) {}

    fn count(&self, counter: Counter, by: u64) {
        if let Some(&id) = self.counters.get(counter as usize) {
            // SAFETY: the filter is alive and the id was defined for its configuration.
            unsafe {
                (self.callbacks.network_filter_increment_counter)(self.filter, id, by);
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

impl ConnectionHost for EnvoyConnection<'_> {
    fn tick_after(&self, delay: Duration) -> Option<Tick> {
        let waker = self.connection_waker();
        self.bell.tick_after(delay, Box::new(move || waker.commit(TICK)))
    }
}

impl ConnectionWaker {
    fn commit(&self, event: u64) {
        // SAFETY: the scheduler is ours until it is deleted in drop; Envoy ignores a commit for a
        // filter that is gone.
        unsafe { (self.callbacks.network_filter_scheduler_commit)(self.scheduler, event) }
    }
}

impl Wake for ConnectionWaker {
    fn wake(&self, event: WakeEvent) {
        self.commit(event as u64);
    }
}

impl Drop for ConnectionWaker {
    fn drop(&mut self) {
        // SAFETY: ours, and deleted exactly once.
        unsafe { (self.callbacks.network_filter_scheduler_delete)(self.scheduler) }
    }
}
