//! WASI for adapters in languages whose run time asks for it: everything links, nothing is given.
//!
//! A Python or C component imports files, sockets, arguments and the environment whether its author uses
//! them or not. Refusing the import would refuse the language; stubs that trap would crash it at its start.
//! So these interfaces are linked to an *empty context*. No folder is open, and there is no way to a file
//! but from an open folder. No socket can be made and no name looked up. There are no arguments, no
//! variables, no input. Two things are given, since nobody outside can tell whether an adapter has them:
//! the clock and random numbers. What is printed becomes diagnostic messages of the handler, under its rate
//! limit. `wasi:http` is not linked at all: bytes leave through `mixmesh:host/outbound` alone, to addresses
//! that the handler's parameters name.
//!
//! Calls that wait – a sleep, a poll – wait asynchronously and end with the deadline of the adapter's call.

mod output;

use std::sync::Arc;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use self::output::Output;
use crate::bindings::mixmesh::host::log::Level;
use crate::guest::GuestState;
use crate::handler::Surroundings;

/// Random bytes for one call of a guest; the engine's own limit is 64 MiB.
const MAX_RANDOM: u64 = 1 << 20;

/// Streams and pollables that a guest may hold at once. Python has a handful.
const MAX_RESOURCES: usize = 1024;

/// The packages that are linked.
const PACKAGES: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// What the host keeps for an instance of a component that imports WASI.
pub(crate) struct EmptyContext {
    context: WasiCtx,
    table: ResourceTable,
}

impl EmptyContext {
    pub(crate) fn new(surroundings: &Arc<Surroundings>) -> Self {
        let output = |level| Output::new(Arc::clone(surroundings), level);
        let context = WasiCtxBuilder::new()
            .stdout(output(Level::Info))
            .stderr(output(Level::Warn))
            .max_random_size(MAX_RANDOM)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Self { context, table }
    }
}

/// Whether an import, such as `wasi:io/streams@0.2.9`, is among what is linked. Versions are the linker's to
/// judge.
pub(crate) fn is_linked(interface: &str) -> bool {
    let package = interface.strip_prefix("wasi:").and_then(|rest| rest.split_once('/'));
    package.is_some_and(|(package, _)| PACKAGES.contains(&package))
}

pub(crate) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.as_mut().expect("whoever calls WASI imports it, and has a context");
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_other_packages_are_not_linked() {
        assert!(is_linked("wasi:io/streams@0.2.9"));
        assert!(is_linked("wasi:cli/environment@0.2.0"));
        for foreign in
            ["wasi:http/outgoing-handler@0.2.9", "wasi:keyvalue/store", "wasi:io", "io/streams"]
        {
            assert!(!is_linked(foreign), "{foreign}");
        }
    }
}
