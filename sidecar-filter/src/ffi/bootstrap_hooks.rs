//! Hooks of the bootstrap extension, which sends reports where no HTTP filter does, and the last ones of
//! a process that drains or ends. Each runs on Envoy's main thread.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;

use super::abi::{EnvoyBuffer, EnvoyHeader, EnvoyPtr, METRIC_DEFINED, ModulePtr, items};
use super::callbacks::{BootstrapCallbacks, Callbacks};
use super::config_hooks::{NewConfigError, refuse};
use super::guard;
use super::host::{log, now, start_callout};
use crate::config::{FilterConfig, Settings};
use crate::control::Control;
use crate::grpc::UnaryReply;
use crate::host::{CallId, ControlHost, LogLevel, Moment, Notify, OutboundCall, StartFailure};
use crate::mixer::Mixer;
use crate::stats::{Counter, Gauge};

/// `http_callout_result`.
const ANSWERED: u32 = 0;

/// Tells Envoy that the extension is done.
type Done = unsafe extern "C" fn(*mut c_void);

struct BootstrapConfig {
    shared: Arc<FilterConfig>,
    host: RefCell<Option<Rc<BootstrapControl>>>,
    base: &'static Callbacks,
}

struct BootstrapControl {
    base: &'static Callbacks,
    callbacks: &'static BootstrapCallbacks,
    config: EnvoyPtr,
    counters: Vec<usize>,
}

struct BootstrapNotifier {
    callbacks: &'static BootstrapCallbacks,
    scheduler: *mut c_void,
}

// SAFETY: Envoy lets any thread commit and delete a configuration's scheduler; there is one owner.
unsafe impl Send for BootstrapNotifier {}

impl ControlHost for BootstrapControl {
    fn start_call(&self, call: &OutboundCall<'_>) -> Result<CallId, StartFailure> {
        // SAFETY: the configuration is alive, the server is initialized and this is the main thread.
        unsafe { start_callout(self.callbacks.bootstrap_extension_http_callout, self.config, call) }
    }

    // A buffered call ends by its timeout alone.
    fn reset_call(&self, _call: CallId) {}

    fn count(&self, counter: Counter, by: u64) {
        if let Some(increment) = self.callbacks.bootstrap_extension_config_increment_counter
            && let Some(&id) = self.counters.get(counter as usize)
        {
            // SAFETY: the configuration is alive and the id was defined for it.
            unsafe {
                increment(self.config, id, std::ptr::null_mut(), 0, by);
            }
        }
    }

    fn set(&self, _gauge: Gauge, _value: u64) {}

    fn log(&self, level: LogLevel, line: &str) {
        log(self.base, level, line);
    }

    fn now(&self) -> Moment {
        now()
    }
}

impl Notify for BootstrapNotifier {
    fn notify(&self) {
        // SAFETY: the scheduler is ours until drop, and any thread may commit.
        unsafe { (self.callbacks.bootstrap_extension_config_scheduler_commit)(self.scheduler, 0) }
    }
}

impl Drop for BootstrapNotifier {
    fn drop(&mut self) {
        // SAFETY: ours, and deleted exactly once; any thread may.
        unsafe { (self.callbacks.bootstrap_extension_config_scheduler_delete)(self.scheduler) }
    }
}

