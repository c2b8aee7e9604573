//! A handler: an adapter with its configuration, ready to be called.

mod breaker;
mod build;
mod check;
mod lease;
mod pool;
mod report;
mod status;
mod surroundings;
mod talk;

use std::sync::Arc;

use self::breaker::Breaker;
pub use self::check::CheckResult;
use self::pool::Pool;
use self::status::Counts;
pub use self::status::HandlerStatus;
pub(crate) use self::surroundings::Surroundings;
use crate::{CallError, Component, HandlerSpec, InstanceIndex, Template};

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
    counts: Counts,
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

    /// Waits for the calls under way, refuses all further ones, and frees what the component holds. Its
    /// series go when the handler is dropped.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn expect_instance(&self, index: InstanceIndex, template: Template) -> Result<(), CallError> {
        match self.spec.instances.get(index.0 as usize) {
            Some(instance) if instance.template == template => Ok(()),
            _ => Err(CallError::NoSuchInstance { template, index: index.0 }),
        }
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
