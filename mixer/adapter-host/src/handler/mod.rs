//! A handler: an adapter with its configuration, ready to be called.

mod allocate;
mod bounded;
mod breaker;
mod build;
mod check;
mod complaints;
mod converse;
mod generate;
mod keeper;
mod lease;
mod pool;
mod report;
mod response;
mod status;
mod surroundings;
mod taken;
mod talk;
mod values;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use self::allocate::{QuotaGrant, QuotaRequest};
pub use self::bounded::{bounded_text, bounded_values};
pub use self::breaker::{Attempt, Breaker, Open};
pub use self::check::CheckResult;
use self::complaints::Complaints;
pub(crate) use self::lease::until;
use self::pool::Pool;
pub(crate) use self::report::handed_over;
pub use self::response::DirectResponse;
use self::status::Counts;
pub use self::status::HandlerStatus;
pub(crate) use self::surroundings::Surroundings;
pub(crate) use self::taken::{TooLarge, exact, exact_map};
use crate::{CallError, Component, HandlerSpec, InstanceDecl, InstanceIndex, Limits, Variety};

/// An adapter with its configuration.
///
/// Calls run side by side, each in an instance of the component of its own, up to
/// [`crate::Limits::instances`]. A call whose future is dropped is cancelled.
pub struct Handler {
    component: Arc<Component>,
    spec: HandlerSpec,
    /// The parameters as the component gets them.
    parameters: String,
    surroundings: Arc<Surroundings>,
    pool: Pool,
    breaker: Breaker,
    complaints: Complaints,
    counts: Counts,
    /// Only conversations go on.
    is_closing: AtomicBool,
}

impl Handler {
    /// `name.namespace`.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The adapter behind it.
    pub fn component(&self) -> &Arc<Component> {
        &self.component
    }

    /// What it may use.
    pub fn limits(&self) -> &Limits {
        &self.spec.limits
    }

    /// Waits for the calls under way, refuses all further ones, sends what is queued for targets (for some
    /// seconds at most), and frees what the component holds. Its series go when the handler is dropped.
    ///
    /// Returns the elements of reports that were queued and that no target has taken: they are lost.
    pub async fn close(&self) -> u64 {
        self.is_closing.store(true, Ordering::Relaxed);
        self.pool.quiet().await;
        self.surroundings.lists.close().await;
        let lost = self.surroundings.targets.close().await;
        self.pool.close().await;
        lost
    }

    /// The declaration of an instance.
    pub(crate) fn declared(&self, index: InstanceIndex) -> Option<&InstanceDecl> {
        self.spec.instances.get(index.0 as usize)
    }

    /// Counts elements of a report that were not taken.
    pub(crate) fn failed_elements(&self, count: usize) {
        self.counts.failed_elements.add(count as u64);
    }

    /// The declaration of an instance that calls of this variety are made with.
    fn instance_of(
        &self,
        index: InstanceIndex,
        variety: Variety,
    ) -> Result<&InstanceDecl, CallError> {
        self.declared(index)
            .filter(|instance| instance.template.variety() == variety)
            .ok_or(CallError::NoSuchInstance { variety, index: index.0 })
    }
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler")
            .field("name", &self.spec.name)
            .field("adapter", &self.component.name())
            .finish_non_exhaustive()
    }
}
