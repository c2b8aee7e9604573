use std::ffi::c_void;

/// What Envoy hands to hooks and takes from callbacks to say which object is meant.
pub(super) type EnvoyPtr = *mut c_void;
/// What our hooks return and get back: one of our own objects.
pub(super) type ModulePtr = *const c_void;

/// The ABI that this file was written against. Envoy 1.40 expects it and older ones log a warning.
pub(super) const ABI_VERSION: &std::ffi::CStr = c"v0.2.0";

/// Bytes that Envoy owns.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct EnvoyBuffer {
    ptr: *const u8,
    len: usize,
}

/// Bytes that this module owns; Envoy copies them during the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct ModuleBuffer {
    ptr: *const u8,
    len: usize,
}

/// A header that Envoy owns.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct EnvoyHeader {
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
}

/// A header that this module owns.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct ModuleHeader {
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
}

impl EnvoyBuffer {
    pub(super) const EMPTY: Self = Self { ptr: std::ptr::null(), len: 0 };

    /// The bytes.
    ///
    /// # Safety
    /// The buffer comes from Envoy and stays as it is for all of `'a`.
    pub(super) unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: as the caller promises.
        unsafe { bytes(self.ptr, self.len) }
    }
}

impl EnvoyHeader {
    pub(super) const EMPTY: Self =
        Self { name: std::ptr::null(), name_len: 0, value: std::ptr::null(), value_len: 0 };

    /// Name and value.
    ///
    /// # Safety
    /// As for [`EnvoyBuffer::bytes`].
    pub(super) unsafe fn pair<'a>(self) -> (&'a [u8], &'a [u8]) {
        // SAFETY: as the caller promises.
        unsafe { (bytes(self.name, self.name_len), bytes(self.value, self.value_len)) }
    }
}

impl ModuleBuffer {
    /// No text at all, which is not the same as an empty one.
    pub(super) const NONE: Self = Self { ptr: std::ptr::null(), len: 0 };
}

impl From<&[u8]> for ModuleBuffer {
    fn from(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }
}

impl From<&str> for ModuleBuffer {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl ModuleHeader {
    pub(super) fn new(name: &str, value: &str) -> Self {
        Self {
            name: name.as_ptr(),
            name_len: name.len(),
            value: value.as_ptr(),
            value_len: value.len(),
        }
    }
}

/// A slice of `items`, which Envoy passes as (null, 0) when there are none.
///
/// # Safety
/// Envoy passed both as one array that stays as it is for all of `'a`.
pub(super) unsafe fn items<'a, T>(items: *const T, len: usize) -> &'a [T] {
    if items.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: not null, and the caller promises the rest.
    unsafe { std::slice::from_raw_parts(items, len) }
}

unsafe fn bytes<'a>(ptr: *const u8, len: usize) -> &'a [u8] {
    // SAFETY: as the caller promises.
    unsafe { items(ptr, len) }
}

/// `header_type`.
pub(super) mod header_type {
    pub(in crate::ffi) const REQUEST: u32 = 0;
    pub(in crate::ffi) const RESPONSE: u32 = 2;
    pub(in crate::ffi) const RESPONSE_TRAILERS: u32 = 3;

    pub(in crate::ffi) fn of(block: crate::host::HeaderBlock) -> u32 {
        match block {
            crate::host::HeaderBlock::Request => REQUEST,
            crate::host::HeaderBlock::Response => RESPONSE,
            crate::host::HeaderBlock::ResponseTrailers => RESPONSE_TRAILERS,
        }
    }
}

/// What `request_headers` returns.
pub(super) mod headers_status {
    pub(in crate::ffi) const CONTINUE: u32 = 0;
    pub(in crate::ffi) const STOP: u32 = 1;
    /// Stop all filters; a large body pushes back on the client instead of failing the request.
    pub(in crate::ffi) const STOP_ALL_AND_WATERMARK: u32 = 4;
}

/// What the hooks that this filter has no interest in return.
pub(super) const CONTINUE: u32 = 0;

/// `http_callout_init_result`.
pub(super) mod start_result {
    pub(in crate::ffi) const SUCCESS: u32 = 0;
    pub(in crate::ffi) const CLUSTER_NOT_FOUND: u32 = 2;
}

/// `metrics_result`.
pub(super) const METRIC_DEFINED: u32 = 0;

/// `log_level`.
pub(super) mod log_level {
    pub(in crate::ffi) const INFO: u32 = 2;
    pub(in crate::ffi) const WARN: u32 = 3;
    pub(in crate::ffi) const ERROR: u32 = 4;
}
