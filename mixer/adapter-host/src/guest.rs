use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::Func;
use wasmtime::{ResourceLimiter, Result, Store, UpdateDeadline};

use crate::batch::SeriesInterner;
use crate::bindings::exports::mixmesh::adapter as exports;
use crate::handler::Surroundings;
use crate::imports::SeriesTable;
use crate::wasi::EmptyContext;
use crate::{Import, Limits};

/// What a guest may hand to the host in one call, in bytes: the lines of a batch whose texts are as long
/// as they can be and need escaping, and the labels of a batch of new series, fit.
const HOSTCALL_BYTES: usize = 16 << 20;

/// An instance of a component with its memory. After a trap or a cancelled call it is of no use.
pub(crate) struct Guest {
    pub(crate) store: Store<GuestState>,
    pub(crate) exports: GuestExports,
    /// The metric series that this instance knows by id.
    pub(crate) series: SeriesInterner,
}

/// The exports that the component has, found in this instance.
pub(crate) struct GuestExports {
    pub(crate) lifecycle: exports::lifecycle::Guest,
    pub(crate) metric: Option<exports::metric::Guest>,
    pub(crate) logentry: Option<exports::logentry::Guest>,
    pub(crate) tracespan: Option<exports::tracespan::Guest>,
    pub(crate) edge: Option<exports::edge::Guest>,
    pub(crate) checknothing: Option<exports::checknothing::Guest>,
    pub(crate) listentry: Option<exports::listentry::Guest>,
    pub(crate) reportnothing: Option<exports::reportnothing::Guest>,
    pub(crate) apikey: Option<exports::apikey::Guest>,
    pub(crate) authorization: Option<exports::authorization::Guest>,
    pub(crate) keyval: Option<exports::keyval::Guest>,
    pub(crate) quota: Option<exports::quota::Guest>,
    pub(crate) kubernetes: Option<exports::kubernetes::Guest>,
    /// In the order of the component's exports.
    pub(crate) custom: Vec<Func>,
    pub(crate) conversation: Option<exports::conversation::Guest>,
}

/// What the host keeps for an instance of a component.
pub(crate) struct GuestState {
    pub(crate) surroundings: Arc<Surroundings>,
    /// Series of the host that the guest knows by id.
    pub(crate) interned: SeriesTable,
    /// Missing when the component does not import WASI.
    pub(crate) wasi: Option<Box<EmptyContext>>,
    /// While the guest is being configured, what it has named so far.
    pub(crate) naming: Option<Naming>,
    limiter: Limiter,
    deadline: Instant,
}

/// Targets and documents that a guest has named, in order.
#[derive(Debug, Default)]
pub(crate) struct Naming {
    pub(crate) targets: u32,
    pub(crate) lists: u32,
}

/// Holds a guest to its limits.
struct Limiter {
    memory: usize,
    table_elements: usize,
    /// What all its tables have.
    used_elements: usize,
    /// The guest asked for more than it gets. It will crash of it, and the reason is this.
    refused: Option<Scarce>,
}

#[derive(Debug, Clone, Copy)]
enum Scarce {
    Memory,
    TableElements,
}

impl GuestState {
    /// A store whose guest gives the thread back every millisecond and ends at its deadline.
    pub(crate) fn store(
        engine: &wasmtime::Engine,
        imports: &[Import],
        surroundings: &Arc<Surroundings>,
        limits: &Limits,
    ) -> Store<Self> {
        let state = Self {
            surroundings: Arc::clone(surroundings),
            interned: SeriesTable::default(),
            wasi: imports
                .iter()
                .any(Import::is_wasi)
                .then(|| Box::new(EmptyContext::new(surroundings))),
            naming: Some(Naming::default()),
            limiter: Limiter {
                memory: limits.memory,
                table_elements: limits.table_elements,
                used_elements: 0,
                refused: None,
            },
            deadline: Instant::now(),
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        // The timer that ends a call only fires when the thread is idle or after some turns of other
        // tasks; a guest that loops is ended here, on time.
        store.epoch_deadline_callback(|context| {
            Ok(if Instant::now() < context.data().deadline {
                UpdateDeadline::Yield(1)
            } else {
                UpdateDeadline::Interrupt
            })
        });
        store
    }

    /// The limit that the guest has run into, if it has.
    pub(crate) fn refusal(&self) -> Option<String> {
        let limiter = &self.limiter;
        Some(match limiter.refused? {
            Scarce::Memory => {
                format!("it needs more than {} MiB of memory", limiter.memory >> 20)
            }
            Scarce::TableElements => {
                format!("it needs more than {} elements in its tables", limiter.table_elements)
            }
        })
    }
}

/// Gives the guest until `deadline`; to be called before each call, since an old deadline would end it
/// at once.
pub(crate) fn arm(store: &mut Store<GuestState>, deadline: Instant) {
    store.data_mut().deadline = deadline;
    store.set_epoch_deadline(1);
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        let allowed = desired <= self.memory;
        if !allowed {
            self.refused = Some(Scarce::Memory);
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        let used = self.used_elements.saturating_add(desired.saturating_sub(current));
        if used > self.table_elements {
            self.refused = Some(Scarce::TableElements);
            return Ok(false);
        }
        // What is granted here and refused later counts all the same.
        self.used_elements = used;
        Ok(true)
    }
}
