//! Check: from the bytes of a request to the bytes of an answer.
//!
//! One configuration is used from decode to cache insert. All that reads the request is done before the
//! first handler is called, so no borrowed attribute outlives its look-up.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_host::CheckResult;
use bytes::Bytes;
use futures_util::future::join_all;
use mesh_attributes::wire::CheckRequest;
use mesh_attributes::{Bag, Condition, OwnedValue, References, Tracked};
use mesh_config::FailPolicy;
use opentelemetry::Context;
use opentelemetry::trace::SpanKind;
use tonic::Status;
use tracing::debug;

use crate::answer::{EncodedAnswer, UseCount, Verdict};
use crate::check_cache::{CachedAnswer, Validity};
use crate::handlers::HandlerUnit;
use crate::instance::{FieldError, adapter_value};
use crate::policy::rule::{CheckCall, CheckInput, CheckRule};
use crate::policy::{Generation, NamespacePolicy, Policy, namespace_of};
use crate::service::Mixer;
use crate::shedding::RequestKind;

/// What an answer is worth on which no handler had an opinion (as in Istio's Mixer).
const NO_OPINION: (Duration, UseCount) = (Duration::from_secs(60), UseCount(10_000));

/// How long a Mixer that is behind its caller waits for its own configuration.
const CATCH_UP: Duration = Duration::from_millis(100);

/// Codes of `google.rpc.Code` that Mixer itself answers.
const INVALID_ARGUMENT: i32 = 3;
const UNAVAILABLE: i32 = 14;

/// Who asks.
#[derive(Debug, Default)]
pub struct Caller {
    /// Whether it compares the absence of maps as it should; old proxies do not.
    pub is_our_filter: bool,
    /// The newest generation it knows of the namespace it asks for.
    pub knows: Option<Generation>,
    /// The span that the request belongs to.
    pub span_parent: Option<Context>,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLevel {
    /// Mixer's cache.
    L2,
    /// The handlers.
    Miss,
    /// The handlers, by a policy older than the caller knows.
    Stale,
}

impl CacheLevel {
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::L2 => "l2",
            Self::Miss => "miss",
            Self::Stale => "stale",
        }
    }
}

/// An answer to a check.
#[derive(Debug)]
pub struct CheckAnswer {
    /// A `CheckResponse`, encoded.
    pub body: Bytes,
    /// The namespace whose policy decided.
    pub namespace: Arc<str>,
    /// The generation of that policy.
    pub generation: Generation,
    /// Where the answer came from.
    pub cache: CacheLevel,
}

impl Mixer {
    /// Answers a `CheckRequest`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a message that is no `CheckRequest`; UNAVAILABLE for one that is shed. Whatever
    /// goes wrong behind that is an answer: a decision, closed.
    pub async fn check(&self, request: &[u8], caller: &Caller) -> Result<CheckAnswer, Status> {
        let started = Instant::now();
        self.metrics.check_requests.inc();
        let request = self.decode_check(request)?;
        let mut policy = self.policy();
        let mut current = policy.for_bag(&request.attributes);
        let behind = caller.knows.is_some_and(|known| known.is_newer_than(&current.generation));
        if behind {
            policy = self.catch_up(caller.knows.as_ref(), &request).await;
            current = policy.for_bag(&request.attributes);
        }
        let still_behind =
            behind && caller.knows.is_some_and(|known| known.is_newer_than(&current.generation));

        let span = self.span("check", SpanKind::Server, caller.span_parent.as_ref());
        let answer = match self.cached(&request, current, caller, &policy, started) {
            Some(answer) => answer,
            None => {
                let _place =
                    self.admission.enter(RequestKind::Check, 1).await.inspect_err(|_| {
                        span.failed("shed");
                    })?;
                self.dispatch(&request, current, caller, &policy, span.context()).await
            }
        };
        let cache = if still_behind {
            self.metrics.check_stale_answers.inc();
            CacheLevel::Stale
        } else {
            answer.cache
        };
        span.answered_from(cache);
        self.metrics.check_seconds.observe(started.elapsed().as_secs_f64());
        Ok(CheckAnswer { cache, ..answer })
    }

    /// The answer from the cache, if there is one: the whole work of a hit, without gRPC.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a message that is no `CheckRequest`.
    pub fn check_cached(
        &self,
        request: &[u8],
        caller: &Caller,
    ) -> Result<Option<CheckAnswer>, Status> {
        let request = self.decode_check(request)?;
        let policy = self.policy();
        let current = policy.for_bag(&request.attributes);
        Ok(self.cached(&request, current, caller, &policy, Instant::now()))
    }

