mod carrying;
mod freshness;
mod operations;
mod oracle;
mod quotas;
mod reports;
mod retries;
mod verdicts;
mod waiting;

use std::time::Duration;

use mesh_api::mixer::v1::check_response::{PreconditionResult, QuotaResult};
use mesh_api::mixer::v1::{CheckResponse, ReferencedAttributes, RouteDirective};
use mesh_api::rpc::Status;
use mesh_attributes::wire::{CheckRequest, encode_references};
use mesh_attributes::{AttributeName, Bag, Condition, References, Value};
use prost::Message;

use super::*;
use crate::config::{FilterConfig, RouteConfig, Settings};
use crate::generations::{Announced, Digest, Generation, Standing, WatchEvent};
use crate::grpc::Frame;
use crate::host::{HeaderBlock, StartFailure};
use crate::mixer::Mixer;
use crate::mock::{MockCall, MockProxy, MockStream};
use crate::worker::Worker;

/// A mock proxy with one worker whose filters ask one Mixer.
struct Mesh {
    proxy: Rc<MockProxy>,
    mixer: Arc<Mixer>,
    site: Rc<Site>,
}

/// A request under way.
struct Request {
    stream: MockStream,
    filter: Filter,
}

/// What Mixer answers.
#[derive(Clone)]
struct Reply {
    code: i32,
    message: String,
    lifetime: Duration,
    uses: i32,
    references: References,
    headers: Vec<(&'static str, String)>,
    grpc_status: &'static str,
    directive: Option<RouteDirective>,
    /// Name, amount, seconds.
    grants: Vec<(&'static str, i64, i64)>,
}

/// What a flow comes to, for comparing.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Waiting,
    Refused(u16, String),
}

impl From<Flow> for Outcome {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Continue => Self::Passed,
            Flow::Wait => Self::Waiting,
            Flow::Reply(super::Reply { denial, .. }) => {
                Self::Refused(denial.http_status, denial.body.clone())
            }
        }
    }
}

fn refused(status: u16, body: &str) -> Outcome {
    Outcome::Refused(status, body.to_owned())
}

impl Reply {
    /// An allow that depends on the path, of generation 1 of namespace `default`.
    fn allow() -> Self {
        let reply = Self {
            code: 0,
            message: "policy says no".to_owned(),
            lifetime: Duration::from_secs(60),
            uses: 10_000,
            references: References::new(),
            headers: Vec::new(),
            grpc_status: "0",
            directive: None,
            grants: Vec::new(),
        };
        reply.on("request.path", None, Condition::Exact).of_generation(1)
    }

    fn deny() -> Self {
        Self { code: 7, ..Self::allow() }
    }

    fn on(mut self, name: &str, key: Option<&str>, condition: Condition) -> Self {
        self.references.record(&AttributeName::new(name), key, condition);
        self
    }

    fn of_generation(mut self, revision: u8) -> Self {
        self.headers = vec![
            ("mixmesh-namespace", "default".to_owned()),
            ("mixmesh-generation", generation(revision).to_string()),
        ];
        self
    }

    fn nameless(mut self) -> Self {
        self.headers.clear();
        self
    }

    fn grant(&self, (name, amount, seconds): (&str, i64, i64)) -> (String, QuotaResult) {
        let mut references = Vec::new();
        encode_references(&self.references, 222, &mut references);
        let result = QuotaResult {
            granted_amount: amount,
            valid_duration: Some(prost_types::Duration { seconds, nanos: 0 }),
            referenced_attributes: ReferencedAttributes::decode(&references[..]).ok(),
            ..QuotaResult::default()
        };
        (name.to_owned(), result)
    }

    fn message(&self) -> Vec<u8> {
        let mut references = Vec::new();
        encode_references(&self.references, 222, &mut references);
        let response = CheckResponse {
            precondition: Some(PreconditionResult {
                status: Some(Status {
                    code: self.code,
                    message: self.message.clone(),
                    details: Vec::new(),
                }),
                valid_duration: self.lifetime.try_into().ok(),
                valid_use_count: self.uses,
                referenced_attributes: ReferencedAttributes::decode(&references[..]).ok(),
                route_directive: self.directive.clone(),
            }),
            quotas: self.grants.iter().map(|grant| self.grant(*grant)).collect(),
        };
        response.encode_to_vec()
    }
}

fn generation(revision: u8) -> Generation {
    Generation { revision: revision.into(), digest: Digest([revision; 16]) }
}

