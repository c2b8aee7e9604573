//! Generated from `wit/`: the host's side of the interfaces.

#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    reason = "generated code; the WIT files carry the documentation"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "everything",
    ownership: Borrowing { duplicate_if_necessary: false },
    imports: {
        "mixmesh:host/metrics": trappable,
        "mixmesh:host/outbound": trappable,
        "mixmesh:host/lists": trappable,
        // It may wait for Redis.
        "mixmesh:host/counters": async,
    },
    exports: { default: async },
});