    fn decode_check<'r>(&self, request: &'r [u8]) -> Result<CheckRequest<'r>, Status> {
        CheckRequest::decode(request).map_err(|cause| {
            self.metrics.malformed_messages.with_label_values(&["check"]).inc();
            Status::invalid_argument(format!("malformed CheckRequest: {cause}"))
        })
    }

    fn cached(
        &self,
        request: &CheckRequest<'_>,
        policy: &NamespacePolicy,
        caller: &Caller,
        all: &Policy,
        now: Instant,
    ) -> Option<CheckAnswer> {
        let bag = &request.attributes;
        let Some(hit) = self.cache.look_up(&policy.shapes, &policy.generation, bag, now) else {
            self.metrics.check_cache_misses.inc();
            return None;
        };
        self.metrics.check_cache_hits.inc();
        if hit.cached.denied() {
            self.metrics.check_denials.inc();
        }
        let uses = hit.valid_use_count;
        let body = respond(&hit.cached, hit.valid_duration, uses, request, caller, all);
        Some(policy.answer(bag, body, CacheLevel::L2))
    }

    async fn dispatch(
        &self,
        request: &CheckRequest<'_>,
        policy: &NamespacePolicy,
        caller: &Caller,
        all: &Policy,
        span: Option<&Context>,
    ) -> CheckAnswer {
        let bag = &request.attributes;
        let (prepared, references) = self.prepare(&policy.check, bag);
        self.metrics.dispatch_instances.observe(prepared.len() as f64);
        self.metrics.dispatch_destinations.observe(destinations(&prepared) as f64);
        let outcomes = {
            let span = self.span("dispatch", SpanKind::Internal, span);
            let calls = prepared.into_iter().map(|call| self.call(call, span.context()));
            join_all(calls).await
        };
        let verdict = combine(&outcomes);
        if verdict.code != 0 {
            self.metrics.check_denials.inc();
        }
        let answer = EncodedAnswer::new(verdict.code, &verdict.message, references);
        let validity = Validity {
            denied: verdict.code != 0,
            duration: verdict.valid_duration,
            uses: verdict.valid_use_count,
        };
        let (cached, uses) = self.cache.insert(
            &policy.shapes,
            policy.generation,
            bag,
            answer,
            validity,
            Instant::now(),
        );
        let body = respond(&cached, verdict.valid_duration, uses, request, caller, all);
        policy.answer(bag, body, CacheLevel::Miss)
    }

    /// Evaluates conditions and instances: everything that reads the request.
    fn prepare<'p>(
        &self,
        rules: &'p [Arc<CheckRule>],
        bag: &impl Bag,
    ) -> (Vec<PreparedCall<'p>>, References) {
        let tracked = Tracked::new(bag);
        namespace_of(&tracked);
        let mut prepared = Vec::new();
        for rule in rules {
            if let Some(condition) = &rule.condition {
                match condition.eval_bool(&tracked) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(cause) => {
                        // As in Istio: a match that cannot be evaluated does not hold.
                        self.metrics.rule_match_errors.inc();
                        debug!(rule = rule.name, %cause, "a match could not be evaluated");
                        continue;
                    }
                }
            }
            prepared.extend(rule.calls.iter().map(|call| PreparedCall::new(call, &tracked)));
        }
        (prepared, tracked.references())
    }

    async fn call(&self, call: PreparedCall<'_>, span: Option<&Context>) -> Outcome {
        let PreparedCall { call, value } = call;
        let target = &call.target;
        let unit = &target.handler;
        let span = self.span(&unit.name, SpanKind::Internal, span);
        let called = match value {
            Err(cause) => {
                self.metrics.check_failures.with_label_values(&["instance"]).inc();
                span.failed("instance");
                return Outcome::failed(call, INVALID_ARGUMENT, &cause);
            }
            Ok(None) => unit.check_nothing(target.index).await,
            Ok(Some(value)) => unit.list_entry(target.index, value.borrow()).await,
        };
        match called {
            Ok(result) => Outcome { handler: Arc::clone(unit), result, failed: false },
            Err(failure) => {
                self.metrics.check_failures.with_label_values(&[failure.reason()]).inc();
                span.failed(failure.reason());
                Outcome::failed(call, UNAVAILABLE, &failure)
            }
        }
    }

    /// Waits a little for a configuration that is not older than what the caller knows.
    async fn catch_up(
        &self,
        known: Option<&Generation>,
        request: &CheckRequest<'_>,
    ) -> Arc<Policy> {
        let mut announcements = self.watch();
        let caught_up = async {
            loop {
                announcements.borrow_and_update();
                let policy = self.policy();
                let current = policy.for_bag(&request.attributes);
                if !known.is_some_and(|known| known.is_newer_than(&current.generation)) {
                    return;
                }
                if announcements.changed().await.is_err() {
                    return;
                }
            }
        };
        let _in_time = tokio::time::timeout(CATCH_UP, caught_up).await;
        self.policy()
    }
}