fn announcement(revision: u8, has_check: bool) -> WatchEvent {
    let announced = |revision, has_check| Announced { generation: generation(revision), has_check };
    WatchEvent {
        full: true,
        namespaces: vec![("default".to_owned(), announced(revision, has_check))],
        default: Some(announced(0, false)),
        removed: Vec::new(),
    }
}

impl Mesh {
    fn new() -> Self {
        Self::with("{}")
    }

    fn with(json: &str) -> Self {
        let mut settings = Settings::parse(json.as_bytes()).unwrap();
        if !json.contains("max_retry") {
            // A failure is final, unless a test is about repeats.
            settings.retry.max = 0;
        }
        let mixer = Arc::new(Mixer::new("mixer"));
        let worker = Worker::new(&mixer, settings.l1_entries, settings.l1_bytes);
        let config = Arc::new(FilterConfig::new(settings, Arc::clone(&mixer)));
        let site = Rc::new(Site { config, worker: Rc::new(worker) });
        Self { proxy: MockProxy::new(), mixer, site }
    }

    fn request(&self, path: &str) -> Request {
        self.stream(MockStream::get(&self.proxy, path))
    }

    fn stream(&self, stream: MockStream) -> Request {
        Request { stream, filter: Filter::new(&self.site) }
    }

    fn announce(&self, revision: u8, has_check: bool) {
        self.mixer.generations.announce(&announcement(revision, has_check), self.proxy.now());
    }

    /// The one call that was started.
    fn call(&self) -> MockCall {
        let mut calls = self.proxy.take_calls();
        assert_eq!(calls.len(), 1, "expected one call: {calls:?}");
        calls.remove(0)
    }

    fn no_call(&self) {
        assert!(self.proxy.take_calls().is_empty());
    }

    /// A request that asks Mixer and gets `reply`.
    fn ask(&self, path: &str, reply: &Reply) -> Outcome {
        let mut request = self.request(path);
        assert_eq!(request.start(), Outcome::Waiting);
        let outcome = request.answer(&self.call(), reply);
        request.end();
        outcome
    }

    /// A request that is expected to be answered without a call.
    fn hit(&self, path: &str) -> Outcome {
        let mut request = self.request(path);
        let outcome = request.start();
        self.no_call();
        request.end();
        outcome
    }

    fn count(&self, counter: Counter) -> u64 {
        self.proxy.counter(counter)
    }

    /// Delivers the wake-ups that are due to `requests`.
    fn wake(&self, requests: &mut [&mut Request]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (stream, event) in self.proxy.take_scheduled() {
            for request in requests.iter_mut().filter(|request| request.stream.id() == stream) {
                outcomes.push(request.filter.on_scheduled(&mut request.stream, event).into());
            }
        }
        outcomes
    }

    /// For each request with checks on exactly one of four counters moves.
    fn assert_each_request_counted_once(&self, requests: u64) {
        let counted = self.count(Counter::CheckSkipped)
            + self.count(Counter::CheckL1Hits)
            + self.count(Counter::CheckCalls)
            + self.count(Counter::CheckAbandoned);
        assert_eq!(counted, requests);
        assert_eq!(self.count(Counter::CheckL1Misses), self.count(Counter::CheckCalls));
    }
}

impl Request {
    fn start(&mut self) -> Outcome {
        self.filter.on_request_headers(&mut self.stream).into()
    }

    fn answer(&mut self, call: &MockCall, reply: &Reply) -> Outcome {
        let frame = Frame::write(|out| out.extend_from_slice(&reply.message()));
        self.answer_raw(call, reply, frame.bytes())
    }

    fn answer_raw(&mut self, call: &MockCall, reply: &Reply, data: &[u8]) -> Outcome {
        let headers = reply.headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        self.filter.on_call_headers(call.id, headers);
        let flow: Outcome = self.filter.on_call_data(&mut self.stream, call.id, data).into();
        if flow != Outcome::Waiting {
            return flow;
        }
        self.status(call, reply.grpc_status, "")
    }

    fn status(&mut self, call: &MockCall, status: &str, message: &str) -> Outcome {
        let trailers = [("grpc-status", status), ("grpc-message", message)];
        let trailers = trailers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        self.filter.on_call_headers(call.id, trailers);
        self.filter.on_call_complete(&mut self.stream, call.id).into()
    }

    fn end(&mut self) {
        self.filter.on_stream_complete(&self.stream);
        self.filter.on_destroy();
    }
}
