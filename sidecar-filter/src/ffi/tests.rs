//! The border against an Envoy made of functions: who owns what, what a hook does last, and that a
//! panic neither crosses nor lets a request through.

use std::cell::RefCell;
use std::ffi::c_void;

use super::abi::{EnvoyBuffer, EnvoyHeader, EnvoyPtr, ModuleBuffer, ModuleHeader, ModulePtr};
use super::callbacks::Callbacks;
use super::config_hooks::{
    envoy_dynamic_module_on_http_filter_config_destroy as config_destroy,
    envoy_dynamic_module_on_http_filter_config_http_stream_data as config_data,
    envoy_dynamic_module_on_http_filter_config_new as config_new,
    envoy_dynamic_module_on_http_filter_per_route_config_destroy as route_destroy,
    envoy_dynamic_module_on_http_filter_per_route_config_new as route_new,
    envoy_dynamic_module_on_program_init as program_init,
};
use super::stream_hooks::{
    Hook, decide, envoy_dynamic_module_on_http_filter_destroy as destroy,
    envoy_dynamic_module_on_http_filter_http_stream_complete as call_complete,
    envoy_dynamic_module_on_http_filter_http_stream_data as call_data,
    envoy_dynamic_module_on_http_filter_http_stream_headers as call_headers,
    envoy_dynamic_module_on_http_filter_http_stream_reset as call_reset,
    envoy_dynamic_module_on_http_filter_new as filter_new,
    envoy_dynamic_module_on_http_filter_request_headers as request_headers,
    envoy_dynamic_module_on_http_filter_stream_complete as stream_complete,
};
use crate::stats::Counter;

/// What the filter did to this thread's Envoy.
#[derive(Debug, Default)]
struct Envoy {
    module: usize,
    /// Reply or resumption destroys the filter before it returns, as Envoy may.
    ends_at_once: bool,
    calls: Vec<String>,
    next_call: u64,
    counted: Vec<(usize, u64)>,
    replies: Vec<(u32, String, String)>,
    resumed: u32,
    lines: Vec<String>,
    schedulers: i32,
    route: usize,
}

thread_local! {
    static ENVOY: RefCell<Envoy> = RefCell::default();
}

const HEADERS: [(&str, &str); 4] =
    [(":method", "GET"), (":path", "/a"), (":authority", "service"), ("x-user", "bob")];

/// Where the fake Envoy says its objects are; nothing is there.
const FILTER: EnvoyPtr = 0x10 as EnvoyPtr;
const CONFIG: EnvoyPtr = 0x20 as EnvoyPtr;

fn with<R>(f: impl FnOnce(&mut Envoy) -> R) -> R {
    ENVOY.with_borrow_mut(f)
}

fn buffer(text: &str) -> EnvoyBuffer {
    // SAFETY: both are a pointer and a length.
    unsafe { std::mem::transmute(ModuleBuffer::from(text)) }
}

fn header(name: &str, value: &str) -> EnvoyHeader {
    // SAFETY: both are two pointers with their lengths.
    unsafe { std::mem::transmute(ModuleHeader::new(name, value)) }
}

fn text(module: ModuleBuffer) -> String {
    // SAFETY: both are a pointer and a length, and the module's bytes live during the call.
    let bytes = unsafe { std::mem::transmute::<ModuleBuffer, EnvoyBuffer>(module).bytes() };
    String::from_utf8_lossy(bytes).into_owned()
}

fn end_stream_if_asked() {
    let module = with(|envoy| {
        let ends = std::mem::take(&mut envoy.ends_at_once);
        ends.then(|| std::mem::take(&mut envoy.module))
    });
    if let Some(module) = module.filter(|module| *module != 0) {
        // SAFETY: what `filter_new` returned, once.
        unsafe {
            stream_complete(FILTER, module as ModulePtr);
            destroy(module as ModulePtr);
        }
    }
}

