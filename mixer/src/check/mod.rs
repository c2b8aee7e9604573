//! Check: from the bytes of a request to the bytes of an answer.
//!
//! One configuration is used from decode to cache insert.

mod combine;
mod dispatch;
mod explain;
mod quota;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mesh_api::mixer::v1::RouteDirective;
use mesh_attributes::wire::CheckRequest;
use mesh_attributes::{Condition, GlobalWord, References};
use opentelemetry::Context;
use opentelemetry::trace::SpanKind;
use tonic::Status;

use self::dispatch::Dispatched;
use crate::answer::{EncodedAnswer, QuotaAnswer, UseCount, Verdict};
use crate::check_cache::{
    CachedAnswer, FlightKey, Hit, Inserted, LookUp, NewAnswer, Turn, Validity,
};
use crate::generate::{Generated, RememberedOutputs};
use crate::policy::{Generation, NamespacePolicy, Policy};
use crate::service::Mixer;
use crate::shedding::{RequestKind, Shed};

/// How long a Mixer that is behind its caller waits for its own configuration.
const CATCH_UP: Duration = Duration::from_millis(100);

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
    /// Older than it should be: by a policy older than the caller knows, or cached and past its lifetime
    /// while a handler is away.
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
    /// The rule that refused, as `name.rule.namespace`.
    pub rule: Option<Arc<str>>,
}

/// An answer to the precondition, with what of it may be used.
struct Precondition {
    answer: Arc<CachedAnswer>,
    generation: Generation,
    valid_duration: Duration,
    valid_use_count: UseCount,
    level: CacheLevel,
    /// What generators made, if they ran.
    generated: Option<Generated>,
}

