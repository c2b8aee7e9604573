//! One request's way through the filter.
//!
//! The logic never acts on the stream itself: each hook returns a [`Flow`] for the border to carry out
//! as its last step, because a reply or a resumed stream can run other hooks of this filter and end
//! it. Fail policy, in one place: a request passes unchecked only when the policy is open and the call
//! failed on its way (`Filter::fail`); whatever Mixer itself said is never overruled.

mod call;
mod carrying;
mod decision;
mod quotas;
mod report;
mod retry;

pub use self::decision::flag;
pub(crate) use self::retry::RetryBudget;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mesh_attributes::Timestamp;
use smallvec::SmallVec;

use self::call::Call;
use self::decision::{Decided, DecidedBy};
use crate::attributes::{Carried, CheckOutcome, HeaderMap, RequestBag, Token};
use crate::cache::{L1, LookUp, Validity};
use crate::check::{Answer, Denial, HeaderOperations, MAX_ANSWER_BYTES, Verdict};
use crate::config::{FailPolicy, Scope, ScopeRef, Switch};
use crate::generations::Generation;
use crate::grpc::{CallFailure, UnaryReply, status};
use crate::host::{CallId, HeaderBlock, Moment, RawHeader, StreamHost, WakeEvent};
use crate::quota::Ask;
use crate::stats::Counter;
use crate::waiting::{CallKey, Serial, Turn};
use crate::worker::{Site, WorkerState};

/// How often a request waits for calls of others before it makes its own.
const MAX_WAITS: u8 = 2;

/// Details of a request that was refused because it could not be reported.
const NO_REPORT: &str = "mixmesh_report_queue_full";

/// What the border does with the stream when a hook has returned.
#[derive(Debug)]
pub enum Flow {
    /// The request goes on to the next filter.
    Continue,
    /// Nothing yet: another hook will decide.
    Wait,
    /// The client gets this, and the request goes no further.
    Reply(Reply),
}

/// What a client gets instead of a response of the service.
#[derive(Debug)]
pub struct Reply {
    /// What was decided.
    pub denial: Rc<Denial>,
    /// The status to set for a client that speaks gRPC; Envoy would tell it that all is well.
    pub grpc_status: Option<i32>,
}

impl Reply {
    /// The reply to the request behind `host`.
    pub fn new<H: StreamHost>(host: &H, denial: Rc<Denial>) -> Self {
        let headers = HeaderMap::read(host, HeaderBlock::Request);
        let grpc_status = headers.is_grpc().then(|| denial.grpc_status());
        Self { denial, grpc_status }
    }
}

/// The filter of one request.
pub struct Filter {
    site: Rc<Site>,
    serial: Serial,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    begun: Option<Begun>,
    phase: Phase,
    check: CheckOutcome,
    /// What is still to be done to the response's headers.
    operations: Option<Rc<HeaderOperations>>,
}

/// What is noted when the request comes in.
struct Begun {
    at: Moment,
    wall: Timestamp,
    /// The route's scope; a listener's is the configuration's own.
    route: Option<Arc<Scope>>,
    carried: Option<Rc<Carried>>,
    /// Path, then authority, as they came in: the router may rewrite both before the report.
    line: SmallVec<[u8; 128]>,
    path_len: usize,
}

#[derive(Default)]
enum Phase {
    /// No call is under way, or none any more.
    #[default]
    Settled,
    Waiting {
        key: CallKey,
        waits: u8,
    },
    Calling(Box<Call>),
    /// A call has failed and will be made again.
    Pausing(Box<Call>),
}

impl Filter {
    /// The filter of a new request.
    pub fn new(site: &Rc<Site>) -> Self {
        Self { serial: site.worker.serial(), site: Rc::clone(site), state: RefCell::default() }
    }