unsafe extern "C" fn log(_level: u32, line: ModuleBuffer) {
    with(|envoy| envoy.lines.push(text(line)));
}
unsafe extern "C" fn yes() -> bool {
    true
}
unsafe extern "C" fn headers_size(_: EnvoyPtr, block: u32) -> usize {
    if block == 0 { HEADERS.len() } else { 0 }
}
unsafe extern "C" fn headers(_: EnvoyPtr, _: u32, place: *mut EnvoyHeader) -> bool {
    for (index, (name, value)) in HEADERS.iter().enumerate() {
        // SAFETY: the filter made room for as many as `headers_size` said.
        unsafe { place.add(index).write(header(name, value)) };
    }
    true
}
unsafe extern "C" fn change_header(_: EnvoyPtr, _: u32, _: ModuleBuffer, _: ModuleBuffer) -> bool {
    true
}
unsafe extern "C" fn no_state(_: EnvoyPtr, _: ModuleBuffer, _: *mut EnvoyBuffer) -> bool {
    false
}
unsafe extern "C" fn nothing(_: EnvoyPtr) {}
unsafe extern "C" fn note(_: EnvoyPtr, _: ModuleBuffer, _: ModuleBuffer, _: ModuleBuffer) {}
unsafe extern "C" fn send_response(
    _: EnvoyPtr,
    status: u32,
    _: *mut ModuleHeader,
    _: usize,
    body: ModuleBuffer,
    details: ModuleBuffer,
) {
    with(|envoy| envoy.replies.push((status, text(body), text(details))));
    end_stream_if_asked();
}
unsafe extern "C" fn continue_decoding(_: EnvoyPtr) {
    with(|envoy| envoy.resumed += 1);
    end_stream_if_asked();
}
unsafe extern "C" fn scheduler_new(_: EnvoyPtr) -> *mut c_void {
    with(|envoy| envoy.schedulers += 1);
    0x30 as *mut c_void
}
unsafe extern "C" fn scheduler_commit(_: *mut c_void, _: u64) {}
unsafe extern "C" fn scheduler_delete(_: *mut c_void) {
    with(|envoy| envoy.schedulers -= 1);
}
unsafe extern "C" fn no_text(_: EnvoyPtr, _: u32, _: *mut EnvoyBuffer) -> bool {
    false
}
unsafe extern "C" fn no_number(_: EnvoyPtr, _: u32, _: *mut u64) -> bool {
    false
}
unsafe extern "C" fn no_flag(_: EnvoyPtr, _: u32, _: *mut bool) -> bool {
    false
}
unsafe extern "C" fn route(_: EnvoyPtr) -> ModulePtr {
    with(|envoy| envoy.route as ModulePtr)
}
unsafe extern "C" fn start_call(
    _: EnvoyPtr,
    id: *mut u64,
    cluster: ModuleBuffer,
    _: *mut ModuleHeader,
    _: usize,
    _: ModuleBuffer,
    _: bool,
    _: u64,
) -> u32 {
    let cluster = text(cluster);
    if cluster == "nowhere" {
        return 2;
    }
    with(|envoy| {
        envoy.calls.push(cluster);
        envoy.next_call += 1;
        // SAFETY: the filter passes a place for the number.
        unsafe { id.write(envoy.next_call) };
    });
    0
}
unsafe extern "C" fn reset_call(_: EnvoyPtr, _: u64) {}
unsafe extern "C" fn define(
    _: EnvoyPtr,
    _: ModuleBuffer,
    _: *mut ModuleBuffer,
    _: usize,
    id: *mut usize,
) -> u32 {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    // SAFETY: the filter passes a place for the number.
    unsafe { id.write(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) };
    0
}
unsafe extern "C" fn count(_: EnvoyPtr, id: usize, _: *mut ModuleBuffer, _: usize, by: u64) -> u32 {
    with(|envoy| envoy.counted.push((id, by)));
    0
}

