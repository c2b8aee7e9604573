//! Hooks of one request's filter. Each runs on the worker that owns the stream.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::abi::{
    CONTINUE, EnvoyBuffer, EnvoyHeader, EnvoyPtr, ModuleHeader, ModulePtr, headers_status, items,
};
use super::callbacks::Callbacks;
use super::config_hooks::ModuleConfig;
use super::host::{EnvoyStream, StatIds};
use super::{guard, hold};
use crate::check::{Denial, HeaderChange, HeaderOperation};
use crate::config::ConfigId;
use crate::filter::{Filter, Flow, Reply};
use crate::host::{CallId, StreamHost, WakeEvent};
use crate::stats::Counter;
use crate::ticker::Bell;
use crate::worker::{Site, Worker};

/// Details of a request that was refused because a hook panicked.
const PANICKED: &str = "mixmesh_filter_panic";

/// A filter as Envoy knows it.
struct ModuleFilter {
    filter: Filter,
    site: Rc<ModuleSite>,
}

/// A configuration as one worker uses it.
struct ModuleSite {
    id: ConfigId,
    site: Rc<Site>,
    stats: StatIds,
    callbacks: &'static Callbacks,
}

thread_local! {
    static SITES: RefCell<Vec<Rc<ModuleSite>>> = const { RefCell::new(Vec::new()) };
}

impl ModuleSite {
    fn bell(&self) -> &Bell {
        &self.site.worker.mixer().bell
    }

    fn of_this_thread(config: &ModuleConfig) -> Rc<Self> {
        SITES.with_borrow_mut(|sites| {
            if let Some(site) = sites.iter().find(|site| site.id == config.shared.id()) {
                return Rc::clone(site);
            }
            sites.retain(|site| !site.site.config.is_retired());
            let worker = Worker::of_this_thread(&config.shared);
            let site = Rc::new(Self {
                id: config.shared.id(),
                site: Rc::new(Site { config: Arc::clone(&config.shared), worker }),
                stats: StatIds::clone(&config.stats),
                callbacks: config.callbacks,
            });
            sites.push(Rc::clone(&site));
            site
        })
    }
}

/// What a hook does with the stream at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    /// The hook's return value lets the request go on.
    RequestHeaders,
    /// The request was stopped earlier and has to be resumed.
    Later,
}

