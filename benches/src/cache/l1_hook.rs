//! Level 1, all that the filter does to a request that it need not ask Mixer about.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use sidecar_filter::filter::{Filter, Flow};
use sidecar_filter::host::RawHeader;
use sidecar_filter::mock::{MockProxy, MockStream};
use sidecar_filter::stats::Counter;
use sidecar_filter::worker::{Site, Worker};

use super::sidecar::{self, Rules};
use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::measure;
use crate::request::{NAMESPACE, Scattered, WORKING_SET};
use crate::subject::Subject;

/// From the proxy's call with a request's headers to the filter's end: read, look up, decide, note
/// what the report will need; and the same in a namespace that no rule is for. The proxy is a mock, so
/// what Envoy takes for each read is not in it.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let mut ruled = Sidecar::open(Rules::Some);
    ruled.ask(WORKING_SET)?;
    let mut quiet = Sidecar::open(Rules::None);
    quiet.ask(1)?;
    let (ruled_proxy, quiet_proxy) = (Rc::clone(&ruled.proxy), Rc::clone(&quiet.proxy));
    let figures = measure(
        vec![
            Subject::new("check_hit_l1", move || ruled.let_through())
                .elsewhere("in Envoy 0.12 µs more for each read"),
            Subject::new("check_skipped", move || quiet.let_through()),
        ],
        effort,
    )?;
    for (proxy, answers) in [(ruled_proxy, WORKING_SET as u64), (quiet_proxy, 1)] {
        let calls = proxy.counter(Counter::CheckCalls);
        ensure!(calls == answers, "{calls} calls were made for {answers} answers");
    }
    Ok(figures)
}

/// A filter on one worker of a proxy, and the requests that come to it.
struct Sidecar {
    proxy: Rc<MockProxy>,
    site: Rc<Site>,
    streams: Scattered<MockStream>,
}

impl Sidecar {
    fn open(rules: Rules) -> Self {
        let proxy = MockProxy::new();
        let config = sidecar::config(proxy.now(), rules);
        let settings = config.settings();
        let worker = Worker::new(config.mixer(), settings.l1_entries, settings.l1_bytes);
        let site = Rc::new(Site { worker: Rc::new(worker), config });
        let streams = sidecar::streams(&proxy);
        Self { proxy, site, streams }
    }

    /// Lets so many requests be answered by Mixer.
    fn ask(&mut self, requests: usize) -> Result<()> {
        let answer = framed(&sidecar::answer()?);
        let generation = sidecar::GENERATION.to_string();
        let headers: [RawHeader<'_>; 4] = [
            (b":status", b"200"),
            (b"content-type", b"application/grpc"),
            (b"mixmesh-namespace", NAMESPACE.as_bytes()),
            (b"mixmesh-generation", generation.as_bytes()),
        ];
        let trailers: [RawHeader<'_>; 1] = [(b"grpc-status", b"0")];
        for _ in 0..requests {
            let stream = self.streams.next_mut();
            let filter = Filter::new(&self.site);
            filter.on_request_headers(stream);
            let call = self.proxy.take_calls().pop().context("mixer was not asked")?.id;
            filter.on_call_headers(call, headers.into_iter());
            filter.on_call_data(stream, call, &answer);
            filter.on_call_headers(call, trailers.into_iter());
            let flow = filter.on_call_complete(stream, call);
            ensure!(matches!(flow, Flow::Continue), "the answer is not taken: {flow:?}");
            filter.on_destroy();
        }
        Ok(())
    }

    /// Has a request decided on at once.
    fn let_through(&mut self) -> Result<()> {
        let filter = Filter::new(&self.site);
        let flow = filter.on_request_headers(self.streams.next_mut());
        ensure!(matches!(flow, Flow::Continue), "not let through: {flow:?}");
        filter.on_destroy();
        Ok(())
    }
}

/// A message as gRPC frames it: not compressed.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}
