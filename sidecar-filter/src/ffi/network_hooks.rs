//! Hooks of network filter configurations and of connections. Those of a connection run on the worker
//! that owns it.
//!
//! A client of TLS is known when its handshake is done, which the filters below keep from being read:
//! reading is allowed until then, and forbidden again before the check, so that Envoy's count is as they
//! left it when the connection goes on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::abi::{CONTINUE, EnvoyBuffer, EnvoyHeader, EnvoyPtr, ModulePtr, items};
use super::callbacks::{Callbacks, NetworkCallbacks};
use super::config_hooks::{NewConfigError, refuse};
use super::network_host::{EnvoyConnection, Facts, define_counters};
use super::{guard, hold};
use crate::config::{ConfigId, FilterConfig, Settings};
use crate::filter::Flow;
use crate::host::{CallId, StreamHost, WakeEvent};
use crate::mixer::Mixer;
use crate::stats::Counter;
use crate::tcp::Connection;
use crate::worker::{Site, Worker};

/// The event by which a connection is woken for its next report; none of [`WakeEvent`]'s.
pub(super) const TICK: u64 = 1 << 32;

/// `network_filter_data_status`.
const STOP: u32 = 1;
/// `network_connection_close_type`.
const NO_FLUSH: u32 = 1;
/// `network_connection_event`.
const REMOTE_CLOSE: u32 = 0;
const LOCAL_CLOSE: u32 = 1;
const CONNECTED: u32 = 2;
/// `http_callout_result`.
const ANSWERED: u32 = 0;

/// Details of a connection that was refused because a hook panicked.
const PANICKED: &str = "mixmesh_filter_panic";

struct NetworkConfig {
    shared: Arc<FilterConfig>,
    counters: Vec<usize>,
    callbacks: &'static NetworkCallbacks,
}

struct NetworkSite {
    id: ConfigId,
    site: Rc<Site>,
    counters: Vec<usize>,
    callbacks: &'static NetworkCallbacks,
}

struct NetworkFilter {
    connection: Connection,
    site: Rc<NetworkSite>,
    facts: RefCell<Rc<Facts>>,
    /// Whether the client is only known when its handshake is done.
    shaking_hands: Cell<bool>,
}

thread_local! {
    static SITES: RefCell<Vec<Rc<NetworkSite>>> = const { RefCell::new(Vec::new()) };
}

impl NetworkSite {
    fn of_this_thread(config: &NetworkConfig) -> Rc<Self> {
        SITES.with_borrow_mut(|sites| {
            if let Some(site) = sites.iter().find(|site| site.id == config.shared.id()) {
                return Rc::clone(site);
            }
            sites.retain(|site| !site.site.config.is_retired());
            let worker = Worker::of_this_thread(&config.shared);
            let site = Rc::new(Self {
                id: config.shared.id(),
                site: Rc::new(Site { config: Arc::clone(&config.shared), worker }),
                counters: config.counters.clone(),
                callbacks: config.callbacks,
            });
            sites.push(Rc::clone(&site));
            site
        })
    }
}