    /// The request's headers are there.
    pub fn on_request_headers<H: StreamHost>(&self, host: &mut H) -> Flow {
        let scope = self.site.config.scope(host.route());
        let now = host.now();
        let wall = timestamp(host.wall_clock());
        let carried;
        let look = {
            // One bag for all, so that the headers are read once.
            let bag = RequestBag::new(host, &scope.statics, wall);
            carried = self.carry(host, &scope, bag.headers());
            let bag = bag.with_carried(carried.as_deref());
            let as_it_came = !self.hands_on(&scope, bag.headers());
            as_it_came.then(|| self.first_look(host, now, wall, &bag, &scope, carried.clone()))
        };
        let look = look.unwrap_or_else(|| {
            self.hand_on(host, &scope);
            // What is looked up must be what is asked later: without the headers that are gone.
            let bag = RequestBag::new(host, &scope.statics, wall).with_carried(carried.as_deref());
            self.first_look(host, now, wall, &bag, &scope, carried.clone())
        });
        match look {
            Some(look) => self.act(host, &scope, look, 0),
            None => {
                host.count(Counter::ReportRefused, 1);
                let denial = Denial::unavailable("mixer takes no reports", NO_REPORT);
                self.refuse(host, Rc::new(denial), Decided::by(DecidedBy::FailPolicy))
            }
        }
    }

    /// Notes a new request and looks for a verdict; `None` when it must be refused unseen.
    fn first_look<H: StreamHost>(
        &self,
        host: &H,
        now: Moment,
        wall: Timestamp,
        bag: &RequestBag<'_, H>,
        scope: &ScopeRef<'_>,
        carried: Option<Rc<Carried>>,
    ) -> Option<Look> {
        self.begin(now, wall, bag, scope, carried);
        if self.must_refuse_for_reports(scope) {
            None
        } else if scope.check == Switch::Off {
            Some(Look::Off)
        } else {
            Some(self.look(host, now, bag, scope, 0))
        }
    }

    /// A wake-up that another filter of this worker asked for.
    pub fn on_scheduled<H: StreamHost>(&self, host: &mut H, event: WakeEvent) -> Flow {
        let phase = std::mem::take(&mut self.state.borrow_mut().phase);
        let (key, waits) = match (phase, event) {
            (Phase::Waiting { key, waits }, WakeEvent::Answered | WakeEvent::Lead) => (key, waits),
            (Phase::Pausing(call), WakeEvent::Retry) => return self.send_again(host, *call),
            (phase, _) => {
                self.state.borrow_mut().phase = phase;
                return Flow::Wait;
            }
        };
        let Some(scope) = self.scope() else { return Flow::Wait };
        match event {
            WakeEvent::Answered => {
                let now = host.now();
                let look =
                    self.with_bag(host, &scope, |bag| self.look(host, now, bag, &scope, waits));
                self.act(host, &scope, look, waits)
            }
            WakeEvent::Lead | WakeEvent::Retry => {
                self.act(host, &scope, Look::Call(Some(key)), waits)
            }
        }
    }

