use std::time::Duration;

use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_api::mixer::v1::{CheckResponse, ReferencedAttributes};
use mesh_api::rpc::Status;
use mesh_attributes::wire::{CheckRequest, encode_references};
use mesh_attributes::{AttributeName, Bag, Condition, References, Value};
use prost::Message;

use super::*;
use crate::config::{FilterConfig, RouteConfig, Settings};
use crate::generations::{Announced, Digest, WatchEvent};
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
    lifetime: Duration,
    uses: i32,
    references: References,
    headers: Vec<(&'static str, String)>,
    grpc_status: &'static str,
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
            Flow::Reply(denial) => Self::Refused(denial.http_status, denial.body.clone()),
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
            lifetime: Duration::from_secs(60),
            uses: 10_000,
            references: References::new(),
            headers: Vec::new(),
            grpc_status: "0",
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

    fn message(&self) -> Vec<u8> {
        let mut references = Vec::new();
        encode_references(&self.references, 222, &mut references);
        let response = CheckResponse {
            precondition: Some(PreconditionResult {
                status: Some(Status {
                    code: self.code,
                    message: "policy says no".to_owned(),
                    details: Vec::new(),
                }),
                valid_duration: self.lifetime.try_into().ok(),
                valid_use_count: self.uses,
                referenced_attributes: ReferencedAttributes::decode(&references[..]).ok(),
                route_directive: None,
            }),
            ..CheckResponse::default()
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
        let settings = Settings::parse(json.as_bytes()).unwrap();
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

#[test]
fn a_first_request_asks_mixer_and_does_what_it_says() {
    let mesh = Mesh::new();
    assert_eq!(mesh.ask("/", &Reply::allow()), Outcome::Passed);
    let verdict = mesh.ask("/admin", &Reply::deny());
    assert_eq!(verdict, refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.count(Counter::CheckDenied), 1);
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn the_question_is_a_check_with_all_that_mixer_needs() {
    let mesh = Mesh::with(
        r#"{"mixer_cluster": "policy", "attributes": {"destination.namespace": {"t": "STRING", "v": "default"}}}"#,
    );
    mesh.announce(3, true);
    mesh.site.config.scope(None).destination.learn(
        match mesh.mixer.generations.judge("default", generation(3), mesh.proxy.now()) {
            Standing::Current(id) => id,
            other => panic!("{other:?}"),
        },
    );
    let stream = MockStream::get(&mesh.proxy, "/a?b=c")
        .with_header("traceparent", "00-1-2-01")
        .with_header("x-b3-traceid", "0af7");
    let mut request = mesh.stream(stream);
    assert_eq!(request.start(), Outcome::Waiting);
    let call = mesh.call();
    assert_eq!(call.cluster, "mixer", "the fixture's Mixer");
    assert_eq!(call.timeout, Some(Duration::from_millis(500)));
    for (name, value) in [
        (":method", "POST"),
        (":path", "/istio.mixer.v1.Mixer/Check"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", "500m"),
        ("mixmesh-generation", "3-03030303030303030303030303030303"),
        ("traceparent", "00-1-2-01"),
        ("x-b3-traceid", "0af7"),
    ] {
        assert_eq!(call.header(name), Some(value), "{name}");
    }
    assert!(call.header("mixmesh-filter").unwrap().starts_with("mixmesh/"));
    let question = CheckRequest::decode(&call.body[5..]).unwrap();
    assert!(question.deduplication_id.starts_with(mesh.mixer.filter_id()));
    let attribute = |name| match question.attributes.get(&AttributeName::new(name)) {
        Some(Value::String(text)) => text.to_owned(),
        _ => panic!("{name} is no text"),
    };
    assert_eq!(attribute("request.path"), "/a?b=c");
    assert_eq!(attribute("destination.namespace"), "default");
    assert_eq!(attribute("context.reporter.kind"), "inbound");
}

#[test]
fn a_repeated_request_is_answered_from_the_cache_denials_too() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/", &Reply::allow());
    mesh.ask("/admin", &Reply::deny());
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    assert_eq!(mesh.hit("/admin"), refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.count(Counter::CheckL1Hits), 2);
    mesh.assert_each_request_counted_once(4);
}

#[test]
fn a_new_generation_makes_the_next_request_ask_again() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/", &Reply::allow());
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    mesh.announce(2, true);
    let verdict = mesh.ask("/", &Reply::deny().of_generation(2));
    assert_eq!(verdict, refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.hit("/"), refused(403, "PERMISSION_DENIED:policy says no"));
}

#[test]
fn an_answer_of_an_older_generation_is_asked_for_once_more_and_the_newer_is_kept() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    let mut request = mesh.request("/");
    request.start();
    let first = mesh.call();
    mesh.announce(2, true);
    assert_eq!(request.answer(&first, &Reply::allow().of_generation(1)), Outcome::Waiting);
    let second = mesh.call();
    assert_ne!(first.id, second.id);
    let id = |call: &MockCall| {
        CheckRequest::decode(&call.body[5..]).unwrap().deduplication_id.to_owned()
    };
    assert_eq!(id(&first), id(&second), "one question, however often it is asked");
    let verdict = request.answer(&second, &Reply::deny().of_generation(2));
    assert_eq!(verdict, refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.count(Counter::CheckRecalls), 1);
    assert_eq!(mesh.count(Counter::StaleAnswers), 0);
    assert_eq!(mesh.hit("/"), refused(403, "PERMISSION_DENIED:policy says no"));
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn a_second_answer_of_an_older_generation_serves_its_own_request_alone() {
    let mesh = Mesh::new();
    mesh.announce(2, true);
    for _ in 0..2 {
        let mut request = mesh.request("/");
        request.start();
        let old = Reply::allow().of_generation(1);
        assert_eq!(request.answer(&mesh.call(), &old), Outcome::Waiting);
        assert_eq!(request.answer(&mesh.call(), &old), Outcome::Passed);
    }
    assert_eq!(mesh.count(Counter::StaleAnswers), 2);
    assert_eq!(mesh.count(Counter::CheckRecalls), 2);
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn an_older_answer_stands_when_asking_again_fails() {
    let mesh = Mesh::new();
    mesh.announce(2, true);
    let mut request = mesh.request("/");
    request.start();
    request.answer(&mesh.call(), &Reply::deny().of_generation(1));
    let verdict = request.status(&mesh.call(), "14", "gone");
    assert_eq!(verdict, refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.count(Counter::CheckFailures), 0);
}

#[test]
fn an_answer_that_mixer_itself_calls_stale_is_not_kept() {
    let mesh = Mesh::new();
    let mut stale = Reply::allow();
    stale.headers.push(("mixmesh-cache", "stale".to_owned()));
    let mut request = mesh.request("/");
    request.start();
    assert_eq!(request.answer(&mesh.call(), &stale), Outcome::Waiting);
    assert_eq!(request.answer(&mesh.call(), &stale), Outcome::Passed);
    assert_eq!(mesh.ask("/", &Reply::allow()), Outcome::Passed);
}

#[test]
fn answers_of_a_mixer_that_names_no_policies_are_kept_by_their_lifetimes() {
    let mesh = Mesh::with(r#"{"max_stale": "30s"}"#);
    assert_eq!(mesh.ask("/", &Reply::allow().nameless()), Outcome::Passed);
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    mesh.proxy.pass(Duration::from_secs(31));
    assert_eq!(
        mesh.ask("/", &Reply::deny().nameless()),
        refused(403, "PERMISSION_DENIED:policy says no")
    );
}

#[test]
fn a_nameless_answer_beside_named_ones_is_not_kept() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/a", &Reply::allow());
    mesh.ask("/b", &Reply::allow().nameless());
    mesh.ask("/b", &Reply::allow());
}

#[test]
fn a_namespace_without_rules_needs_no_call_once_the_watch_and_an_answer_say_so() {
    let mesh = Mesh::new();
    mesh.announce(1, false);
    mesh.ask("/first", &Reply::allow());
    assert_eq!(mesh.hit("/second"), Outcome::Passed);
    assert_eq!(mesh.count(Counter::CheckSkipped), 1);
    mesh.announce(2, true);
    mesh.ask("/third", &Reply::deny().of_generation(2));
    mesh.assert_each_request_counted_once(3);
}

#[test]
fn nothing_is_skipped_while_the_watch_is_dead() {
    let mesh = Mesh::new();
    mesh.announce(1, false);
    mesh.ask("/first", &Reply::allow());
    mesh.proxy.pass(Duration::from_millis(2999));
    assert_eq!(mesh.hit("/skipped"), Outcome::Passed);
    mesh.proxy.pass(Duration::from_millis(1));
    mesh.ask("/asked", &Reply::deny());
    mesh.announce(1, false);
    assert_eq!(mesh.hit("/skipped again"), Outcome::Passed);
}

#[test]
fn a_destination_that_answers_for_two_namespaces_is_never_skipped() {
    let mesh = Mesh::new();
    mesh.announce(1, false);
    mesh.ask("/a", &Reply::allow());
    let mut other = Reply::allow();
    other.headers[0].1 = "other".to_owned();
    mesh.proxy.pass(Duration::from_secs(4));
    mesh.ask("/b", &other);
    mesh.announce(1, false);
    mesh.ask("/c", &Reply::allow());
    assert_eq!(mesh.count(Counter::CheckSkipped), 0);
}

#[test]
fn cached_answers_outlive_mixer_for_the_configured_time() {
    let mesh = Mesh::with(r#"{"max_stale": "2s"}"#);
    mesh.announce(1, true);
    mesh.ask("/", &Reply::allow());
    mesh.ask("/admin", &Reply::deny());
    mesh.mixer.generations.watch().cut(mesh.proxy.now());
    mesh.proxy.pass(Duration::from_millis(1999));
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    assert_eq!(mesh.hit("/admin"), refused(403, "PERMISSION_DENIED:policy says no"));
    mesh.proxy.pass(Duration::from_millis(1));
    let mut request = mesh.request("/");
    assert_eq!(request.start(), Outcome::Waiting);
}

#[test]
fn a_closed_policy_refuses_what_could_not_be_asked_and_an_open_one_passes_it() {
    let closed = Mesh::new();
    let open = Mesh::with(r#"{"fail_policy": {"check": "open"}}"#);
    type Fail = fn(&mut Request, &MockCall) -> Outcome;
    let failures: [Fail; 4] = [
        |request, call| request.status(call, "14", "upstream request timeout"),
        |request, call| request.status(call, "4", "deadline"),
        |request, call| request.filter.on_call_reset(&mut request.stream, call.id).into(),
        |request, call| request.filter.on_call_complete(&mut request.stream, call.id).into(),
    ];
    for (number, fail) in failures.into_iter().enumerate() {
        let path = format!("/{number}");
        for (mesh, expected) in [
            (&closed, refused(503, "UNAVAILABLE:mixer cannot be reached")),
            (&open, Outcome::Passed),
        ] {
            let mut request = mesh.request(&path);
            request.start();
            let call = mesh.call();
            assert_eq!(fail(&mut request, &call), expected, "failure {number}");
            request.end();
        }
    }
    assert_eq!(open.count(Counter::CheckFailedOpen), 4);
    assert_eq!(closed.count(Counter::CheckFailures), 4);
    closed.assert_each_request_counted_once(4);
}

#[test]
fn a_call_that_cannot_start_follows_the_fail_policy_at_once() {
    for failure in [StartFailure::NoCluster, StartFailure::NoHost] {
        let mesh = Mesh::new();
        mesh.proxy.refuse_calls(Some(failure));
        let mut request = mesh.request("/");
        assert_eq!(request.start(), refused(503, "UNAVAILABLE:mixer cannot be reached"));
        mesh.assert_each_request_counted_once(1);
    }
}

#[test]
fn what_mixer_itself_says_never_opens() {
    let mesh = Mesh::with(r#"{"fail_policy": {"check": "open"}}"#);
    for code in [13, 14] {
        let reply = Reply { code, ..Reply::allow() };
        assert!(matches!(mesh.ask("/code", &Reply { uses: 0, ..reply }), Outcome::Refused(..)));
    }
    for status in ["3", "12", "13", "2", "16"] {
        let mut request = mesh.request("/status");
        request.start();
        let outcome = request.status(&mesh.call(), status, "broken");
        assert_eq!(outcome, refused(503, "UNAVAILABLE:mixer failed"), "status {status}");
    }
    let mut request = mesh.request("/empty");
    request.start();
    assert_eq!(
        request.answer_raw(&mesh.call(), &Reply::allow(), &[0, 0, 0, 0, 0]),
        refused(400, "INVALID_ARGUMENT:Mixer's answer has no precondition")
    );
    assert_eq!(mesh.count(Counter::CheckFailedOpen), 0);
}

#[test]
fn malformed_answers_refuse_whatever_the_policy() {
    let mesh = Mesh::with(r#"{"fail_policy": {"check": "open"}}"#);
    let message = Reply::allow().message();
    let mut compressed = Frame::write(|out| out.extend_from_slice(&message)).bytes().to_vec();
    compressed[0] = 1;
    let broken = Frame::write(|out| out.extend_from_slice(&[0x12, 0xff, 0xff])).bytes().to_vec();
    let oversized = vec![0; MAX_ANSWER_BYTES + 6];
    for data in [&b""[..], b"\0\0", &compressed, &broken, &oversized] {
        let mut request = mesh.request("/");
        request.start();
        let outcome = request.answer_raw(&mesh.call(), &Reply::allow(), data);
        assert_eq!(outcome, refused(503, "UNAVAILABLE:mixer failed"));
        request.end();
    }
    assert_eq!(mesh.proxy.take_resets().len(), 1, "the oversized answer's call was given up");
}

#[test]
fn hooks_of_calls_that_are_not_under_way_change_nothing() {
    let mesh = Mesh::new();
    let mut request = mesh.request("/");
    request.start();
    let call = mesh.call();
    let other = MockCall { id: CallId(call.id.0 + 1), ..call.clone() };
    assert_eq!(request.answer(&other, &Reply::deny()), Outcome::Waiting);
    assert_eq!(request.answer(&call, &Reply::allow()), Outcome::Passed);
    assert_eq!(request.answer(&call, &Reply::deny()), Outcome::Waiting);
}

#[test]
fn stale_allows_serve_while_mixer_is_away_if_configured() {
    let mesh = Mesh::with(r#"{"serve_stale": "60s", "max_stale": "1s"}"#);
    mesh.announce(1, true);
    mesh.ask("/", &Reply::allow());
    mesh.ask("/admin", &Reply::deny());
    mesh.mixer.generations.watch().cut(mesh.proxy.now());
    mesh.proxy.pass(Duration::from_secs(30));
    for (path, expected) in [
        ("/", Outcome::Passed),
        ("/admin", refused(503, "UNAVAILABLE:mixer cannot be reached")),
        ("/unknown", refused(503, "UNAVAILABLE:mixer cannot be reached")),
    ] {
        let mut request = mesh.request(path);
        request.start();
        assert_eq!(request.status(&mesh.call(), "14", "gone"), expected, "{path}");
        request.end();
    }
    assert_eq!(mesh.count(Counter::CheckServedStale), 1);
}

#[test]
fn requests_that_look_the_same_wait_for_one_call_and_find_their_own_answer() {
    let mesh = Mesh::new();
    let (mut leader, mut same, mut other) =
        (mesh.request("/a"), mesh.request("/a"), mesh.request("/b"));
    assert_eq!(leader.start(), Outcome::Waiting);
    assert_eq!(same.start(), Outcome::Waiting);
    assert_eq!(other.start(), Outcome::Waiting);
    let call = mesh.call();
    assert_eq!(leader.answer(&call, &Reply::allow()), Outcome::Passed);
    let outcomes = mesh.wake(&mut [&mut same, &mut other]);
    assert_eq!(outcomes, [Outcome::Passed, Outcome::Waiting]);
    assert_eq!(
        other.answer(&mesh.call(), &Reply::deny()),
        refused(403, "PERMISSION_DENIED:policy says no"),
        "a waiter never takes another's answer"
    );
    assert_eq!(mesh.count(Counter::CheckWaited), 2);
    assert_eq!(mesh.count(Counter::CheckL1Hits), 1);
    mesh.assert_each_request_counted_once(3);
}

#[test]
fn once_shapes_are_known_only_requests_that_agree_on_them_wait() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/known", &Reply::allow());
    let (mut a, mut b) = (mesh.request("/a"), mesh.request("/b"));
    a.start();
    b.start();
    assert_eq!(mesh.proxy.take_calls().len(), 2);
    assert_eq!(mesh.count(Counter::CheckWaited), 0);
}

#[test]
fn a_leader_that_vanishes_hands_its_call_to_a_waiter() {
    let mesh = Mesh::new();
    let (mut leader, mut first, mut second) =
        (mesh.request("/a"), mesh.request("/a"), mesh.request("/a"));
    leader.start();
    first.start();
    second.start();
    mesh.call();
    leader.end();
    assert_eq!(mesh.wake(&mut [&mut first, &mut second]), [Outcome::Waiting]);
    let call = mesh.call();
    assert_eq!(first.answer(&call, &Reply::allow()), Outcome::Passed);
    assert_eq!(mesh.wake(&mut [&mut second]), [Outcome::Passed]);
    mesh.assert_each_request_counted_once(3);
}

#[test]
fn a_leader_that_panics_leaves_nobody_waiting_and_no_answer_behind() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/known", &Reply::allow());
    let (mut leader, mut waiter) = (mesh.request("/a"), mesh.request("/a"));
    leader.start();
    waiter.start();
    mesh.call();
    leader.filter.on_panic();
    assert_eq!(mesh.wake(&mut [&mut waiter]), [Outcome::Waiting]);
    assert_eq!(waiter.answer(&mesh.call(), &Reply::allow()), Outcome::Passed);
    mesh.ask("/known", &Reply::allow());
}

#[test]
fn a_waiter_that_vanishes_is_counted_and_not_woken() {
    let mesh = Mesh::new();
    let (mut leader, mut waiter) = (mesh.request("/a"), mesh.request("/a"));
    leader.start();
    waiter.start();
    waiter.end();
    leader.answer(&mesh.call(), &Reply::allow());
    assert!(mesh.proxy.take_scheduled().is_empty());
    assert_eq!(mesh.count(Counter::CheckAbandoned), 1);
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn when_the_call_fails_waiters_call_within_their_own_time() {
    let mesh = Mesh::new();
    let (mut leader, mut waiter) = (mesh.request("/a"), mesh.request("/a"));
    leader.start();
    mesh.proxy.pass(Duration::from_millis(100));
    waiter.start();
    mesh.proxy.pass(Duration::from_millis(400));
    let outcome = leader.status(&mesh.call(), "14", "upstream request timeout");
    assert_eq!(outcome, refused(503, "UNAVAILABLE:mixer cannot be reached"));
    assert_eq!(mesh.wake(&mut [&mut waiter]), [Outcome::Waiting]);
    assert_eq!(mesh.call().timeout, Some(Duration::from_millis(100)));
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn nobody_waits_for_answers_that_cannot_be_kept() {
    let mesh = Mesh::new();
    let once = Reply { uses: 0, ..Reply::allow() };
    mesh.ask("/a", &once);
    let (mut first, mut second) = (mesh.request("/a"), mesh.request("/a"));
    first.start();
    second.start();
    assert_eq!(mesh.proxy.take_calls().len(), 2);
    assert_eq!(mesh.count(Counter::CheckUncacheable), 1);
}

#[test]
fn a_waiter_gives_up_waiting_after_a_while() {
    let mesh = Mesh::new();
    let mut requests: Vec<Request> =
        (0..4).map(|number| mesh.request(&format!("/{number}"))).collect();
    for request in &mut requests {
        request.start();
    }
    // Answers without references to share: each leader's answer fits itself alone.
    let [first, second, third, fourth] = &mut requests[..] else { panic!("four requests") };
    let alone = Reply::allow();
    first.answer(&mesh.call(), &alone);
    let outcomes = mesh.wake(&mut [second, third, fourth]);
    assert_eq!(outcomes, [Outcome::Waiting, Outcome::Waiting, Outcome::Waiting]);
    assert_eq!(mesh.proxy.take_calls().len(), 3, "the shape is known now: none agree");
}

#[test]
fn a_finite_use_count_is_spent_by_hits() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/", &Reply { uses: 2, ..Reply::allow() });
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    mesh.ask("/", &Reply::allow());
}

#[test]
fn routes_can_leave_requests_unchecked_or_open() {
    let mesh = Mesh::new();
    let route = |json: &str| Rc::new(RouteConfig::parse(json.as_bytes()).unwrap());
    let unchecked = route(r#"{"disable_check": true}"#);
    let stream = MockStream::get(&mesh.proxy, "/").with_route(&unchecked);
    assert_eq!(mesh.stream(stream).start(), Outcome::Passed);
    mesh.no_call();
    let open = route(r#"{"fail_policy": {"check": "open"}}"#);
    let stream = MockStream::get(&mesh.proxy, "/").with_route(&open);
    let mut request = mesh.stream(stream);
    request.start();
    assert_eq!(request.status(&mesh.call(), "14", "gone"), Outcome::Passed);
}

#[test]
fn a_request_keeps_the_route_it_came_with() {
    let mesh = Mesh::new();
    let json = r#"{"fail_policy": {"check": "open"}}"#;
    let open = Rc::new(RouteConfig::parse(json.as_bytes()).unwrap());
    let stream = MockStream::get(&mesh.proxy, "/").with_route(&open);
    let mut request = mesh.stream(stream);
    request.start();
    request.stream = MockStream::get(&mesh.proxy, "/");
    assert_eq!(request.status(&mesh.call(), "14", "gone"), Outcome::Passed);
}

#[test]
fn every_stream_is_reported_once_with_the_line_it_came_with() {
    let mesh = Mesh::with(r#"{"report_batch_entries": 3}"#);
    mesh.announce(1, true);
    mesh.ask("/a", &Reply::allow());
    let mut rewritten = mesh.request("/a");
    rewritten.start();
    rewritten.stream.rewrite(":path", "/elsewhere");
    rewritten.end();
    assert!(mesh.mixer.reports.next().is_none());
    let mut never_seen = mesh.request("/early");
    never_seen.end();
    let batch = mesh.mixer.reports.next().unwrap();
    assert_eq!(batch.requests, 3);
    assert_eq!(mesh.count(Counter::Reports), 3);
    assert_eq!(mesh.mixer.reports.pending(), 3);
    let message = mesh_attributes::wire::ReportRequest::decode(&batch.message).unwrap();
    let mut bags = message.bags();
    let mut paths = Vec::new();
    while let Some(bag) = bags.next_bag() {
        let bag = bag.unwrap();
        match bag.get(&AttributeName::new("request.path")) {
            Some(Value::String(path)) => paths.push(path.to_owned()),
            _ => panic!("request.path is no text"),
        }
    }
    assert_eq!(paths, ["/a", "/a", "/early"]);
}

#[test]
fn reports_can_be_turned_off() {
    let mesh = Mesh::with(r#"{"disable_report": true}"#);
    mesh.ask("/", &Reply::allow());
    assert_eq!(mesh.count(Counter::Reports), 0);
}

#[test]
fn reports_that_find_no_room_are_dropped_and_counted_or_refuse_requests() {
    let mesh = Mesh::with(
        r#"{"report_batch_entries": 1, "disable_check": true, "fail_policy": {"report": "closed"}}"#,
    );
    let mut served = 0;
    loop {
        let mut request = mesh.request("/");
        let outcome = request.start();
        request.end();
        if outcome != Outcome::Passed {
            assert_eq!(outcome, refused(503, "UNAVAILABLE:mixer takes no reports"));
            break;
        }
        served += 1;
    }
    assert_eq!(mesh.count(Counter::ReportRefused), 1);
    assert_eq!(mesh.count(Counter::ReportsDropped), 1, "the refusal's own report");
    assert_eq!(mesh.mixer.reports.pending(), served);
}

#[test]
fn refusals_are_reported_with_their_code() {
    let mesh = Mesh::with(r#"{"report_batch_entries": 1}"#);
    mesh.ask("/admin", &Reply::deny());
    let batch = mesh.mixer.reports.next().unwrap();
    let message = mesh_attributes::wire::ReportRequest::decode(&batch.message).unwrap();
    let mut bags = message.bags();
    let bag = bags.next_bag().unwrap().unwrap();
    let number = |name| match bag.get(&AttributeName::new(name)) {
        Some(Value::Int64(number)) => number,
        _ => panic!("{name} is no number"),
    };
    assert_eq!(number("check.error_code"), 7);
}

#[test]
fn headers_of_responses_are_not_headers_of_requests() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    let reply = Reply::allow().on("request.headers", Some("x"), Condition::Absence);
    mesh.ask("/", &reply);
    let stream = MockStream::get(&mesh.proxy, "/").with(HeaderBlock::Response, "x", "1");
    assert_eq!(mesh.stream(stream).start(), Outcome::Passed);
    let stream = MockStream::get(&mesh.proxy, "/").with_header("x", "1");
    assert_eq!(mesh.stream(stream).start(), Outcome::Waiting);
}
