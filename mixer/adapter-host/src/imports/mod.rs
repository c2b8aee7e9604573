//! What adapters can ask the host for: the interfaces of `mixmesh:host`, and an empty WASI.

mod clock;
mod counters;
mod lists;
mod log;
mod metrics;
mod outbound;
mod workloads;

use wasmtime::component::{HasSelf, Linker};

pub(crate) use self::metrics::SeriesTable;
use crate::bindings::mixmesh::adapter::types;
use crate::bindings::mixmesh::host;
use crate::guest::GuestState;
use crate::wasi;

pub(crate) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wasi::add_to_linker(linker)?;
    types::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    host::log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    host::clock::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    host::metrics::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    host::workloads::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    host::counters::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    host::outbound::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    host::lists::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl types::Host for GuestState {}
