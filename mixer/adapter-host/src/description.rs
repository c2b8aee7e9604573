//! What an adapter says about itself, asked for once, when it is loaded.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use serde::Serialize;
use wasmtime::component::InstancePre;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::runtime::with_ambient_tokio_runtime;

use crate::bindings::exports::mixmesh::adapter::lifecycle;
use crate::guest::{self, GuestState};
use crate::guest_text::cut;
use crate::handler::Surroundings;
use crate::{CallError, Import, Limits};

/// What an adapter says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The adapter's own name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// A JSON Schema (2020-12) of its parameters; empty when it gives none.
    pub parameters: String,
}

/// Asks an instance of the component that is then thrown away. Blocks, at most for `setup_deadline`.
pub(crate) fn describe(
    pre: &InstancePre<GuestState>,
    imports: &[Import],
    lifecycle: &lifecycle::GuestIndices,
    surroundings: &Arc<Surroundings>,
    limits: &Limits,
) -> Result<Description, CallError> {
    let limit = limits.setup_deadline;
    let deadline = Instant::now() + limit;
    let mut store = GuestState::store(pre.engine(), imports, surroundings, limits);
    guest::arm(&mut store, deadline);
    let asked = async {
        let instance = pre.instantiate_async(&mut store).await?;
        lifecycle.load(&mut store, &instance)?.call_describe(&mut store).await
    };
    let described = block_on(asked, deadline, imports.iter().any(Import::is_wasi))
        .ok_or(CallError::Deadline { limit })?;
    let said = described.map_err(|error| {
        if error.is::<PoolConcurrencyLimitError>() {
            return CallError::HostFull;
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => CallError::Deadline { limit },
            _ => {
                let cause = error.root_cause();
                let message = match store.data().refusal() {
                    Some(refusal) => format!("{refusal} ({cause})"),
                    None => cause.to_string(),
                };
                CallError::Trap { message: cut(message) }
            }
        }
    })?;
    Ok(Description {
        name: cut(said.name),
        version: cut(said.version),
        summary: cut(said.summary),
        parameters: said.parameters,
    })
}

/// Runs a future on this thread, which may be one of a runtime or not; `None` at the deadline. WASI's timers
/// want a runtime.
fn block_on<F: Future>(future: F, deadline: Instant, wants_runtime: bool) -> Option<F::Output> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        let mut poll = || future.as_mut().poll(&mut context);
        let polled = if wants_runtime { with_ambient_tokio_runtime(poll) } else { poll() };
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        let left = deadline.checked_duration_since(Instant::now())?;
        thread::park_timeout(left);
    }
}