fn fake() -> Callbacks {
    Callbacks {
        log,
        is_validation_mode: yes,
        http_get_headers_size: headers_size,
        http_get_headers: headers,
        http_set_header: change_header,
        http_add_header: change_header,
        http_clear_route_cache: nothing,
        http_set_dynamic_metadata_string: note,
        http_add_custom_flag: None,
        http_get_filter_state_bytes: no_state,
        http_send_response: send_response,
        http_filter_continue_decoding: continue_decoding,
        http_filter_scheduler_new: scheduler_new,
        http_filter_scheduler_commit: scheduler_commit,
        http_filter_scheduler_delete: scheduler_delete,
        http_filter_config_scheduler_new: scheduler_new,
        http_filter_config_scheduler_commit: scheduler_commit,
        http_filter_config_scheduler_delete: scheduler_delete,
        http_filter_get_attribute_string: no_text,
        http_filter_get_attribute_int: no_number,
        http_filter_get_attribute_bool: no_flag,
        get_most_specific_route_config: route,
        http_filter_start_http_stream: start_call,
        http_filter_reset_http_stream: reset_call,
        http_filter_config_start_http_stream: start_call,
        http_filter_config_reset_http_stream: reset_call,
        http_filter_config_define_counter: define,
        http_filter_config_define_gauge: define,
        http_filter_increment_counter: count,
        http_filter_config_increment_counter: Some(count),
        http_filter_config_set_gauge: Some(count),
        http_get_active_span: None,
        http_span_get_trace_id: None,
        http_span_get_span_id: None,
        http_get_downstream_direct_remote_address: None,
    }
}

fn new_config(json: &str) -> ModulePtr {
    Callbacks::install(fake());
    // SAFETY: as Envoy calls it.
    unsafe { config_new(CONFIG, buffer("mixmesh"), buffer(json)) }
}

fn new_filter(config: ModulePtr) -> ModulePtr {
    // SAFETY: as Envoy calls it.
    let filter = unsafe { filter_new(config, FILTER) };
    with(|envoy| envoy.module = filter as usize);
    filter
}

/// The answer that allows: an empty precondition, framed.
const ALLOW: &str = "\0\0\0\0\x02\x12\0";

fn answer(filter: ModulePtr, call: u64) {
    let data = buffer(ALLOW);
    let status = header("grpc-status", "0");
    // SAFETY: as Envoy calls them.
    unsafe {
        call_data(FILTER, filter, call, &raw const data, 1, false);
        call_headers(FILTER, filter, call, &raw const status, 1, true);
        call_complete(FILTER, filter, call);
    }
}

