use std::ffi::{CStr, c_void};
use std::sync::OnceLock;

use super::abi::{EnvoyBuffer, EnvoyHeader, EnvoyPtr, ModuleBuffer, ModuleHeader, ModulePtr};

macro_rules! callbacks {
    (
        $(#[$doc:meta])* $table:ident in $place:ident;
        required { $($name:ident($($arg:ty),*) $(-> $ret:ty)?;)* }
        optional { $($newer:ident($($newer_arg:ty),*) $(-> $newer_ret:ty)?;)* }
    ) => {
        $(#[$doc])*
        pub(super) struct $table {
            $(pub(super) $name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
            $(pub(super) $newer: Option<unsafe extern "C" fn($($newer_arg),*) $(-> $newer_ret)?>,)*
        }

        /// Looked up once, when they are first needed.
        ///
        /// None is linked: an undefined symbol would keep the file from loading into an Envoy that
        /// lacks it and from linking into tests. A call costs one indirect jump.
        static $place: OnceLock<$table> = OnceLock::new();

        impl $table {
            /// Looks up the callbacks; the error is the name of a required one that Envoy lacks.
            pub(super) fn load() -> Result<&'static Self, &'static CStr> {
                if let Some(loaded) = $place.get() {
                    return Ok(loaded);
                }
                let resolved = Self::resolve()?;
                Ok($place.get_or_init(|| resolved))
            }

            pub(super) fn resolve() -> Result<Self, &'static CStr> {
                Ok(Self {
                    $($name: {
                        let name = symbol(concat!("envoy_dynamic_module_callback_", stringify!($name), "\0"));
                        let address = find(name).ok_or(name)?;
                        // SAFETY: the ABI gives the symbol of this name this signature.
                        unsafe {
                            std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($arg),*) $(-> $ret)?>(address)
                        }
                    },)*
                    $($newer: {
                        let name = symbol(concat!("envoy_dynamic_module_callback_", stringify!($newer), "\0"));
                        find(name).map(|address| {
                            // SAFETY: the ABI gives the symbol of this name this signature.
                            unsafe {
                                std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($newer_arg),*) $(-> $newer_ret)?>(address)
                            }
                        })
                    },)*
                })
            }
        }
    };
}

// Signatures and the Envoy versions that have them: docs of the dynamic module ABI v0.2.0.
callbacks! {
    /// One function pointer for each callback that the filter uses.
    Callbacks in CALLBACKS;
    required {
        log(u32, ModuleBuffer);
        is_validation_mode() -> bool;
        http_get_headers_size(EnvoyPtr, u32) -> usize;
        http_get_headers(EnvoyPtr, u32, *mut EnvoyHeader) -> bool;
        http_set_header(EnvoyPtr, u32, ModuleBuffer, ModuleBuffer) -> bool;
        http_add_header(EnvoyPtr, u32, ModuleBuffer, ModuleBuffer) -> bool;
        http_clear_route_cache(EnvoyPtr);
        http_set_dynamic_metadata_string(EnvoyPtr, ModuleBuffer, ModuleBuffer, ModuleBuffer);
        http_get_filter_state_bytes(EnvoyPtr, ModuleBuffer, *mut EnvoyBuffer) -> bool;
        http_send_response(EnvoyPtr, u32, *mut ModuleHeader, usize, ModuleBuffer, ModuleBuffer);
        http_filter_continue_decoding(EnvoyPtr);
        http_filter_scheduler_new(EnvoyPtr) -> *mut c_void;
        http_filter_scheduler_commit(*mut c_void, u64);
        http_filter_scheduler_delete(*mut c_void);
        http_filter_config_scheduler_new(EnvoyPtr) -> *mut c_void;
        http_filter_config_scheduler_commit(*mut c_void, u64);
        http_filter_config_scheduler_delete(*mut c_void);
        http_filter_get_attribute_string(EnvoyPtr, u32, *mut EnvoyBuffer) -> bool;
        http_filter_get_attribute_int(EnvoyPtr, u32, *mut u64) -> bool;
        http_filter_get_attribute_bool(EnvoyPtr, u32, *mut bool) -> bool;
        get_most_specific_route_config(EnvoyPtr) -> ModulePtr;
        http_filter_start_http_stream(EnvoyPtr, *mut u64, ModuleBuffer, *mut ModuleHeader, usize, ModuleBuffer, bool, u64) -> u32;
        http_filter_reset_http_stream(EnvoyPtr, u64);
        http_filter_config_start_http_stream(EnvoyPtr, *mut u64, ModuleBuffer, *mut ModuleHeader, usize, ModuleBuffer, bool, u64) -> u32;
        http_filter_config_reset_http_stream(EnvoyPtr, u64);
        http_filter_config_define_counter(EnvoyPtr, ModuleBuffer, *mut ModuleBuffer, usize, *mut usize) -> u32;
        http_filter_config_define_gauge(EnvoyPtr, ModuleBuffer, *mut ModuleBuffer, usize, *mut usize) -> u32;
        http_filter_increment_counter(EnvoyPtr, usize, *mut ModuleBuffer, usize, u64) -> u32;
    }
    optional {
        // Since 1.39. Without them the statistics of the main thread (watch, fates of reports, gauges)
        // stay at zero.
        http_filter_config_increment_counter(EnvoyPtr, usize, *mut ModuleBuffer, usize, u64) -> u32;
        http_filter_config_set_gauge(EnvoyPtr, usize, *mut ModuleBuffer, usize, u64) -> u32;
        // Which version first had these is not known; without them a check joins only traces that the
        // client began.
        http_add_custom_flag(EnvoyPtr, ModuleBuffer);
        http_get_active_span(EnvoyPtr) -> *mut c_void;
        http_span_get_trace_id(*mut c_void, *mut EnvoyBuffer) -> bool;
        http_span_get_span_id(*mut c_void, *mut EnvoyBuffer) -> bool;
        // Since 1.40.
        http_get_downstream_direct_remote_address(EnvoyPtr, *mut EnvoyBuffer) -> bool;
    }
}

