//! Level 1, all that the filter does to a request whose answer it has.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use sidecar_filter::filter::{Filter, Flow};
use sidecar_filter::host::RawHeader;
use sidecar_filter::mock::MockProxy;
use sidecar_filter::stats::Counter;
use sidecar_filter::worker::{Site, Worker};

use super::sidecar;
use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::measure;
use crate::request::WORKING_SET;
use crate::subject::Subject;

/// From the proxy's call with a request's headers to the filter's end: read, look up, decide, note
/// what the report will need. The proxy is a mock, so what Envoy takes for each read is not in it.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let proxy = MockProxy::new();
    let config = sidecar::config(proxy.now());
    let settings = config.settings();
    let worker = Worker::new(config.mixer(), settings.l1_entries, settings.l1_bytes);
    let site = Rc::new(Site { worker: Rc::new(worker), config: config.clone() });
    let mut streams = sidecar::streams(&proxy);
    let answer = framed(&sidecar::answer()?);
    let generation = sidecar::GENERATION.to_string();
    let headers: [RawHeader<'_>; 5] = [
        (b":status", b"200"),
        (b"content-type", b"application/grpc"),
        (b"mixmesh-namespace", crate::request::NAMESPACE.as_bytes()),
        (b"mixmesh-generation", generation.as_bytes()),
        (b"mixmesh-cache", b"miss"),
    ];
    for _ in 0..WORKING_SET {
        let filter = Filter::new(&site);
        let stream = streams.next_mut();
        filter.on_request_headers(stream);
        let call =
            proxy.take_calls().pop().context("a request that was never seen is not asked for")?;
        filter.on_call_headers(call.id, headers.into_iter());
        filter.on_call_data(stream, call.id, &answer);
        filter.on_call_headers(call.id, [(&b"grpc-status"[..], &b"0"[..])].into_iter());
        let flow = filter.on_call_complete(stream, call.id);
        ensure!(matches!(flow, Flow::Continue), "the answer is not taken: {flow:?}");
        filter.on_destroy();
    }
    let figures = measure(
        vec![
            Subject::new("check_hit_l1", || {
                let filter = Filter::new(&site);
                let flow = filter.on_request_headers(streams.next_mut());
                ensure!(matches!(flow, Flow::Continue), "not let through: {flow:?}");
                filter.on_destroy();
                Ok(())
            })
            .elsewhere("in Envoy 0.12 µs more for each read"),
        ],
        effort,
    )?;
    let calls = proxy.counter(Counter::CheckCalls);
    ensure!(calls == WORKING_SET as u64, "{calls} calls were made for {WORKING_SET} answers");
    Ok(figures)
}

/// A message as gRPC frames it: not compressed.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}