#[test]
fn outside_envoy_the_module_does_not_load() {
    assert!(Callbacks::resolve().is_err());
    if Callbacks::loaded().is_none() {
        assert!(program_init().is_null());
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_its_reason() {
    assert!(new_config(r#"{"mixer_clutser": "x"}"#).is_null());
    let lines = with(|envoy| envoy.lines.clone());
    assert_eq!(
        lines,
        [
            "mixmesh: filter_config is refused: mixer_clutser: no such field; did you mean mixer_cluster?"
        ]
    );
}

#[test]
fn a_request_is_stopped_asked_about_and_resumed() {
    let config = new_config(r#"{"mixer_cluster": "resumed", "disable_report": true}"#);
    let filter = new_filter(config);
    // SAFETY: as Envoy calls them.
    unsafe {
        assert_eq!(request_headers(FILTER, filter, true), 4);
        assert_eq!(with(|envoy| envoy.calls.clone()), ["resumed"]);
        answer(filter, 1);
        assert_eq!(with(|envoy| (envoy.resumed, envoy.replies.len())), (1, 0));
        stream_complete(FILTER, filter);
        destroy(filter);
        config_destroy(config);
    }
}

#[test]
fn a_filter_outlives_the_hook_that_ends_its_stream() {
    let config = new_config(r#"{"mixer_cluster": "ended"}"#);
    for reset in [false, true] {
        let filter = new_filter(config);
        with(|envoy| envoy.ends_at_once = true);
        // SAFETY: as Envoy calls them; the filter is destroyed inside the last hook.
        unsafe {
            assert_eq!(request_headers(FILTER, filter, true), 4);
            let call = with(|envoy| envoy.next_call);
            if reset {
                call_reset(FILTER, filter, call, 2);
            } else {
                answer(filter, call);
            }
        }
        assert_eq!(with(|envoy| envoy.module), 0, "destroyed");
    }
    assert_eq!(with(|envoy| (envoy.resumed, envoy.replies.len())), (1, 1));
    // SAFETY: as Envoy calls it.
    unsafe { config_destroy(config) };
}

#[test]
fn a_failed_start_is_refused_at_once_without_resuming() {
    let config = new_config(r#"{"mixer_cluster": "nowhere"}"#);
    let filter = new_filter(config);
    // SAFETY: as Envoy calls them.
    unsafe {
        assert_eq!(request_headers(FILTER, filter, true), 1);
        let replies = with(|envoy| envoy.replies.clone());
        assert_eq!(replies[0].0, 503);
        assert_eq!(replies[0].1, "UNAVAILABLE:mixer cannot be reached");
        assert_eq!(replies[0].2, "mixmesh_no_verdict{14:the_proxy_has_no_such_cluster}");
        assert_eq!(with(|envoy| envoy.resumed), 0);
        destroy(filter);
        config_destroy(config);
    }
}

#[test]
fn a_panic_refuses_the_request_and_is_counted() {
    let config = new_config(r#"{"mixer_cluster": "panicking"}"#);
    for hook in [Hook::RequestHeaders, Hook::Later] {
        let filter = new_filter(config);
        with(|envoy| {
            envoy.counted.clear();
            envoy.replies.clear();
        });
        // SAFETY: as the hooks call it.
        let status = unsafe { decide(FILTER, filter, hook, |_, _| panic!("as a defect would")) };
        assert_eq!(status, 1);
        let (replies, counted, resumed) =
            with(|envoy| (envoy.replies.clone(), envoy.counted.clone(), envoy.resumed));
        assert_eq!(replies[0].0, 500);
        assert_eq!(replies[0].1, "INTERNAL:the sidecar filter failed");
        assert_eq!((counted.len(), resumed), (1, 0));
        // SAFETY: as Envoy calls it.
        unsafe { destroy(filter) };
    }
    assert_eq!(Counter::Panics.name(), "panics");
    // SAFETY: as Envoy calls it.
    unsafe { config_destroy(config) };
}

#[test]
fn nothing_is_done_with_null() {
    Callbacks::install(fake());
    let nothing = std::ptr::null();
    // SAFETY: null is what a hook of ours returns when it fails.
    unsafe {
        assert_eq!(request_headers(FILTER, nothing, true), 1, "closed");
        call_complete(FILTER, nothing, 1);
        call_data(FILTER, nothing, 1, std::ptr::null(), 0, true);
        stream_complete(FILTER, nothing);
        destroy(nothing);
        assert!(filter_new(nothing, FILTER).is_null());
        config_data(CONFIG, nothing, 1, std::ptr::null(), 0, true);
        config_destroy(nothing);
        route_destroy(nothing);
    }
    // SAFETY: (null, 0) is how Envoy passes what is empty.
    unsafe {
        let config = config_new(CONFIG, EnvoyBuffer::EMPTY, EnvoyBuffer::EMPTY);
        assert!(!config.is_null());
        config_destroy(config);
    }
}

#[test]
fn a_route_is_read_and_freed() {
    let config = new_config(r#"{"mixer_cluster": "routed"}"#);
    // SAFETY: as Envoy calls them.
    unsafe {
        assert!(route_new(buffer("mixmesh"), buffer("{")).is_null());
        let route = route_new(buffer("mixmesh"), buffer(r#"{"disable_check": true}"#));
        with(|envoy| envoy.route = route as usize);
        let filter = new_filter(config);
        assert_eq!(request_headers(FILTER, filter, true), 0);
        destroy(filter);
        route_destroy(route);
        config_destroy(config);
    }
}

#[test]
fn waiting_takes_a_scheduler_and_gives_it_back() {
    let config = new_config(r#"{"mixer_cluster": "waiting", "disable_report": true}"#);
    // SAFETY: as Envoy calls them.
    unsafe {
        let (leader, waiter) = (new_filter(config), new_filter(config));
        assert_eq!(request_headers(FILTER, leader, true), 4);
        assert_eq!(request_headers(FILTER, waiter, true), 4);
        assert_eq!(with(|envoy| (envoy.calls.len(), envoy.schedulers)), (1, 1));
        stream_complete(FILTER, waiter);
        destroy(waiter);
        assert_eq!(with(|envoy| envoy.schedulers), 0);
        destroy(leader);
        config_destroy(config);
    }
}