/// Runs the logic of one hook; `None` when it panicked, which ends the connection's check.
fn run<R>(
    filter: &NetworkFilter,
    envoy: EnvoyPtr,
    logic: impl FnOnce(&mut EnvoyConnection<'_>) -> R,
) -> Option<R> {
    let mut host = EnvoyConnection {
        callbacks: filter.site.callbacks,
        filter: envoy,
        counters: &filter.site.counters,
        bell: &filter.site.site.worker.mixer().bell,
        facts: Rc::clone(&filter.facts.borrow()),
    };
    let result = guard(|| None, || Some(logic(&mut host)));
    if result.is_none() {
        guard(
            || (),
            || {
                host.count(Counter::Panics, 1);
                filter.connection.on_panic();
            },
        );
    }
    result
}

/// Carries out, as the hook's last step, what became of a connection that was stopped.
///
/// # Safety
/// `envoy` is what Envoy passed to the hook that is running.
unsafe fn carry_out(callbacks: &NetworkCallbacks, envoy: EnvoyPtr, flow: Option<Flow>) {
    match flow {
        Some(Flow::Wait) => {}
        // SAFETY: the caller's promise; nothing of the connection is used after this.
        Some(Flow::Continue) => unsafe { (callbacks.network_filter_continue_reading)(envoy) },
        Some(Flow::Reply(reply)) => {
            let details = reply.denial.details.as_str();
            // SAFETY: as above; Envoy copies the text.
            unsafe {
                (callbacks.network_filter_close_with_details)(envoy, NO_FLUSH, details.into());
            }
        }
        None => {
            // SAFETY: as above.
            unsafe {
                (callbacks.network_filter_close_with_details)(envoy, NO_FLUSH, PANICKED.into());
            }
        }
    }
}

/// Asks whether the client, which is known now, may connect.
///
/// # Safety
/// `envoy` is what Envoy passed to the hook that is running.
unsafe fn open(filter: &NetworkFilter, envoy: EnvoyPtr) -> Option<Flow> {
    let process = filter.site.site.worker.mixer().filter_id();
    // SAFETY: the caller's promise.
    let facts = unsafe { Facts::read(filter.site.callbacks, envoy, process) };
    filter.facts.replace(Rc::new(facts));
    run(filter, envoy, |host| filter.connection.on_open(host))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_config_new(
    envoy: EnvoyPtr,
    _name: EnvoyBuffer,
    json: EnvoyBuffer,
) -> ModulePtr {
    guard(std::ptr::null, || {
        let Some(base) = Callbacks::loaded() else { return std::ptr::null() };
        let new = || -> Result<NetworkConfig, NewConfigError> {
            let callbacks = NetworkCallbacks::load().map_err(NewConfigError::Callback)?;
            // SAFETY: as Envoy passed it; it lasts until the hook ends.
            let settings = Settings::parse_tcp(unsafe { json.bytes() })?;
            // SAFETY: this is the hook that creates the configuration.
            let counters =
                unsafe { define_counters(callbacks, envoy) }.ok_or(NewConfigError::Statistics)?;
            let mixer = Mixer::shared(&settings.mixer_cluster);
            let shared = Arc::new(FilterConfig::new(settings, mixer));
            Ok(NetworkConfig { shared, counters, callbacks })
        };
        match new() {
            Ok(config) => Box::into_raw(Box::new(config)).cast_const().cast(),
            Err(error) => {
                refuse(base, "filter_config of a network filter", &error);
                std::ptr::null()
            }
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_config_destroy(module: ModulePtr) {
    guard(
        || (),
        || {
            if !module.is_null() {
                // SAFETY: what our config_new returned comes back once.
                let config = unsafe { Box::from_raw(module.cast_mut().cast::<NetworkConfig>()) };
                config.shared.retire();
            }
        },
    );
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_new(
    config: ModulePtr,
    _envoy: EnvoyPtr,
) -> ModulePtr {
    guard(std::ptr::null, || {
        // SAFETY: what our own config_new returned, alive as long as its filters.
        let Some(config) = (unsafe { config.cast::<NetworkConfig>().as_ref() }) else {
            return std::ptr::null();
        };
        let site = NetworkSite::of_this_thread(config);
        Rc::into_raw(Rc::new(NetworkFilter {
            connection: Connection::new(&site.site),
            site,
            facts: RefCell::default(),
            shaking_hands: Cell::new(false),
        }))
        .cast()
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_destroy(module: ModulePtr) {
    guard(
        || (),
        || {
            if !module.is_null() {
                // SAFETY: the count that `new` gave to Envoy comes back once.
                let filter = unsafe { Rc::from_raw(module.cast::<NetworkFilter>()) };
                filter.connection.on_destroy();
            }
        },
    );
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_new_connection(
    envoy: EnvoyPtr,
    module: ModulePtr,
) -> u32 {
    // SAFETY: as Envoy passed it.
    let Some(filter) = (unsafe { hold::<NetworkFilter>(module) }) else { return STOP };
    let callbacks = filter.site.callbacks;
    // SAFETY: as Envoy passed it.
    unsafe {
        if (callbacks.network_filter_is_ssl)(envoy) {
            filter.shaking_hands.set(true);
            (callbacks.network_filter_read_disable)(envoy, false);
            return STOP;
        }
        match guard(|| None, || open(&filter, envoy)) {
            Some(Flow::Continue) => CONTINUE,
            flow => {
                carry_out(callbacks, envoy, flow);
                STOP
            }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_event(
    envoy: EnvoyPtr,
    module: ModulePtr,
    event: u32,
) {
    // SAFETY: as Envoy passed it.
    let Some(filter) = (unsafe { hold::<NetworkFilter>(module) }) else { return };
    let callbacks = filter.site.callbacks;
    match event {
        // SAFETY: as Envoy passed it.
        CONNECTED if filter.shaking_hands.replace(false) => unsafe {
            (callbacks.network_filter_read_disable)(envoy, true);
            let flow = guard(|| None, || open(&filter, envoy));
            carry_out(callbacks, envoy, flow);
        },
        REMOTE_CLOSE | LOCAL_CLOSE => {
            run(&filter, envoy, |host| filter.connection.on_close(host));
        }
        _ => {}
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_read(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    len: usize,
    _end: bool,
) -> u32 {
    // SAFETY: as Envoy passed it.
    let Some(filter) = (unsafe { hold::<NetworkFilter>(module) }) else { return STOP };
    let goes_on = guard(|| false, || filter.connection.on_read(len));
    if goes_on { CONTINUE } else { STOP }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_write(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    len: usize,
    _end: bool,
) -> u32 {
    // SAFETY: as Envoy passed it.
    if let Some(filter) = unsafe { hold::<NetworkFilter>(module) } {
        guard(|| (), || filter.connection.on_write(len));
    }
    CONTINUE
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_scheduled(
    envoy: EnvoyPtr,
    module: ModulePtr,
    event: u64,
) {
    // SAFETY: as Envoy passed it.
    let Some(filter) = (unsafe { hold::<NetworkFilter>(module) }) else { return };
    if event == TICK {
        run(&filter, envoy, |host| filter.connection.on_tick(host));
    } else if let Some(event) = WakeEvent::from_number(event) {
        let flow = run(&filter, envoy, |host| filter.connection.on_scheduled(host, event));
        // SAFETY: as Envoy passed it.
        unsafe { carry_out(filter.site.callbacks, envoy, flow) }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_http_callout_done(
    envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
    result: u32,
    headers: *const EnvoyHeader,
    headers_len: usize,
    chunks: *const EnvoyBuffer,
    chunks_len: usize,
) {
    // SAFETY: as Envoy passed them; headers and chunks last until the hook ends.
    unsafe {
        let Some(filter) = hold::<NetworkFilter>(module) else { return };
        let flow = run(&filter, envoy, |host| {
            if result != ANSWERED {
                return filter.connection.on_no_answer(host, CallId(call));
            }
            let headers = items(headers, headers_len).iter().map(|h| h.pair());
            let chunks = items(chunks, chunks_len).iter().map(|chunk| chunk.bytes());
            filter.connection.on_answer(host, CallId(call), headers, chunks)
        });
        carry_out(filter.site.callbacks, envoy, flow);
    }
}
