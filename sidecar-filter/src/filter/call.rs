//! The call that a request makes when nothing is known about it, and what follows from its outcome.

use std::rc::Rc;
use std::time::Duration;

use super::decision::{Decided, DecidedBy, flag};
use super::{Filter, Flow, Phase};
use crate::cache::Stored;
use crate::check::{Answer, AnswerHeaders, Denial, MAX_ANSWER_BYTES, Question, Verdict};
use crate::config::{FailPolicy, Scope};
use crate::generations::{Generation, NamespaceId, Standing};
use crate::grpc::{CallFailure, UnaryReply, status};
use crate::host::{CallId, Moment, StreamHost};
use crate::quota::{Ask, PoolPolicy};
use crate::stats::Counter;
use crate::waiting::CallKey;
use crate::worker::WorkerState;

/// What a call is given whose request has used up its time waiting for others.
const LEAST_TIMEOUT: Duration = Duration::from_millis(1);

/// Details of a request that was refused because Mixer gave no verdict; the cause follows.
const NO_VERDICT: &str = "mixmesh_no_verdict";

/// A call to Mixer under way.
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) reply: UnaryReply,
    pub(super) headers: AnswerHeaders,
    /// What others may wait for this call by.
    pub(super) leads: Option<CallKey>,
    deduplication_id: String,
    /// The first answer, when it was of an older generation and this is the second call.
    older: Option<Answer>,
    /// How often the call was made again because it failed on its way.
    pub(super) repeats: u32,
    /// The quotas that it asks for.
    pub(super) asks: Vec<Ask>,
    /// When it was first made.
    pub(super) sent: Moment,
}

/// How an answer's policy stands to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    Current(NamespaceId, Generation),
    Older,
    /// Mixer names no policies.
    Nameless,
    Unusable,
}

impl Filter {
    /// Asks Mixer for the first time.
    pub(super) fn call<H: StreamHost>(
        &self,
        host: &mut H,
        scope: &Scope,
        leads: Option<CallKey>,
        asks: Vec<Ask>,
    ) -> Flow {
        if !asks.is_empty() {
            host.count(Counter::QuotaCalls, 1);
            self.state.borrow_mut().check.quota_hit = Some(false);
        }
        let call = Call {
            id: CallId(0),
            reply: UnaryReply::new(MAX_ANSWER_BYTES),
            headers: AnswerHeaders::default(),
            leads,
            deduplication_id: self.site.worker.mixer().question(),
            older: None,
            repeats: 0,
            asks,
            sent: host.now(),
        };
        self.site.worker.state.borrow_mut().retries.earn();
        self.send(host, scope, call)
    }

    fn send<H: StreamHost>(&self, host: &mut H, scope: &Scope, mut call: Call) -> Flow {
        let (began, _) = self.began();
        let mixer = self.site.worker.mixer();
        let known = self.known_generation(scope);
        let span = host.span();
        let question = self.with_bag(host, scope, |bag| {
            Question::new(bag, bag.headers(), &call.deduplication_id, known, span, &call.asks)
        });
        let timeout = self.site.config.settings().check_timeout;
        let left = timeout.saturating_sub(host.now().since(began)).max(LEAST_TIMEOUT);
        match question.send(mixer.cluster(), left, |outbound| host.start_call(outbound)) {
            Ok(id) => {
                call.id = id;
                self.state.borrow_mut().phase = Phase::Calling(Box::new(call));
                Flow::Wait
            }
            Err(failure) => {
                // The proxy itself sees nobody to ask; it would not see them a moment later.
                call.repeats = u32::MAX;
                let failure = CallFailure {
                    status: status::UNAVAILABLE,
                    reason: failure.reason().to_owned(),
                    transport: true,
                    unsent: true,
                };
                self.settle(host, call, Err(failure))
            }
        }
    }

    /// Makes a call anew that has come to nothing, under the same name.
    pub(super) fn send_again<H: StreamHost>(&self, host: &mut H, mut call: Call) -> Flow {
        let Some(scope) = self.scope() else { return Flow::Wait };
        call.reply = UnaryReply::new(MAX_ANSWER_BYTES);
        call.headers = AnswerHeaders::default();
        self.send(host, &scope, call)
    }

    /// The call is over: stores what may be stored, wakes those who waited, and decides.
    pub(super) fn settle<H: StreamHost>(
        &self,
        host: &mut H,
        mut call: Call,
        outcome: Result<Answer, CallFailure>,
    ) -> Flow {
        let Some(scope) = self.scope() else { return Flow::Wait };
        match outcome {
            Ok(mut answer) => {
                answer.verdict.name_rule(call.headers.rule.take());
                let refused = answer.refused_operations;
                if refused > 0 {
                    host.count(Counter::HeaderOperationsRefused, refused.into());
                }
                let standing = self.judge(host.now(), &scope, &call.headers);
                if standing == Judged::Older {
                    if call.older.is_none() {
                        host.count(Counter::CheckRecalls, 1);
                        call.older = Some(answer);
                        return self.send_again(host, call);
                    }
                    host.count(Counter::StaleAnswers, 1);
                    self.release(call.leads, false);
                } else {
                    let kept = self.store(host, &scope, standing, &answer);
                    self.release(call.leads, kept);
                }
                let policy = match standing {
                    Judged::Current(namespace, generation) => {
                        Some(Some((namespace, generation.digest)))
                    }
                    Judged::Nameless => Some(None),
                    Judged::Older | Judged::Unusable => None,
                };
                let AnswerHeaders { cache, generation, .. } = call.headers;
                let decided = Decided { by: DecidedBy::Mixer(cache), generation };
                self.conclude(host, &scope, &call, answer, policy, decided)
            }
            Err(failure) => {
                if self.is_repeated(host, &scope, &call, &failure) {
                    call.repeats += 1;
                    self.state.borrow_mut().phase = Phase::Pausing(Box::new(call));
                    return Flow::Wait;
                }
                // A failure says nothing about whether answers can be shared.
                self.release(call.leads, true);
                match call.older.take() {
                    Some(older) => {
                        host.count(Counter::StaleAnswers, 1);
                        let decided = Decided::by(DecidedBy::Mixer(None));
                        self.conclude(host, &scope, &call, older, None, decided)
                    }
                    None => self.fail(host, &scope, &call, &failure),
                }
            }
        }
    }

