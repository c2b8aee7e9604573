//! Hooks of the module and of its configurations. Each runs on Envoy's main thread.

use std::ffi::c_char;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::abi::{ABI_VERSION, EnvoyBuffer, EnvoyHeader, EnvoyPtr, ModulePtr, items};
use super::callbacks::Callbacks;
use super::guard;
use super::host::{self, EnvoyControl, ROUTES_CONFIGURED, StatIds};
use crate::config::{ConfigError, FilterConfig, RouteConfig, Settings};
use crate::control::Control;
use crate::host::{CallId, LogLevel, Notify};
use crate::mixer::Mixer;

/// A configuration as Envoy knows it; workers read it.
pub(super) struct ModuleConfig {
    pub(super) shared: Arc<FilterConfig>,
    pub(super) stats: StatIds,
    pub(super) callbacks: &'static Callbacks,
}

/// Why a configuration was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum NewConfigError {
    #[error(transparent)]
    Settings(#[from] ConfigError),
    #[error("Envoy refused to define the statistics of the filter")]
    Statistics,
    #[error("this Envoy does not export {}", .0.to_string_lossy())]
    Callback(&'static std::ffi::CStr),
    #[error("the thread that paces the watch and reports did not start")]
    Ticker(#[source] std::io::Error),
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    guard(std::ptr::null, || match Callbacks::load() {
        Ok(_) => ABI_VERSION.as_ptr(),
        Err(missing) => {
            // Without the callbacks there is no other way to say it.
            eprintln!("mixmesh: this Envoy does not export {}", missing.to_string_lossy());
            std::ptr::null()
        }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    envoy: EnvoyPtr,
    _name: EnvoyBuffer,
    json: EnvoyBuffer,
) -> ModulePtr {
    guard(std::ptr::null, || {
        let Some(callbacks) = Callbacks::loaded() else { return std::ptr::null() };
        // SAFETY: as Envoy passed them; the JSON lasts until the hook ends.
        match unsafe { new_config(callbacks, envoy, json.bytes()) } {
            Ok(config) => Box::into_raw(Box::new(config)).cast_const().cast(),
            Err(error) => {
                refuse(callbacks, "filter_config", &error);
                std::ptr::null()
            }
        }
    })
}

/// # Safety
/// Envoy passed `envoy` to the hook that creates the configuration, and this is that hook.
unsafe fn new_config(
    callbacks: &'static Callbacks,
    envoy: EnvoyPtr,
    json: &[u8],
) -> Result<ModuleConfig, NewConfigError> {
    let settings = Settings::parse(json)?;
    // SAFETY: the caller's promise.
    let stats = unsafe { StatIds::define(callbacks, envoy) }.ok_or(NewConfigError::Statistics)?;
    let mixer = Mixer::shared(&settings.mixer_cluster);
    let shared = Arc::new(FilterConfig::new(settings, mixer));
    // SAFETY: the caller's promise; `Control` lets go of the host in `leave`, inside the hook that
    // destroys the configuration.
    let control_host = unsafe { EnvoyControl::new(callbacks, envoy, stats.clone()) };
    // SAFETY: this is the main thread.
    let validating = unsafe { (callbacks.is_validation_mode)() };
    let notifier = (!validating).then(|| Box::new(control_host.notifier()) as Box<dyn Notify>);
    Control::of_this_thread(shared.mixer())
        .join(&shared, Rc::new(control_host), notifier)
        .map_err(NewConfigError::Ticker)?;
    Ok(ModuleConfig { shared, stats, callbacks })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(
    module: ModulePtr,
) {
    guard(
        || (),
        || {
            if module.is_null() {
                return;
            }
            // SAFETY: what our config_new returned comes back once, after all its filters are gone.
            let config = unsafe { Box::from_raw(module.cast_mut().cast::<ModuleConfig>()) };
            config.shared.retire();
            Control::of_this_thread(config.shared.mixer()).leave(config.shared.id());
        },
    );
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_new(
    _name: EnvoyBuffer,
    json: EnvoyBuffer,
) -> ModulePtr {
    guard(std::ptr::null, || {
        let Some(callbacks) = Callbacks::loaded() else { return std::ptr::null() };
        // SAFETY: as Envoy passed it; it lasts until the hook ends.
        match RouteConfig::parse(unsafe { json.bytes() }) {
            Ok(route) => {
                ROUTES_CONFIGURED.store(true, Ordering::Relaxed);
                Box::into_raw(Box::new(route)).cast_const().cast()
            }
            Err(error) => {
                refuse(callbacks, "per-route filter_config", &error);
                std::ptr::null()
            }
        }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_destroy(
    module: ModulePtr,
) {
    guard(
        || (),
        || {
            if !module.is_null() {
                // SAFETY: what our per_route_config_new returned comes back once.
                drop(unsafe { Box::from_raw(module.cast_mut().cast::<RouteConfig>()) });
            }
        },
    );
}

/// Runs a hook of a configuration's control.
///
/// # Safety
/// `module` is what Envoy passed to the hook that is running.
unsafe fn control(module: ModulePtr, logic: impl FnOnce(&Control, &FilterConfig)) {
    guard(
        || (),
        || {
            // SAFETY: the caller's promise: null, or what our config_new returned and is not destroyed.
            if let Some(config) = unsafe { module.cast::<ModuleConfig>().as_ref() } {
                logic(&Control::of_this_thread(config.shared.mixer()), &config.shared);
            }
        },
    );
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_scheduled(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    _event: u64,
) {
    // SAFETY: as Envoy passed it.
    unsafe { control(module, |control, _| control.run(host::now())) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_headers(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
    headers: *const EnvoyHeader,
    len: usize,
    _end: bool,
) {
    // SAFETY: as Envoy passed them; the headers last until the hook ends.
    unsafe {
        control(module, |control, config| {
            let headers = items(headers, len).iter().map(|h| h.pair());
            control.on_call_headers(config.id(), CallId(call), headers);
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_trailers(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
    trailers: *const EnvoyHeader,
    len: usize,
) {
    // SAFETY: as Envoy passed them; the trailers last until the hook ends.
    unsafe {
        control(module, |control, config| {
            let trailers = items(trailers, len).iter().map(|h| h.pair());
            control.on_call_headers(config.id(), CallId(call), trailers);
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_data(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
    chunks: *const EnvoyBuffer,
    len: usize,
    _end: bool,
) {
    // SAFETY: as Envoy passed them; the chunks last until the hook ends.
    unsafe {
        control(module, |control, config| {
            for chunk in items(chunks, len) {
                control.on_call_data(config.id(), CallId(call), chunk.bytes(), host::now());
            }
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_complete(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
) {
    // SAFETY: as Envoy passed it.
    unsafe {
        control(module, |control, config| {
            control.on_call_complete(config.id(), CallId(call), host::now());
        });
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_stream_reset(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    call: u64,
    _reason: u32,
) {
    // SAFETY: as Envoy passed it.
    unsafe {
        control(module, |control, config| {
            control.on_call_reset(config.id(), CallId(call), host::now());
        });
    }
}

pub(super) fn refuse(callbacks: &Callbacks, what: &str, error: &dyn std::error::Error) {
    let mut line = format!("mixmesh: {what} is refused: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    host::log(callbacks, LogLevel::Error, &line);
}