callbacks! {
    /// What the filter of connections uses besides.
    NetworkCallbacks in NETWORK;
    required {
        network_filter_get_remote_address(EnvoyPtr, *mut EnvoyBuffer, *mut u32) -> bool;
        network_filter_get_direct_remote_address(EnvoyPtr, *mut EnvoyBuffer, *mut u32) -> bool;
        network_filter_get_local_address(EnvoyPtr, *mut EnvoyBuffer, *mut u32) -> bool;
        network_filter_get_requested_server_name(EnvoyPtr, *mut EnvoyBuffer) -> bool;
        network_filter_is_ssl(EnvoyPtr) -> bool;
        network_filter_get_ssl_uri_sans_size(EnvoyPtr) -> usize;
        network_filter_get_ssl_uri_sans(EnvoyPtr, *mut EnvoyBuffer) -> bool;
        network_filter_get_ssl_subject(EnvoyPtr, *mut EnvoyBuffer) -> bool;
        network_filter_continue_reading(EnvoyPtr);
        network_filter_close_with_details(EnvoyPtr, u32, ModuleBuffer);
        network_filter_read_disable(EnvoyPtr, bool) -> u32;
        network_filter_http_callout(EnvoyPtr, *mut u64, ModuleBuffer, *mut ModuleHeader, usize, ModuleBuffer, u64) -> u32;
        network_filter_scheduler_new(EnvoyPtr) -> *mut c_void;
        network_filter_scheduler_commit(*mut c_void, u64);
        network_filter_scheduler_delete(*mut c_void);
        network_filter_config_define_counter(EnvoyPtr, ModuleBuffer, *mut usize) -> u32;
        network_filter_increment_counter(EnvoyPtr, usize, u64) -> u32;
    }
    optional {
        // Since 1.39. Without them there is no `destination.principal` nor `context.proxy_error_code`.
        network_filter_get_attribute_string(EnvoyPtr, u32, *mut EnvoyBuffer) -> bool;
        network_filter_get_attribute_int(EnvoyPtr, u32, *mut u64) -> bool;
    }
}

callbacks! {
    /// What the bootstrap extension uses besides.
    BootstrapCallbacks in BOOTSTRAP;
    required {
        bootstrap_extension_config_signal_init_complete(EnvoyPtr);
        bootstrap_extension_http_callout(EnvoyPtr, *mut u64, ModuleBuffer, *mut ModuleHeader, usize, ModuleBuffer, u64) -> u32;
        bootstrap_extension_config_scheduler_new(EnvoyPtr) -> *mut c_void;
        bootstrap_extension_config_scheduler_commit(*mut c_void, u64);
        bootstrap_extension_config_scheduler_delete(*mut c_void);
    }
    optional {
        // Which version first had these is not known; without them what the extension sends is not
        // counted.
        bootstrap_extension_config_define_counter(EnvoyPtr, ModuleBuffer, *mut ModuleBuffer, usize, *mut usize) -> u32;
        bootstrap_extension_config_increment_counter(EnvoyPtr, usize, *mut ModuleBuffer, usize, u64) -> u32;
    }
}

impl Callbacks {
    /// The callbacks, once [`load`](Self::load) has succeeded.
    pub(super) fn loaded() -> Option<&'static Self> {
        CALLBACKS.get()
    }

    /// Uses these callbacks in the tests of this process.
    #[cfg(test)]
    pub(super) fn install(callbacks: Self) {
        let _ = CALLBACKS.set(callbacks);
    }
}

/// The C string of a literal that ends in NUL.
fn symbol(name: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or_default()
}

fn find(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: `name` is a C string; the default handle searches the running program.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}
