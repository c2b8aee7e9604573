//! The same over gRPC, on one connection of the loopback device with one call at a time.

use std::cell::RefCell;

use anyhow::Result;
use bytes::Bytes;
use mixer::DEFAULT_CACHE_BYTES;

use crate::effort::Effort;
use crate::figures::Figures;
use crate::loopback::{Loopback, Threads};
use crate::measure::measure;
use crate::request::{self, NAMESPACE, QUIET_NAMESPACE, Scattered, WORKING_SET};
use crate::subject::Subject;

/// A hit in Mixer's cache, a decision by one adapter without any cache, and what is left without
/// either: gRPC. Allocations are those of client and server together.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let compiled = tempfile::tempdir()?;
    let start = |bytes, threads| Loopback::start(bytes, threads, compiled.path()).map(RefCell::new);
    let cached = start(DEFAULT_CACHE_BYTES, Threads::Own)?;
    let cached_counted = start(DEFAULT_CACHE_BYTES, Threads::Shared)?;
    let uncached = start(0, Threads::Own)?;
    let uncached_counted = start(0, Threads::Shared)?;
    for mixer in [&cached, &cached_counted] {
        let mut requests = requests(NAMESPACE);
        for _ in 0..WORKING_SET {
            mixer.borrow_mut().check(requests.next(), "miss")?;
        }
    }
    measure(
        vec![
            Subject::new("check_hit_l2_grpc", checks(&cached, NAMESPACE, "l2")).counted_by(checks(
                &cached_counted,
                NAMESPACE,
                "l2",
            )),
            Subject::new("check_miss_grpc", checks(&uncached, NAMESPACE, "miss"))
                .counted_by(checks(&uncached_counted, NAMESPACE, "miss"))
                .elsewhere("170 µs, p99 420 µs; 79 µs, 323 allocs in one process: Istio 1.4 Mixer"),
            Subject::new("check_no_rule_grpc", checks(&uncached, QUIET_NAMESPACE, "miss"))
                .counted_by(checks(&uncached_counted, QUIET_NAMESPACE, "miss"))
                .elsewhere("59.7 µs, 260 allocs in one process: Istio 1.4 Mixer"),
        ],
        effort,
    )
}

/// The working set, one request after the other.
fn checks<'m>(
    mixer: &'m RefCell<Loopback>,
    namespace: &str,
    level: &'static str,
) -> impl FnMut() -> Result<usize> + use<'m> {
    let mut requests = requests(namespace);
    move || mixer.borrow_mut().check(requests.next(), level)
}

fn requests(namespace: &str) -> Scattered<Bytes> {
    Scattered::new(|i| request::check_request(i, namespace).into())
}
