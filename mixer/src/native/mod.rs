//! Adapters in Rust, for those who compile Mixer themselves.
//!
//! Such an adapter stands where components stand: rules, instances, queues, deadlines, the breaker,
//! metrics and pages are the same, and so is what a failure means. It is registered under a name, which
//! handlers use as `adapter: NAME`; the name of one of ours takes that one's place.
//!
//! What is not the same: it runs in Mixer's own process with all that this may do. A panic is caught and
//! counted and fails one call, but an endless loop without `.await` holds a thread for ever, and memory
//! has no limit. Whoever does not want that writes a component.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::Arc;
//!
//! use mixer::native::{
//!     BoxFuture, CheckResult, Given, NativeAdapter, NativeAdapters, NativeError,
//!     NativeSetup, NativeWork, ParameterProblem, Variety,
//! };
//!
//! /// Lets in whom the parameters name: `params: { jason: true }`.
//! struct Doorkeeper;
//!
//! struct Door(HashMap<String, bool>);
//!
//! impl NativeAdapter for Doorkeeper {
//!     fn templates(&self) -> Vec<(String, Variety)> {
//!         vec![("listentry".to_owned(), Variety::Check)]
//!     }
//!
//!     fn configure(&self, setup: &NativeSetup) -> Result<Arc<dyn NativeWork>, Vec<ParameterProblem>> {
//!         let mut guests = HashMap::new();
//!         for (name, may_enter) in setup.params.as_object().into_iter().flatten() {
//!             let Some(may_enter) = may_enter.as_bool() else {
//!                 let message = "must be true or false".to_owned();
//!                 return Err(vec![ParameterProblem { field: name.clone(), message }]);
//!             };
//!             guests.insert(name.clone(), may_enter);
//!         }
//!         Ok(Arc::new(Door(guests)))
//!     }
//! }
//!
//! impl NativeWork for Door {
//!     fn check<'c>(&'c self, given: Given<'c>) -> BoxFuture<'c, Result<CheckResult, NativeError>> {
//!         let may_enter = self.0.get(given.text("value")).copied().unwrap_or_default();
//!         let code = if may_enter { 0 } else { 7 };
//!         Box::pin(async move { Ok(CheckResult { code, ..CheckResult::default() }) })
//!     }
//! }
//!
//! let natives = NativeAdapters::default().with("doorkeeper", Doorkeeper);
//! // mixer::serve_with(options, log, natives).await
//! # assert!(natives.get("doorkeeper").is_some());
//! ```

mod adapter;
mod handler;

pub use adapter_host::{
    CheckResult, DirectResponse, FailedElement, Fault, OwnedValue, ParameterProblem, QuotaGrant,
    QuotaRequest, Variety,
};
pub use futures_util::future::BoxFuture;
pub use remote_adapter::InstanceShape;

pub use self::adapter::{
    Given, NativeAdapter, NativeAdapters, NativeError, NativeSetup, NativeWork,
};
pub(crate) use self::handler::NativeHandler;