/// # Safety
/// Called inside the hook that creates the configuration `config`.
unsafe fn define_counters(callbacks: &BootstrapCallbacks, config: EnvoyPtr) -> Vec<usize> {
    let Some(define) = callbacks.bootstrap_extension_config_define_counter else {
        return Vec::new();
    };
    let define = |counter: &Counter| {
        let name = format!("bootstrap.{}", counter.name());
        let mut id = 0;
        // SAFETY: the caller's promise; no label names are passed and `id` is a valid place.
        let result =
            unsafe { define(config, name.as_str().into(), std::ptr::null_mut(), 0, &raw mut id) };
        (result == METRIC_DEFINED).then_some(id)
    };
    Counter::ALL.iter().map(define).collect::<Option<_>>().unwrap_or_default()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_new(
    envoy: EnvoyPtr,
    _name: EnvoyBuffer,
    json: EnvoyBuffer,
) -> ModulePtr {
    guard(std::ptr::null, || {
        let Some(base) = Callbacks::loaded() else { return std::ptr::null() };
        let new = || -> Result<BootstrapConfig, NewConfigError> {
            let callbacks = BootstrapCallbacks::load().map_err(NewConfigError::Callback)?;
            // SAFETY: as Envoy passed it; it lasts until the hook ends.
            let settings = Settings::parse(unsafe { json.bytes() })?;
            let mixer = Mixer::shared(&settings.mixer_cluster);
            // SAFETY: this is the hook that creates the configuration; Envoy waits for the signal.
            let counters = unsafe {
                let counters = define_counters(callbacks, envoy);
                (callbacks.bootstrap_extension_config_signal_init_complete)(envoy);
                counters
            };
            let host = Rc::new(BootstrapControl { base, callbacks, config: envoy, counters });
            let shared = Arc::new(FilterConfig::new(settings, mixer));
            Ok(BootstrapConfig { shared, host: RefCell::new(Some(host)), base })
        };
        match new() {
            Ok(config) => Rc::into_raw(Rc::new(config)).cast(),
            Err(error) => {
                refuse(base, "extension_config of the bootstrap extension", &error);
                std::ptr::null()
            }
        }
    })
}

/// # Safety
/// `module` is what Envoy passed to the hook that is running.
unsafe fn with(module: ModulePtr, logic: impl FnOnce(&BootstrapConfig)) {
    guard(
        || (),
        || {
            // SAFETY: the caller's promise: null, or what our hooks returned and is not destroyed.
            if let Some(config) = unsafe { module.cast::<BootstrapConfig>().as_ref() } {
                logic(config);
            }
        },
    );
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_destroy(module: ModulePtr) {
    guard(
        || (),
        || {
            if !module.is_null() {
                // SAFETY: the count that config_new gave to Envoy comes back once.
                let config = unsafe { Rc::from_raw(module.cast::<BootstrapConfig>()) };
                Control::of_this_thread(config.shared.mixer()).leave(config.shared.id());
            }
        },
    );
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_new(
    config: ModulePtr,
    _envoy: EnvoyPtr,
) -> ModulePtr {
    if !config.is_null() {
        // SAFETY: what our config_new returned; the extension holds a count of its own.
        unsafe { Rc::increment_strong_count(config.cast::<BootstrapConfig>()) }
    }
    config
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_destroy(module: ModulePtr) {
    guard(
        || (),
        || {
            if !module.is_null() {
                // SAFETY: the count that `new` gave to Envoy comes back once.
                drop(unsafe { Rc::from_raw(module.cast::<BootstrapConfig>()) });
            }
        },
    );
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_server_initialized(
    _envoy: EnvoyPtr,
    module: ModulePtr,
) {
    let join = |config: &BootstrapConfig| {
        let Some(host) = config.host.take() else { return };
        // SAFETY: the configuration is alive and this is the main thread.
        let scheduler =
            unsafe { (host.callbacks.bootstrap_extension_config_scheduler_new)(host.config) };
        let notifier = Box::new(BootstrapNotifier { callbacks: host.callbacks, scheduler });
        let joined = Control::of_this_thread(config.shared.mixer()).join_as_stand_in(
            &config.shared,
            host,
            notifier,
        );
        if let Err(error) = joined {
            let line = format!("mixmesh: the thread that paces reports did not start: {error}");
            log(config.base, LogLevel::Error, &line);
        }
    };
    // SAFETY: as Envoy passed it.
    unsafe { with(module, join) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_drain_started(
    _envoy: EnvoyPtr,
    module: ModulePtr,
) {
    // SAFETY: as Envoy passed it.
    unsafe { with(module, |config| Control::of_this_thread(config.shared.mixer()).drain(now())) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_shutdown(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    done: Done,
    context: *mut c_void,
) {
    let told = Rc::new(Cell::new(false));
    let tell = {
        let told = Rc::clone(&told);
        move || {
            if !told.replace(true) {
                // SAFETY: Envoy wants exactly one call with what it passed.
                unsafe { done(context) }
            }
        }
    };
    let finished = guard(
        || false,
        || {
            // SAFETY: as Envoy passed it.
            let config = unsafe { module.cast::<BootstrapConfig>().as_ref() };
            config.is_some_and(|config| {
                let control = Control::of_this_thread(config.shared.mixer());
                control.drain_then(now(), Box::new(tell.clone()));
                true
            })
        },
    );
    if !finished {
        tell();
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_scheduled(
    _envoy: EnvoyPtr,
    module: ModulePtr,
    _event: u64,
) {
    // SAFETY: as Envoy passed it.
    unsafe { with(module, |config| Control::of_this_thread(config.shared.mixer()).run(now())) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_http_callout_done(
    _envoy: EnvoyPtr,
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
        with(module, |config| {
            let control = Control::of_this_thread(config.shared.mixer());
            let (id, call) = (config.shared.id(), CallId(call));
            if result != ANSWERED {
                return control.on_call_reset(id, call, now());
            }
            let headers = items(headers, headers_len).iter().map(|h| h.pair());
            control.on_call_headers(id, call, UnaryReply::complete(headers));
            for chunk in items(chunks, chunks_len) {
                control.on_call_data(id, call, chunk.bytes(), now());
            }
            control.on_call_complete(id, call, now());
        });
    }
}

/// A hook that Envoy requires and that this extension has no interest in.
macro_rules! uninterested {
    ($($name:ident($($type:ty),*) $(-> $returns:ty = $value:expr)?;)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name($(_: $type),*) $(-> $returns)? {
                $($value)?
            }
        )*
    };
}

uninterested! {
    envoy_dynamic_module_on_bootstrap_extension_worker_thread_initialized(EnvoyPtr, ModulePtr);
    envoy_dynamic_module_on_bootstrap_extension_timer_fired(EnvoyPtr, ModulePtr, *mut c_void);
    envoy_dynamic_module_on_bootstrap_extension_file_changed(EnvoyPtr, ModulePtr, EnvoyBuffer, u32);
    envoy_dynamic_module_on_bootstrap_extension_admin_request(EnvoyPtr, ModulePtr, EnvoyBuffer, EnvoyBuffer, EnvoyBuffer) -> u32 = 404;
    envoy_dynamic_module_on_bootstrap_extension_cluster_add_or_update(EnvoyPtr, ModulePtr, EnvoyBuffer);
    envoy_dynamic_module_on_bootstrap_extension_cluster_removal(EnvoyPtr, ModulePtr, EnvoyBuffer);
    envoy_dynamic_module_on_bootstrap_extension_listener_add_or_update(EnvoyPtr, ModulePtr, EnvoyBuffer);
    envoy_dynamic_module_on_bootstrap_extension_listener_removal(EnvoyPtr, ModulePtr, EnvoyBuffer);
}
