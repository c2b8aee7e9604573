use std::ffi::{CStr, c_void};
use std::sync::OnceLock;

use super::abi::{EnvoyBuffer, EnvoyHeader, EnvoyPtr, ModuleBuffer, ModuleHeader, ModulePtr};

/// The callbacks of the running Envoy, looked up once when the module is loaded.
///
/// None is linked: an undefined symbol would keep the file from loading into an Envoy that lacks it
/// and from linking into tests. A call costs one indirect jump.
static CALLBACKS: OnceLock<Callbacks> = OnceLock::new();

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

    /// Looks up the callbacks; the error is the name of a required one that Envoy lacks.
    pub(super) fn load() -> Result<&'static Self, &'static CStr> {
        if let Some(loaded) = CALLBACKS.get() {
            return Ok(loaded);
        }
        let resolved = Self::resolve()?;
        Ok(CALLBACKS.get_or_init(|| resolved))
    }
}

macro_rules! callbacks {
    (
        required { $($name:ident($($arg:ty),*) $(-> $ret:ty)?;)* }
        optional { $($newer:ident($($newer_arg:ty),*) $(-> $newer_ret:ty)?;)* }
    ) => {
        /// One function pointer for each callback that the filter uses.
        pub(super) struct Callbacks {
            $(pub(super) $name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
            $(pub(super) $newer: Option<unsafe extern "C" fn($($newer_arg),*) $(-> $newer_ret)?>,)*
        }

        impl Callbacks {
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

/// The C string of a literal that ends in NUL.
fn symbol(name: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or_default()
}

fn find(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: `name` is a C string; the default handle searches the running program.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}