impl Mixer {
    /// Answers a `CheckRequest`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a message that is no `CheckRequest`, or with a dictionary that this Mixer does
    /// not know; UNAVAILABLE for one that is shed. Whatever goes wrong behind that is an answer: a
    /// decision, closed.
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
        let bag = &request.attributes;
        let mut precondition = match self.cache.look_up(&current.shapes, &*policy, bag, started) {
            LookUp::Hit(hit) => self.found(hit),
            LookUp::Miss(key) => self
                .missed(key, &request, current, &policy, span.context())
                .await
                .inspect_err(|_| span.failed("shed"))?,
        };
        let mut quotas = Vec::new();
        if !precondition.answer.denied() && !request.quotas.is_empty() {
            match self.quotas(&request, current, &policy, &precondition, span.context()).await {
                Ok(answers) => quotas = answers,
                Err(refused) => precondition = refused,
            }
        }
        if precondition.answer.denied() {
            self.metrics.check_denials.inc();
        }
        let cache = if still_behind {
            self.metrics.check_stale_answers.inc();
            CacheLevel::Stale
        } else {
            precondition.level
        };
        span.answered_from(cache);
        self.metrics.check_seconds.observe(started.elapsed().as_secs_f64());
        let body = respond(&precondition, &quotas, &request, caller, &policy);
        Ok(precondition.into_answer(body, cache))
    }

    /// The answer from the cache, if there is one: the whole work of a hit, without gRPC. Quotas are not
    /// looked at.
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
        let bag = &request.attributes;
        let LookUp::Hit(hit) = self.cache.look_up(&current.shapes, &*policy, bag, Instant::now())
        else {
            return Ok(None);
        };
        let hit = self.found(hit);
        let body = respond(&hit, &[], &request, caller, &policy);
        Ok(Some(hit.into_answer(body, CacheLevel::L2)))
    }

    fn decode_check<'r>(&self, request: &'r [u8]) -> Result<CheckRequest<'r>, Status> {
        let malformed = || self.metrics.malformed_messages.with_label_values(&["check"]).inc();
        let request = CheckRequest::decode(request).map_err(|cause| {
            malformed();
            Status::invalid_argument(format!("malformed CheckRequest: {cause}"))
        })?;
        if request.global_word_count as usize > GlobalWord::COUNT {
            malformed();
            // Old proxies take these words for the hint to fall back to the first dictionary.
            return Err(Status::invalid_argument(format!(
                "Request could not be processed due to invalid dictionary: this Mixer knows {} words, \
                 the caller uses {}",
                GlobalWord::COUNT,
                request.global_word_count
            )));
        }
        Ok(request)
    }

    fn found(&self, hit: Hit) -> Precondition {
        self.metrics.check_cache.hits.inc();
        Precondition::from_hit(hit, CacheLevel::L2)
    }

    /// The answer to a request that the cache has none for: that of another request which is just being
    /// dispatched, if it fits, or its own.
    async fn missed(
        &self,
        key: FlightKey,
        request: &CheckRequest<'_>,
        policy: &NamespacePolicy,
        all: &Policy,
        span: Option<&Context>,
    ) -> Result<Precondition, Shed> {
        let lead = match self.cache.flights.join(key) {
            Turn::Lead(lead) => Some(lead),
            Turn::Alone => None,
            Turn::Wait(waiting) => {
                let lead = waiting.wake().await;
                if lead.is_none() {
                    let (bag, now) = (&request.attributes, Instant::now());
                    if let LookUp::Hit(hit) = self.cache.look_up(&policy.shapes, all, bag, now) {
                        return Ok(self.found(hit));
                    }
                    self.metrics.check_cache.waits_in_vain.inc();
                }
                lead
            }
        };
        self.metrics.check_cache.misses.inc();
        let decided = match self.admission.enter(RequestKind::Check, 1).await {
            Ok(_place) => Ok(self.decide(request, policy, all, span).await),
            Err(shed) => Err(shed),
        };
        if let Ok((_, kept)) = &decided {
            self.cache.flights.note(key, *kept);
        }
        // Also when this one was shed: who waits has a chance of its own.
        if let Some(lead) = lead {
            lead.finish();
        }
        decided.map(|(precondition, _)| precondition)
    }

    /// The handlers' answer, and whether others find it in the cache.
    async fn decide(
        &self,
        request: &CheckRequest<'_>,
        policy: &NamespacePolicy,
        all: &Policy,
        span: Option<&Context>,
    ) -> (Precondition, bool) {
        let Dispatched { verdict, references, namespace, generated, is_away } =
            self.dispatch(request, policy, all, span).await;
        let bag = &request.attributes;
        let now = Instant::now();
        if is_away && let Some(hit) = self.cache.look_up_stale(&policy.shapes, all, bag, now) {
            return (Precondition::from_hit(hit, CacheLevel::Stale), false);
        }
        let generation = all.for_namespace(&namespace).generation;
        let valid_duration = verdict.valid_duration;
        let validity = Validity { duration: valid_duration, uses: verdict.valid_use_count };
        let new = NewAnswer {
            denied: verdict.code != 0,
            encoded: EncodedAnswer::new(&verdict, references),
            namespace,
            generation,
        };
        let Inserted { answer, uses, kept } =
            self.cache.insert(&policy.shapes, bag, new, validity, now);
        let precondition = Precondition {
            answer,
            generation,
            valid_duration,
            valid_use_count: uses,
            level: CacheLevel::Miss,
            generated: Some(generated),
        };
        (precondition, kept)
    }

    /// The quotas of a request that may pass, or the refusal of it.
    async fn quotas(
        &self,
        request: &CheckRequest<'_>,
        policy: &NamespacePolicy,
        all: &Policy,
        precondition: &Precondition,
        span: Option<&Context>,
    ) -> Result<Vec<QuotaAnswer>, Precondition> {
        let bag = &request.attributes;
        let refuse = |code, handler: &str, message: &str, references| {
            let verdict = failed_verdict(code, handler, message);
            let answer = &precondition.answer;
            Precondition {
                answer: Arc::new(CachedAnswer::uncached(NewAnswer {
                    denied: true,
                    encoded: EncodedAnswer::new(&verdict, references),
                    namespace: Arc::clone(answer.namespace()),
                    generation: answer.generation(),
                })),
                generation: precondition.generation,
                valid_duration: verdict.valid_duration,
                valid_use_count: verdict.valid_use_count,
                level: CacheLevel::Miss,
                generated: None,
            }
        };
        let again;
        let generated = match &precondition.generated {
            Some(generated) => generated,
            None => {
                let mut remembered = RememberedOutputs::default();
                again =
                    self.generate(&policy.generate, bag, &mut remembered).await.map_err(|f| {
                        refuse(f.code, f.handler.name.as_str(), &f.message, f.references)
                    })?;
                &again
            }
        };
        let deciding = all.for_namespace(precondition.answer.namespace());
        self.allocate(request, deciding, generated, span)
            .await
            .map_err(|f| refuse(f.code, f.handler.name.as_str(), &f.message, References::new()))
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

impl Precondition {
    fn from_hit(hit: Hit, level: CacheLevel) -> Self {
        Self {
            answer: hit.cached,
            generation: hit.generation,
            valid_duration: hit.valid_duration,
            valid_use_count: hit.valid_use_count,
            level,
            generated: None,
        }
    }

    fn into_answer(self, body: Bytes, cache: CacheLevel) -> CheckAnswer {
        let namespace = Arc::clone(self.answer.namespace());
        let rule = self.answer.encoded().rule().cloned();
        CheckAnswer { body, namespace, generation: self.generation, cache, rule }
    }
}

/// A refusal because something is broken: not to be used again.
fn failed_verdict(code: i32, handler: &str, message: &str) -> Verdict {
    Verdict {
        code,
        message: format!("{handler}:{message}"),
        valid_duration: Duration::ZERO,
        valid_use_count: UseCount(0),
        directive: RouteDirective::default(),
        rule: None,
    }
}

fn respond(
    precondition: &Precondition,
    quotas: &[QuotaAnswer],
    request: &CheckRequest<'_>,
    caller: &Caller,
    policy: &Policy,
) -> Bytes {
    let answer = precondition.answer.encoded();
    // An old proxy takes an answer given for an absent map for one that holds with any map.
    let misread = !caller.is_our_filter
        && answer.referenced().iter().any(|(name, key, condition)| {
            condition == Condition::Absence && key.is_none() && policy.is_map(name)
        });
    let uses = if misread { UseCount(0) } else { precondition.valid_use_count };
    answer.response(precondition.valid_duration, uses, quotas, request.global_word_count)
}

#[cfg(test)]
mod tests;