    /// Headers or trailers of the answer to this filter's call.
    pub fn on_call_headers<'h>(&self, call: CallId, headers: impl Iterator<Item = RawHeader<'h>>) {
        if let Phase::Calling(current) = &mut self.state.borrow_mut().phase
            && current.id == call
        {
            for (name, value) in headers {
                current.reply.header(name, value);
                current.headers.header(name, value);
            }
        }
    }

    /// Data of the answer.
    pub fn on_call_data<H: StreamHost>(&self, host: &mut H, call: CallId, data: &[u8]) -> Flow {
        let fits = match &mut self.state.borrow_mut().phase {
            Phase::Calling(current) if current.id == call => current.reply.data(data),
            _ => return Flow::Wait,
        };
        if fits {
            return Flow::Wait;
        }
        let Some(current) = self.take_call(call) else { return Flow::Wait };
        // Taken first: the reset comes back as a hook, and must find nothing under way.
        host.reset_call(call);
        let failure = CallFailure {
            status: status::UNKNOWN,
            reason: format!("answer is larger than {MAX_ANSWER_BYTES} bytes"),
            transport: false,
            unsent: false,
        };
        self.settle(host, *current, Err(failure))
    }

    /// The call has ended by itself.
    pub fn on_call_complete<H: StreamHost>(&self, host: &mut H, call: CallId) -> Flow {
        let Some(mut current) = self.take_call(call) else { return Flow::Wait };
        let outcome = current.reply.finish().and_then(|message| {
            Answer::decode(message).map_err(|error| CallFailure {
                status: status::UNKNOWN,
                reason: format!("answer is no CheckResponse: {error}"),
                transport: false,
                unsent: false,
            })
        });
        self.settle(host, *current, outcome)
    }

    /// The call was cut off.
    pub fn on_call_reset<H: StreamHost>(&self, host: &mut H, call: CallId) -> Flow {
        match self.take_call(call) {
            Some(current) => self.settle(host, *current, Err(UnaryReply::reset())),
            None => Flow::Wait,
        }
    }

    /// The stream has ended, for whatever reason: reports it.
    pub fn on_stream_complete<H: StreamHost>(&self, host: &H) {
        self.abandon(host);
        let scope = match self.scope() {
            Some(scope) => scope,
            None => self.site.config.scope(host.route()),
        };
        if scope.report == Switch::On {
            self.report(host, &scope);
        }
        let token_is_malformed =
            |carried: &Carried| carried.token.as_ref().is_some_and(Token::is_malformed);
        if self.carried().as_deref().is_some_and(token_is_malformed) {
            host.count(Counter::TokensMalformed, 1);
        }
    }

    /// Whoever waits for the decision has gone.
    pub(crate) fn abandon<H: StreamHost>(&self, host: &H) {
        if self.leave() {
            host.count(Counter::CheckAbandoned, 1);
        }
    }

    /// What the check came to, so far.
    pub(crate) fn check_outcome(&self) -> CheckOutcome {
        self.state.borrow().check.clone()
    }

    /// The filter goes away. Harmless when the stream has completed.
    pub fn on_destroy(&self) {
        self.leave();
    }

    /// A hook of this filter panicked, so that nothing it had under way can be relied on: those who
    /// wait for its call are served by another, and the worker's cache begins anew.
    pub fn on_panic(&self) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.phase = Phase::Settled;
        }
        if let Ok(mut worker) = self.site.worker.state.try_borrow_mut() {
            let settings = self.site.config.settings();
            worker.l1 = L1::new(settings.l1_entries, settings.l1_bytes);
            worker.calls.leave_all(self.serial);
        }
    }

    fn begin<H: StreamHost>(
        &self,
        at: Moment,
        wall: Timestamp,
        bag: &RequestBag<'_, H>,
        scope: &ScopeRef<'_>,
        carried: Option<Rc<Carried>>,
    ) {
        let route = match scope {
            ScopeRef::Listener(_) => None,
            ScopeRef::Route(scope) => Some(Arc::clone(scope)),
        };
        let mut line = SmallVec::new();
        let mut path_len = 0;
        if scope.report == Switch::On {
            let first = |name| bag.headers().first(name).unwrap_or_default();
            line.extend_from_slice(first(":path"));
            path_len = line.len();
            line.extend_from_slice(first(":authority"));
        }
        self.state.borrow_mut().begun = Some(Begun { at, wall, route, carried, line, path_len });
    }

    fn must_refuse_for_reports(&self, scope: &Scope) -> bool {
        scope.report == Switch::On
            && scope.policies.report == FailPolicy::Closed
            && self.site.worker.mixer().reports.is_full()
    }

    /// The scope that held when the request came in.
    fn scope(&self) -> Option<ScopeRef<'_>> {
        let state = self.state.borrow();
        let begun = state.begun.as_ref()?;
        Some(match &begun.route {
            Some(scope) => ScopeRef::Route(Arc::clone(scope)),
            None => self.site.config.scope(None),
        })
    }

    /// The newest generation of the policy that decides for `scope`.
    fn known_generation(&self, scope: &Scope) -> Option<Generation> {
        let generations = &self.site.worker.mixer().generations;
        let namespace = scope.destination.namespace()?;
        generations.snapshot().load().known(namespace).generation
    }

    fn began(&self) -> (Moment, Timestamp) {
        self.state.borrow().begun.as_ref().map_or_else(Default::default, |b| (b.at, b.wall))
    }

    fn validity(&self, now: Moment) -> Validity {
        let settings = self.site.config.settings();
        Validity {
            now,
            dead_since: self.site.worker.mixer().generations.watch().dead_since(now),
            max_stale: settings.max_stale,
            serve_stale: settings.serve_stale,
        }
    }

    /// Looks for a verdict, and for somebody to wait for if there is none.
    fn look<H: StreamHost>(
        &self,
        host: &H,
        now: Moment,
        bag: &RequestBag<'_, H>,
        scope: &Scope,
        waits: u8,
    ) -> Look {
        let validity = self.validity(now);
        let destination = &scope.destination;
        let mut worker = self.site.worker.state.borrow_mut();
        let WorkerState { l1, calls, policies, .. } = &mut *worker;
        let policies = policies.load();
        // What was handed on may make another namespace's rules hold than those that this destination's
        // answers have named.
        if validity.dead_since.is_none()
            && !bag.has_forwarded()
            && let Some(namespace) = destination.only_namespace()
            && policies.known(namespace).needs_no_check
        {
            return Look::Skip;
        }
        let fingerprint = match l1.look_up(destination.namespace(), bag, policies, &validity) {
            LookUp::Hit(verdict) => return Look::Found(verdict),
            LookUp::Miss(fingerprint) => fingerprint,
        };
        let key = CallKey { destination: destination.id(), fingerprint };
        if waits >= MAX_WAITS {
            return Look::Call(None);
        }
        match calls.join(key, self.serial, || host.waker()) {
            Turn::Lead => Look::Call(Some(key)),
            Turn::Alone => Look::Call(None),
            Turn::Wait => Look::Wait(key),
        }
    }

    fn act<H: StreamHost>(&self, host: &mut H, scope: &Scope, look: Look, waits: u8) -> Flow {
        match look {
            Look::Off => Flow::Continue,
            Look::Skip => {
                host.count(Counter::CheckSkipped, 1);
                self.pass(host, Decided::by(DecidedBy::NoRule))
            }
            Look::Found(verdict) => {
                host.count(Counter::CheckL1Hits, 1);
                self.state.borrow_mut().check.cache_hit = Some(true);
                let decided = Decided::by(DecidedBy::Level1);
                if verdict.is_allow() && !scope.quotas.is_empty() {
                    self.charge(host, scope, verdict, decided)
                } else {
                    self.apply(host, verdict, decided)
                }
            }
            Look::Wait(key) => {
                if waits == 0 {
                    host.count(Counter::CheckWaited, 1);
                }
                self.state.borrow_mut().phase = Phase::Waiting { key, waits: waits + 1 };
                Flow::Wait
            }
            Look::Call(leads) => {
                host.count(Counter::CheckL1Misses, 1);
                host.count(Counter::CheckCalls, 1);
                self.state.borrow_mut().check.cache_hit = Some(false);
                let charges = self.charges(host, scope);
                let asks = charges.into_iter().map(Ask::exactly).collect();
                self.call(host, scope, leads, asks)
            }
        }
    }

    /// Ends this filter's part in calls; true when it was waiting for one.
    fn leave(&self) -> bool {
        let phase = std::mem::take(&mut self.state.borrow_mut().phase);
        let (key, waited) = match phase {
            Phase::Settled => return false,
            Phase::Waiting { key, .. } => (Some(key), true),
            Phase::Calling(call) | Phase::Pausing(call) => (call.leads, false),
        };
        if let Some(key) = key {
            self.site.worker.state.borrow_mut().calls.leave(key, self.serial);
        }
        waited
    }
}

/// What a look at the cache came to.
enum Look {
    /// Requests are not checked here.
    Off,
    /// No rule could have an opinion.
    Skip,
    Found(Verdict),
    Wait(CallKey),
    /// Ask Mixer, and lead those who wait by this key.
    Call(Option<CallKey>),
}

pub(crate) fn timestamp(since_epoch: Duration) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
        // Below a billion, so it fits.
        nanos: since_epoch.subsec_nanos() as i32,
    }
}

#[cfg(test)]
mod tests;