    /// Does what an answer says: the precondition first, then the quotas. `policy` is whose grants may be
    /// kept, if any.
    fn conclude<H: StreamHost>(
        &self,
        host: &mut H,
        scope: &Scope,
        call: &Call,
        answer: Answer,
        policy: Option<PoolPolicy>,
        decided: Decided,
    ) -> Flow {
        if answer.verdict.is_allow()
            && let Err(exhausted) = self.settle_quotas(host, scope, call, &answer, policy)
        {
            return self.refuse_exhausted(host, &exhausted, decided);
        }
        self.apply(host, answer.verdict, decided)
    }

    /// Where the answer's policy stands among what is known, and learns from it.
    fn judge(&self, now: Moment, scope: &Scope, headers: &AnswerHeaders) -> Judged {
        let mixer = self.site.worker.mixer();
        let (Some(namespace), Some(generation)) = (&headers.namespace, headers.generation) else {
            // A Mixer that names no policies is trusted with lifetimes, but not beside one that does.
            let nameless = mixer.generations.is_empty();
            return if nameless { Judged::Nameless } else { Judged::Unusable };
        };
        match mixer.generations.judge(namespace, generation, now) {
            Standing::Current(id) => {
                scope.destination.learn(id);
                if headers.is_stale() { Judged::Older } else { Judged::Current(id, generation) }
            }
            Standing::Older(id) => {
                scope.destination.learn(id);
                Judged::Older
            }
            Standing::Untracked => Judged::Unusable,
        }
    }

    /// Keeps the answer if it may be kept; says whether it was.
    fn store<H: StreamHost>(
        &self,
        host: &H,
        scope: &Scope,
        judged: Judged,
        answer: &Answer,
    ) -> bool {
        let policy = match judged {
            Judged::Current(namespace, generation) => Some((namespace, generation)),
            Judged::Nameless => None,
            Judged::Older | Judged::Unusable => {
                host.count(Counter::CheckUncacheable, 1);
                return false;
            }
        };
        let stored = self.with_bag(host, scope, |bag| {
            let mut worker = self.site.worker.state.borrow_mut();
            let stored = worker.l1.store(answer, policy, bag, host.now());
            self.site.worker.publish_sizes(&worker);
            stored
        });
        match stored {
            Stored::Kept { evicted: 0 } => true,
            Stored::Kept { evicted } => {
                host.count(Counter::L1Evictions, evicted as u64);
                true
            }
            Stored::Uncacheable => {
                host.count(Counter::CheckUncacheable, 1);
                false
            }
        }
    }

    fn release(&self, leads: Option<CallKey>, shareable: bool) {
        if let Some(key) = leads {
            let calls = &mut self.site.worker.state.borrow_mut().calls;
            calls.note(key, shareable);
            calls.finish(key, self.serial);
        }
    }

    /// Mixer gave no verdict: the fail policy decides.
    fn fail<H: StreamHost>(
        &self,
        host: &mut H,
        scope: &Scope,
        call: &Call,
        failure: &CallFailure,
    ) -> Flow {
        host.count(Counter::CheckFailures, 1);
        // An old verdict says nothing of quotas.
        if failure.transport
            && call.asks.is_empty()
            && let Some(verdict) = self.stale_allow(host, scope)
        {
            host.count(Counter::CheckServedStale, 1);
            return self.apply(host, verdict, Decided::by(DecidedBy::Stale));
        }
        let policy = scope.policies.check.on(failure);
        if policy == FailPolicy::Open {
            host.count(Counter::CheckFailedOpen, 1);
            return self.pass(host, Decided::by(DecidedBy::FailPolicy));
        }
        let reason = if failure.transport { "mixer cannot be reached" } else { "mixer failed" };
        let details = format!("{NO_VERDICT}{{{}:{}}}", failure.status, detail(&failure.reason));
        host.set_flag(flag::NO_VERDICT);
        let denial = Rc::new(Denial::unavailable(reason, &details));
        self.refuse(host, denial, Decided::by(DecidedBy::FailPolicy))
    }

    fn stale_allow<H: StreamHost>(&self, host: &H, scope: &Scope) -> Option<Verdict> {
        if self.site.config.settings().serve_stale == Duration::ZERO {
            return None;
        }
        let validity = self.validity(host.now());
        self.with_bag(host, scope, |bag| {
            let mut worker = self.site.worker.state.borrow_mut();
            let WorkerState { l1, policies, .. } = &mut *worker;
            l1.look_up_stale(scope.destination.namespace(), bag, policies.load(), &validity)
        })
    }

    pub(super) fn take_call(&self, id: CallId) -> Option<Box<Call>> {
        let phase = &mut self.state.borrow_mut().phase;
        match std::mem::take(phase) {
            Phase::Calling(call) if call.id == id => Some(call),
            other => {
                *phase = other;
                None
            }
        }
    }
}

/// A reason as response code details bear it: one word of plain characters, cut short.
pub(super) fn detail(reason: &str) -> String {
    const LONGEST: usize = 120;
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-:/".contains(c) { c } else { '_' };
    reason.chars().take(LONGEST).map(plain).collect()
}