/// Runs the logic of one hook and carries out what it says; returns whether the request goes on.
///
/// # Safety
/// `envoy` and `module` are what Envoy passed to the hook that is running, and `module` came from
/// [`envoy_dynamic_module_on_http_filter_new`] and has not been destroyed.
pub(super) unsafe fn decide(
    envoy: EnvoyPtr,
    module: ModulePtr,
    hook: Hook,
    logic: impl FnOnce(&Filter, &mut EnvoyStream<'_>) -> Flow,
) -> u32 {
    // SAFETY: the caller's promise. Our own count keeps the filter when the stream ends inside.
    let Some(filter) = (unsafe { hold::<ModuleFilter>(module) }) else {
        return headers_status::STOP;
    };
    let callbacks = filter.site.callbacks;
    // SAFETY: the caller's promise.
    let mut stream =
        unsafe { EnvoyStream::new(callbacks, envoy, &filter.site.stats, filter.site.bell()) };
    let flow = guard(|| None, || Some(logic(&filter.filter, &mut stream))).unwrap_or_else(|| {
        guard(
            || (),
            || {
                stream.count(Counter::Panics, 1);
                filter.filter.on_panic();
            },
        );
        let denial = Rc::new(Denial::panicked(PANICKED));
        let plain = Reply { denial: Rc::clone(&denial), grpc_status: None };
        Flow::Reply(guard(|| plain, || Reply::new(&stream, denial)))
    });
    match flow {
        Flow::Continue if hook == Hook::Later => {
            // SAFETY: the filter is alive; nothing of it is used after this.
            unsafe { (callbacks.http_filter_continue_decoding)(envoy) };
            headers_status::CONTINUE
        }
        Flow::Continue => headers_status::CONTINUE,
        Flow::Wait => headers_status::STOP_ALL_AND_WATERMARK,
        Flow::Reply(reply) => {
            // SAFETY: as above.
            unsafe { send(callbacks, envoy, &reply) };
            headers_status::STOP
        }
    }
}

/// # Safety
/// `envoy` is what Envoy passed to the hook that is running.
unsafe fn send(callbacks: &Callbacks, envoy: EnvoyPtr, reply: &Reply) {
    let status = reply.grpc_status.map(|status| status.to_string());
    let denial = &reply.denial;
    let mut headers: SmallVec<[(&str, &str); 4]> = smallvec![("content-type", "text/plain")];
    for HeaderOperation { name, change } in &denial.operations {
        if !matches!(change, HeaderChange::Append(_)) {
            headers.retain(|(known, _)| known != name);
        }
        match change {
            HeaderChange::Replace(value) | HeaderChange::Append(value) => {
                headers.push((name, value));
            }
            HeaderChange::Remove => {}
        }
    }
    headers.extend(status.as_deref().map(|status| ("grpc-status", status)));
    let mut headers: SmallVec<[ModuleHeader; 4]> =
        headers.iter().map(|(name, value)| ModuleHeader::new(name, value)).collect();
    // SAFETY: the caller's promise; Envoy copies all that is passed.
    unsafe {
        (callbacks.http_send_response)(
            envoy,
            denial.http_status.into(),
            headers.as_mut_ptr(),
            headers.len(),
            denial.body.as_str().into(),
            denial.details.as_str().into(),
        );
    }
}

/// Runs a hook that decides nothing.
///
/// # Safety
/// As for [`decide`].
unsafe fn observe(
    envoy: EnvoyPtr,
    module: ModulePtr,
    logic: impl FnOnce(&Filter, &mut EnvoyStream<'_>),
) {
    // SAFETY: the caller's promise.
    let Some(filter) = (unsafe { hold::<ModuleFilter>(module) }) else { return };
    // SAFETY: the caller's promise.
    let mut stream = unsafe {
        EnvoyStream::new(filter.site.callbacks, envoy, &filter.site.stats, filter.site.bell())
    };
    let done = guard(
        || false,
        || {
            logic(&filter.filter, &mut stream);
            true
        },
    );
    if !done {
        guard(
            || (),
            || {
                stream.count(Counter::Panics, 1);
                filter.filter.on_panic();
            },
        );
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    config: ModulePtr,
    _envoy: EnvoyPtr,
) -> ModulePtr {
    guard(std::ptr::null, || {
        // SAFETY: what our own config_new returned, alive as long as its filters.
        let Some(config) = (unsafe { config.cast::<ModuleConfig>().as_ref() }) else {
            return std::ptr::null();
        };
        let site = ModuleSite::of_this_thread(config);
        Rc::into_raw(Rc::new(ModuleFilter { filter: Filter::new(&site.site), site })).cast()
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(module: ModulePtr) {
    guard(
        || (),
        || {
            if !module.is_null() {
                // SAFETY: the count that `new` gave to Envoy comes back once.
                let filter = unsafe { Rc::from_raw(module.cast::<ModuleFilter>()) };
                filter.filter.on_destroy();
            }
        },
    );
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    envoy: EnvoyPtr,
    module: ModulePtr,
    _end_of_stream: bool,
) -> u32 {
    // SAFETY: as Envoy passed them.
    unsafe {
        decide(envoy, module, Hook::RequestHeaders, |filter, stream| {
            filter.on_request_headers(stream)
        })
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(
    envoy: EnvoyPtr,
    module: ModulePtr,
    event: u64,
) {
    let Some(event) = WakeEvent::from_number(event) else { return };
    // SAFETY: as Envoy passed them.
    unsafe {
        decide(envoy, module, Hook::Later, |filter, stream| filter.on_scheduled(stream, event));
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_headers(
    envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
    headers: *const EnvoyHeader,
    len: usize,
    _end: bool,
) {
    // SAFETY: as Envoy passed them; the headers last until the hook ends.
    unsafe {
        decide(envoy, module, Hook::Later, |filter, _| {
            filter.on_call_headers(CallId(call), items(headers, len).iter().map(|h| h.pair()));
            Flow::Wait
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_trailers(
    envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
    trailers: *const EnvoyHeader,
    len: usize,
) {
    // SAFETY: as Envoy passed them; the trailers last until the hook ends.
    unsafe {
        decide(envoy, module, Hook::Later, |filter, _| {
            filter.on_call_headers(CallId(call), items(trailers, len).iter().map(|h| h.pair()));
            Flow::Wait
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_data(
    envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
    chunks: *const EnvoyBuffer,
    len: usize,
    _end: bool,
) {
    // SAFETY: as Envoy passed them; the chunks last until the hook ends.
    unsafe {
        decide(envoy, module, Hook::Later, |filter, stream| {
            for chunk in items(chunks, len) {
                let flow = filter.on_call_data(stream, CallId(call), chunk.bytes());
                if !matches!(flow, Flow::Wait) {
                    return flow;
                }
            }
            Flow::Wait
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_complete(
    envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
) {
    // SAFETY: as Envoy passed them.
    unsafe {
        decide(envoy, module, Hook::Later, |filter, stream| {
            filter.on_call_complete(stream, CallId(call))
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_reset(
    envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
    _reason: u32,
) {
    // SAFETY: as Envoy passed them.
    unsafe {
        decide(envoy, module, Hook::Later, |filter, stream| {
            filter.on_call_reset(stream, CallId(call))
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_stream_complete(
    envoy: EnvoyPtr,
    module: ModulePtr,
) {
    // SAFETY: as Envoy passed them.
    unsafe { observe(envoy, module, |filter, stream| filter.on_stream_complete(stream)) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    envoy: EnvoyPtr,
    module: ModulePtr,
    _end_of_stream: bool,
) -> u32 {
    // SAFETY: as Envoy passed them.
    unsafe { observe(envoy, module, |filter, stream| filter.on_response_headers(stream)) }
    CONTINUE
}

/// A hook that Envoy requires and that this filter has no interest in.
macro_rules! uninterested {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $returns:ty = $value:expr)?;)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name($($arg: $type),*) $(-> $returns)? {
                $($value)?
            }
        )*
    };
}

uninterested! {
    envoy_dynamic_module_on_http_filter_request_body(_e: EnvoyPtr, _m: ModulePtr, _end: bool) -> u32 = CONTINUE;
    envoy_dynamic_module_on_http_filter_request_trailers(_e: EnvoyPtr, _m: ModulePtr) -> u32 = CONTINUE;
    envoy_dynamic_module_on_http_filter_response_body(_e: EnvoyPtr, _m: ModulePtr, _end: bool) -> u32 = CONTINUE;
    envoy_dynamic_module_on_http_filter_response_trailers(_e: EnvoyPtr, _m: ModulePtr) -> u32 = CONTINUE;
    envoy_dynamic_module_on_http_filter_http_callout_done(
        _e: EnvoyPtr, _m: ModulePtr, _id: u64, _result: u32,
        _headers: *const EnvoyHeader, _headers_len: usize, _chunks: *const EnvoyBuffer, _chunks_len: usize
    );
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(_e: EnvoyPtr, _m: ModulePtr);
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(_e: EnvoyPtr, _m: ModulePtr);
}
