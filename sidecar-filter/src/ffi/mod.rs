//! The border to Envoy: the module ABI written by hand.
//!
//! All `unsafe` of this crate lives here. The rules that keep it sound:
//!
//! - Envoy's buffers live until the end of the hook, or until a call that changes headers or ends the
//!   stream. The hosts in [`host`] therefore borrow themselves to what they hand out, and whatever
//!   may change or end a stream takes `&mut self` or happens after the filter's logic has returned.
//! - Hooks re-enter: a reply or a resumed stream can destroy the filter before the call returns. A
//!   hook therefore holds its own reference count, and acts as its very last step.
//! - A panic never crosses the border. Each hook runs inside [`guard`], and those that stand
//!   between a request and its verdict answer 500 when they panic.

#![allow(unsafe_code, reason = "this module is the border to Envoy's C ABI; see above")]

mod abi;
mod bootstrap_hooks;
mod callbacks;
mod config_hooks;
mod host;
mod network_hooks;
mod network_host;
mod stream_hooks;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Runs `hook`, and turns a panic into `fallback`.
fn guard<R>(fallback: impl FnOnce() -> R, hook: impl FnOnce() -> R) -> R {
    match catch_unwind(AssertUnwindSafe(hook)) {
        Ok(result) => result,
        Err(payload) => {
            // Dropping a payload runs foreign code, which could panic again outside the guard.
            std::mem::forget(payload);
            fallback()
        }
    }
}

/// Another count of what one of our hooks gave to Envoy, which keeps it while Envoy lets go of its own.
///
/// # Safety
/// `module` is null, or came from `Rc::<T>::into_raw` on this thread and its count is still held.
unsafe fn hold<T>(module: abi::ModulePtr) -> Option<Rc<T>> {
    let held = module.cast::<T>();
    if held.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe {
        Rc::increment_strong_count(held);
        Some(Rc::from_raw(held))
    }
}