/// A call with all that it takes from the request.
struct PreparedCall<'p> {
    call: &'p CheckCall,
    /// `None` for templates without a field.
    value: Result<Option<OwnedValue>, FieldError>,
}

impl<'p> PreparedCall<'p> {
    fn new(call: &'p CheckCall, bag: &impl Bag) -> Self {
        let value = match &*call.input {
            CheckInput::Nothing => Ok(None),
            CheckInput::ListEntry(field) => {
                field.evaluate(bag).map(|value| Some(adapter_value(&value).into()))
            }
        };
        Self { call, value }
    }
}

/// How many handlers the calls go to. They are few: comparing all is faster than a set.
fn destinations(calls: &[PreparedCall<'_>]) -> usize {
    let handler = |call: &PreparedCall<'_>| Arc::as_ptr(&call.call.target.handler);
    let is_first = |(at, call): &(usize, &PreparedCall<'_>)| {
        calls[..*at].iter().all(|before| handler(before) != handler(call))
    };
    calls.iter().enumerate().filter(is_first).count()
}

/// What one handler said, or Mixer in its place.
struct Outcome {
    handler: Arc<HandlerUnit>,
    result: CheckResult,
    failed: bool,
}

impl Outcome {
    /// By the rule's fail policy: closed refuses, open has no opinion. Neither may be used again.
    fn failed(call: &CheckCall, code: i32, why: &dyn Display) -> Self {
        let handler = Arc::clone(&call.target.handler);
        let (code, message) = match call.fail_policy {
            FailPolicy::Closed => (code, format!("instance {}: {why}", call.target.instance)),
            FailPolicy::Open => (0, String::new()),
        };
        let result = CheckResult { code, message, valid_duration_ns: 0, valid_use_count: 0 };
        Self { handler, result, failed: true }
    }

    fn is_no_opinion(&self) -> bool {
        let r = &self.result;
        !self.failed && r.code == 0 && r.valid_duration_ns == 0 && r.valid_use_count == 0
    }
}

/// One verdict of all that were given, in the order of the rules: the first failing code, the texts of
/// all that failed, the shortest lifetime and the fewest uses.
fn combine(outcomes: &[Outcome]) -> Verdict {
    let mut verdict = Verdict {
        code: 0,
        message: String::new(),
        valid_duration: Duration::MAX,
        valid_use_count: UseCount(-1),
    };
    let mut opinions = 0;
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_no_opinion()) {
        opinions += 1;
        let result = &outcome.result;
        let lifetime = Duration::from_nanos(result.valid_duration_ns);
        verdict.valid_duration = verdict.valid_duration.min(lifetime);
        verdict.valid_use_count = verdict.valid_use_count.fewer(UseCount(result.valid_use_count));
        if result.code == 0 {
            continue;
        }
        if verdict.code == 0 {
            verdict.code = result.code;
        } else {
            verdict.message.push_str(", ");
        }
        verdict.message.push_str(&outcome.handler.name);
        verdict.message.push(':');
        verdict.message.push_str(&result.message);
    }
    if opinions == 0 {
        (verdict.valid_duration, verdict.valid_use_count) = NO_OPINION;
    }
    verdict
}

fn respond(
    cached: &CachedAnswer,
    valid_duration: Duration,
    valid_use_count: UseCount,
    request: &CheckRequest<'_>,
    caller: &Caller,
    policy: &Policy,
) -> Bytes {
    let answer = cached.answer();
    // An old proxy takes an answer given for an absent map for one that holds with any map.
    let misread = !caller.is_our_filter
        && answer.referenced().iter().any(|(name, key, condition)| {
            condition == Condition::Absence && key.is_none() && policy.is_map(name)
        });
    let uses = if misread { UseCount(0) } else { valid_use_count };
    answer.response(valid_duration, uses, request.global_word_count)
}
